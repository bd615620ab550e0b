# SPDX-License-Identifier: Apache-2.0
"""The units as installed, under a real systemd."""

import os
import signal

from harness.topics import UP


def test_starts_and_connects(box, gateway, cloud):
    gateway.configure(cloud)
    gateway.start().wait_online()
    assert box.property("iotlinkd", "ActiveState") == "active"
    with gateway.client() as client:
        assert client.publish(UP, "x", qos=1)["state"] == "delivered"
    cloud.wait_event("publish", payload=b"x")


def test_socket_has_its_owner_and_mode(box, gateway, cloud):
    gateway.configure(cloud)
    gateway.start().wait_online()
    found = box.run("stat", "-c", "%a %U:%G", "/run/iotlinkd/iotlinkd.sock", "/run/iotlinkd").stdout
    assert found.split("\n")[:2] == ["660 root:iotlink", "755 root:root"]
    assert box.run("stat", "-c", "%a %U", "/var/lib/iotlinkd").stdout.strip() == "700 iotlink"


def test_killed_it_comes_back_and_nothing_acknowledged_is_lost(box, gateway, generous):
    gateway.configure(generous, cloud={"limits": {"connects_per_minute": 0}})
    gateway.start().wait_online()
    generous.set(answer="silence")
    generous.cut()
    with gateway.client() as client:
        for number in range(50):
            assert client.publish(UP, str(number), qos=1)["state"] == "stored"
    before = gateway.pid()
    box.run("systemctl", "kill", "-s", str(int(signal.SIGKILL)), "iotlinkd")
    generous.set(answer=None)
    box.wait(lambda: gateway.pid() not in (0, before), 30, "a new process")
    generous.wait_event("publish", count=50, timeout=30)
    payloads = [event["payload"] for event in generous.events("publish")]
    assert sorted(set(map(int, payloads))) == list(range(50))
    assert os.path.exists(box.path("/var/lib/iotlinkd/spool.db"))


def test_metrics_for_node_exporter(box, gateway, cloud):
    place = "/var/lib/prometheus/node-exporter"
    gateway.configure(cloud)
    box.run("mkdir", "-p", place)
    box.run("systemctl", "start", "iotlinkd-metrics.timer")
    path = box.path(place + "/iotlinkd.prom")

    def says(line):
        try:
            with open(path, encoding="utf-8") as file:
                return line in file.read()
        except FileNotFoundError:
            return False

    box.wait(lambda: says("iotlink_up 0\n"), 30, "the daemon's absence in the file")
    assert box.property("iotlinkd-metrics", "Result") == "success"
    gateway.start().wait_online()
    box.run("systemctl", "start", "iotlinkd-metrics")
    assert says("iotlink_up 1\n") and says('iotlink_state{iotlink_state="online"} 1\n')
    assert box.run("stat", "-c", "%a %U", place + "/iotlinkd.prom").stdout.strip() == "644 root"
    assert box.run("ls", "-A", place).stdout.split() == ["iotlinkd.prom"]
