# SPDX-License-Identifier: Apache-2.0
#
# A stand-in for OpenWrt's include files: "make install-NAME" runs a package's install steps.
INSTALL_DIR:=install -d -m 755
INSTALL_BIN:=install -m 755
CP:=cp -fpR

all: check

define BuildPackage
check: install-$(1)
install-$(1):
	$(if $(Package/$(1)),,$(error no Package/$(1)))
	$(if $(Package/$(1)/description),,$(error no description of $(1)))
	$(call Package/$(1)/install,$(OUT)/$(1))
endef

check: install-dev
install-dev:
	$(call Build/InstallDev,$(OUT)/dev)
