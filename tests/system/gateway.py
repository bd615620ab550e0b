# SPDX-License-Identifier: Apache-2.0
"""A box that is a gateway: accounts, configuration, and programs at its socket."""

import os
import stat

from harness import conf
from harness.client import SocketClient

HOST = "gateway.iot-as-mqtt.cn-shanghai.aliyuncs.com"  # the stand-in's certificate has this name
ROOT = "/etc/iotlinkd/test-root.pem"


class Gateway:
    def __init__(self, box):
        self.box = box
        box.run("systemd-sysusers")
        box.run("systemctl", "daemon-reload")

    def configure(self, cloud, name="iotlinkd", /, identity=None, **changes):
        """Writes /etc/iotlinkd/NAME.conf for a device of @cloud."""
        box = self.box
        hosts = box.path("/etc/hosts")
        with open(hosts, "a+", encoding="ascii") as file:
            file.seek(0)
            if HOST not in file.read():
                file.write("%s %s\n" % (cloud.host, HOST))
        with open(cloud.ca_file, encoding="ascii") as file:
            box.write(ROOT, file.read())
        keys = ("product_key", "device_name", "device_secret")
        config = conf.device(
            "%s:%d" % (HOST, cloud.tls_port),
            None,
            ROOT,
            identity=identity or {key: cloud.identity[key] for key in keys},
            local=None,
        )
        self.write(name, conf.file_text(conf.merged(config, changes)))

    def write(self, name, text):
        path = "/etc/iotlinkd/%s.conf" % name
        self.box.write(path, text, 0o640)
        self.box.run("chgrp", "iotlink", path)

    def socket(self, name="iotlinkd"):
        return self.box.path("/run/iotlinkd/%s.sock" % name)

    def has_socket(self, name="iotlinkd"):
        try:
            return stat.S_ISSOCK(os.stat(self.socket(name)).st_mode)
        except OSError:
            return False

    def client(self, name="iotlinkd"):
        return SocketClient(self.socket(name))

    def start(self, unit="iotlinkd"):
        self.box.run("systemctl", "start", unit)
        return self

    def wait_online(self, name="iotlinkd", seconds=20):
        with self.client(name) as client:
            client.say(op="watch")
            client.state("online", seconds=seconds)
        return self

    def pid(self, unit="iotlinkd"):
        """Its number inside the box."""
        return int(self.box.property(unit, "MainPID"))

    def status_text(self, unit="iotlinkd"):
        return self.box.property(unit, "StatusText")

    def events(self, unit="iotlinkd"):
        return [
            entry["IOTLINK_EVENT"] for entry in self.box.journal(unit) if "IOTLINK_EVENT" in entry
        ]
