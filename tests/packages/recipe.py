#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a Yocto recipe without bitbake and compares it with what is installed.

    recipe.py RECIPE STAGE SOURCE
"""

import fnmatch
import hashlib
import os
import re
import sys

VARIABLES = {
    "bindir": "/usr/bin", "sbindir": "/usr/sbin", "libdir": "/usr/lib", "includedir": "/usr/include",
    "libexecdir": "/usr/libexec", "datadir": "/usr/share", "sysconfdir": "/etc", "localstatedir": "/var",
    "nonarch_libdir": "/usr/lib", "systemd_system_unitdir": "/usr/lib/systemd/system",
    "docdir": "/usr/share/doc", "mandir": "/usr/share/man", "PN": "iotlinkd",
}  # fmt: skip

# bitbake.conf's own defaults, as far as they matter here; packages take files in this order.
DEFAULTS = {
    "iotlinkd-doc": "${docdir} ${mandir}",
    "iotlinkd": "${bindir}/* ${sbindir}/* ${libexecdir}/* ${libdir}/lib*.so.* ${sysconfdir} "
    "${datadir}/${BPN}",
}
RECIPES = {
    "libcrypto": "openssl", "libssl": "openssl", "libconfig": "libconfig", "libsystemd": "systemd",
    "jansson": "jansson", "libcurl": "curl", "sqlite3": "sqlite3", "paho-mqtt3as": "paho-mqtt-c",
    "paho-mqtt3cs": "paho-mqtt-c",
}  # fmt: skip
OWNERS = {
    "/usr/sbin/iotlinkd": "iotlinkd", "/usr/bin/iotlinkctl": "iotlinkctl",
    "/etc/iotlinkd/iotlinkd.conf": "iotlinkd", "/usr/lib/libiotlink.so": "libiotlink-dev",
    "/usr/lib/libiotlink.so.1": "libiotlink", "/usr/include/sign_api.h": "libiotlink-dev",
    "/usr/lib/systemd/system/iotlinkd@.service": "iotlinkd",
    "/usr/lib/systemd/system/iotlinkd-metrics.timer": "iotlinkctl",
    "/usr/libexec/iotlinkd/iotlink-auth": "iotlinkd",
}  # fmt: skip


def read(path):
    """The assignments as (name, operator, value)."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"\\\n\s*", " ", file.read())
    result = []
    for line in text.splitlines():
        if not line.strip() or line.startswith(("#", "inherit ")):
            continue
        match = re.fullmatch(r"([\w:${}-]+) (=\+|\+=|\?=|=) \"(.*)\"", line)
        if not match:
            raise SystemExit("can't be read: " + line)
        result.append(match.groups())
    return result


def expand(text):
    return re.sub(r"\$\{(\w+)\}", lambda m: VARIABLES[m.group(1)], text)


def installed(stage):
    for directory, _, files in os.walk(stage):
        for name in files:
            yield "/" + os.path.relpath(os.path.join(directory, name), stage)


def owner(path, packages):
    for package, patterns in packages:
        for pattern in patterns:
            if fnmatch.fnmatch(path, pattern) or path.startswith(pattern.rstrip("/*") + "/"):
                return package
    return None


def main():
    recipe, stage, source = sys.argv[1:]
    VARIABLES["BPN"] = VARIABLES["PN"]
    VARIABLES["PV"] = os.path.basename(recipe).split("_")[1][: -len(".bb")]
    values = {}
    for name, _, value in read(recipe):
        values[expand(name)] = expand(value)
    problems = []

    with open(os.path.join(source, "LICENSE"), "rb") as file:
        digest = hashlib.md5(file.read()).hexdigest()
    if not values["LIC_FILES_CHKSUM"].endswith("md5=" + digest):
        problems.append("LIC_FILES_CHKSUM is not LICENSE's, which is " + digest)

    with open(os.path.join(source, "meson.build"), encoding="utf-8") as file:
        wanted = re.findall(r"(?:dependency|find_library)\('([\w-]+)'", file.read())
    for library in set(wanted) - {"threads"}:
        if RECIPES[library] not in values["DEPENDS"].split():
            problems.append("DEPENDS lacks %s for %s" % (RECIPES[library], library))

    first = values["PACKAGES"].split()
    own = values["FILES:iotlinkd"] + " " + expand(DEFAULTS["iotlinkd"])
    packages = [(name, values["FILES:" + name].split()) for name in first]
    packages += [("iotlinkd-doc", expand(DEFAULTS["iotlinkd-doc"]).split()), ("iotlinkd", own.split())]
    owners = {path: owner(path, packages) for path in installed(stage)}
    problems += ["no package has " + path for path, package in owners.items() if not package]
    for path, package in OWNERS.items():
        if owners.get(path) != package:
            problems.append("%s is in %s, not %s" % (path, owners.get(path), package))

    for unit in values["SYSTEMD_SERVICE:iotlinkd"].split():
        if owners.get(VARIABLES["systemd_system_unitdir"] + "/" + unit) != "iotlinkd":
            problems.append("SYSTEMD_SERVICE names %s, which is not installed" % unit)
    print("\n".join(problems) or "%d files in %d packages" % (len(owners), len(packages)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
