# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Shared connection of a gateway's programs to the IoT cloud"
DESCRIPTION = "Owns a gateway's identity and its connection to Alibaba Cloud IoT Platform, AliwareMQ \
or any MQTT 3.1.1 broker; programs in any language use it through a local socket."
SECTION = "net"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# The release, put beside this recipe in files/; "packaging/deb --source-only" makes it.
SRC_URI = "file://iotlinkd-${PV}.tar.xz"

# paho-mqtt-c, jansson and libconfig come from meta-oe.
DEPENDS = "curl jansson libconfig openssl paho-mqtt-c sqlite3 systemd"

inherit features_check meson pkgconfig systemd useradd

REQUIRED_DISTRO_FEATURES = "systemd"

EXTRA_OEMESON = "-Dtests=false \
                 -Dsystemdunitdir=${systemd_system_unitdir} \
                 -Dsysusersdir=${nonarch_libdir}/sysusers.d \
                 -Dcatalogdir=${nonarch_libdir}/systemd/catalog"

USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --user-group --no-create-home --home-dir ${localstatedir}/lib/iotlinkd \
                       --shell /sbin/nologin iotlink"

PACKAGES =+ "iotlinkctl libiotlink libiotlink-dev"

SYSTEMD_PACKAGES = "${PN}"
SYSTEMD_SERVICE:${PN} = "iotlinkd.service iotlinkd.socket"

CONFFILES:${PN} = "${sysconfdir}/iotlinkd/iotlinkd.conf"
RRECOMMENDS:${PN} = "iotlinkctl"

FILES:iotlinkctl = "${bindir}/iotlinkctl \
                    ${systemd_system_unitdir}/iotlinkd-metrics* \
                    ${datadir}/bash-completion \
                    ${datadir}/fish \
                    ${datadir}/zsh"
FILES:libiotlink = "${libdir}/libiotlink.so.*"
FILES:libiotlink-dev = "${includedir} \
                        ${libdir}/libiotlink.so \
                        ${libdir}/pkgconfig"
FILES:${PN} += "${systemd_system_unitdir} \
                ${nonarch_libdir}/sysusers.d \
                ${nonarch_libdir}/systemd/catalog"
