# SPDX-License-Identifier: Apache-2.0
"""The units as installed, under a real systemd."""

import os
import signal
import threading
import time

import sandbox

from harness import conf
from harness.client import Closed
from harness.frozen import Frozen
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


# The socket


def test_program_that_comes_first_starts_it(box, gateway, cloud):
    gateway.configure(cloud)
    box.run("systemctl", "start", "iotlinkd.socket")
    assert box.property("iotlinkd", "ActiveState") == "inactive"
    with gateway.client() as client:
        client.say(op="pub", id="early", topic=UP, payload="first", qos=1)
        assert client.expect(id="early", seconds=30)["op"] == "ack"
    cloud.wait_event("publish", payload=b"first")
    assert box.property("iotlinkd", "ActiveState") == "active"


def test_both_units_enabled_start_in_the_right_order(box, gateway, cloud):
    gateway.configure(cloud)
    box.run("systemctl", "enable", "--now", "iotlinkd.service")
    gateway.wait_online()
    assert box.property("iotlinkd.socket", "ActiveState") == "active"
    assert box.property("iotlinkd.socket", "UnitFileState") == "enabled", "with the service"
    assert "refusing" not in "\n".join(box.messages("iotlinkd.socket"))


def test_nothing_is_lost_across_restarts_under_load(box, gateway, generous):
    gateway.configure(generous, cloud={"limits": conf.NO_LIMITS})
    gateway.start().wait_online()
    load = Load(gateway).start()
    for _ in range(4):
        load.wait(len(load.acknowledged) + 100)
        box.run("systemctl", "restart", "iotlinkd")
    load.wait(len(load.acknowledged) + 100)
    load.stop()
    assert load.refused == 0, "the socket is always there"
    wanted = set(load.acknowledged)
    box.wait(
        lambda: wanted <= {event["payload"] for event in generous.events("publish")},
        60,
        "every acknowledged message",
    )


def test_reboot_brings_everything_back(box, gateway, generous):
    gateway.configure(generous, cloud={"limits": {"connects_per_minute": 0}})
    box.run("systemctl", "enable", "--now", "iotlinkd")
    gateway.wait_online()
    generous.set(answer="silence")
    generous.cut()
    with gateway.client() as client:
        assert client.publish(UP, "kept", qos=1)["state"] == "stored"
    box.halt()
    generous.set(answer=None)
    box.boot()
    generous.wait_event("publish", payload=b"kept", timeout=30)


class Load:
    """A program that publishes as fast as it is answered, and comes back when it is cut off."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.acknowledged = []
        self.refused = 0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def _run(self):
        number = 0
        while self.running:
            try:
                with self.gateway.client() as client:
                    while self.running:
                        number += 1
                        payload = "%d" % number
                        if client.publish(UP, payload, qos=1, seconds=20)["op"] == "ack":
                            self.acknowledged.append(payload.encode())
            except ConnectionRefusedError:
                self.refused += 1
                time.sleep(0.01)
            except (OSError, Closed):
                pass  # it has restarted: what was not answered is not promised

    def wait(self, count):
        self.gateway.box.wait(lambda: len(self.acknowledged) >= count, 60, "receipts")

    def stop(self):
        self.running = False
        self.thread.join(30)


# The watchdog


def shorten_watchdog(box, unit="iotlinkd", seconds="1"):
    drop_in(box, unit, "[Service]\nWatchdogSec=%s\nRestartSec=1\n" % seconds)


def drop_in(box, unit, text):
    directory = "/etc/systemd/system/%s.service.d" % unit
    os.makedirs(box.path(directory), exist_ok=True)
    box.write(directory + "/test.conf", text)
    box.run("systemctl", "daemon-reload")


def wait_for_another(box, gateway, before, seconds=30):
    return box.wait(lambda: gateway.pid() not in (0, before), seconds, "a new process")


def test_watchdog_ends_a_daemon_that_is_stopped(box, gateway, cloud):
    gateway.configure(cloud)
    shorten_watchdog(box)
    gateway.start().wait_online()
    before = gateway.pid()
    box.run("kill", "-STOP", str(before))
    wait_for_another(box, gateway, before)
    assert "Watchdog timeout" in "\n".join(box.messages("iotlinkd"))


def test_watchdog_ends_a_daemon_whose_cloud_thread_hangs(box, gateway, cloud):
    gateway.configure(cloud)
    shorten_watchdog(box, seconds="500ms")
    gateway.start().wait_online()
    before = gateway.pid()
    with Frozen(outside_pid(box, before), "cloud") as frozen:
        box.wait(frozen.is_gone, 30, "the end of the thread")
    wait_for_another(box, gateway, before)
    gateway.wait_online()
    messages = box.messages("iotlinkd")
    assert any("has not moved" in text for text in messages)
    assert any("Watchdog timeout" in text for text in messages)


def outside_pid(box, inside):
    """The number that this machine knows a process of the box by."""
    for entry in os.listdir("/proc"):
        try:
            with open("/proc/%s/status" % entry, encoding="ascii", errors="replace") as file:
                numbers = next(line for line in file if line.startswith("NSpid:")).split()[1:]
            if len(numbers) > 1 and numbers[-1] == str(inside) and same_namespace(entry, box.leader):
                return int(entry)
        except (OSError, StopIteration, ValueError):
            continue
    raise AssertionError("no process %d in the box" % inside)


def same_namespace(pid, other):
    return os.readlink("/proc/%s/ns/pid" % pid) == os.readlink("/proc/%s/ns/pid" % other)


# Reload


def test_reload_takes_over_what_changed(box, gateway, cloud):
    gateway.configure(cloud)
    gateway.start().wait_online()
    before = gateway.pid()
    gateway.configure(cloud, local={"max_clients": 7})
    box.run("systemctl", "reload", "iotlinkd")
    box.wait(lambda: "reloaded" in gateway.events(), what="the event")
    gateway.configure(cloud, cloud={"keepalive": 60})
    box.run("systemctl", "reload", "iotlinkd")
    cloud.wait_event("connect", keepalive=60)
    gateway.wait_online()
    assert gateway.pid() == before
    assert len(cloud.events("connect")) == 2
    changed = [entry.get("IOTLINK_CHANGED") for entry in box.journal("iotlinkd")]
    assert "local.max_clients" in changed
    assert box.property("iotlinkd", "ActiveState") == "active"


def test_reload_of_a_bad_file_fails_and_says_why(box, gateway, cloud):
    gateway.configure(cloud)
    gateway.start().wait_online()
    before = gateway.pid()
    gateway.configure(cloud, cloud={"keepalive": 5})
    assert box.run("systemctl", "reload", "iotlinkd", check=False).returncode != 0
    errors = [e for e in box.journal("iotlinkd") if e.get("IOTLINK_EVENT") == "config-invalid"]
    assert len(errors) == 1 and "cloud.keepalive" in errors[0]["MESSAGE"]
    assert box.property("iotlinkd", "ActiveState") == "active"
    # The signal alone is as safe.
    box.run("systemctl", "kill", "-s", "HUP", "iotlinkd")
    box.wait(lambda: "reload-failed" in gateway.events(), what="the event")
    gateway.wait_online()
    assert gateway.pid() == before and len(cloud.events("connect")) == 1
    assert box.property("iotlinkd", "ActiveState") == "active"


# Secrets


def configure_without_secret(gateway, cloud):
    keys = ("product_key", "device_name")
    gateway.configure(cloud, identity={key: cloud.identity[key] for key in keys})
    text = open(gateway.box.path("/etc/iotlinkd/iotlinkd.conf"), encoding="utf-8").read()
    assert text.count("device_secret") == 1
    lines = text.replace('device_secret = "%s";' % conf.DEVICE_SECRET, "")
    gateway.write("iotlinkd", lines)


def test_secret_as_a_credential(box, gateway, cloud):
    configure_without_secret(gateway, cloud)
    box.write("/etc/iotlinkd/device.secret", cloud.identity["device_secret"] + "\n", 0o600)
    drop_in(
        box, "iotlinkd", "[Service]\nLoadCredential=device_secret:/etc/iotlinkd/device.secret\n"
    )
    gateway.start().wait_online()
    # The check before a reload has it, too.
    box.run("systemctl", "reload", "iotlinkd")
    box.wait(lambda: "reloaded" in gateway.events(), what="the event")
    assert len(cloud.events("connect")) == 1


def test_secret_as_an_encrypted_credential(box, gateway, cloud):
    configure_without_secret(gateway, cloud)
    box.run(
        "systemd-creds", "encrypt", "--with-key=host", "--name=device_secret", "-",
        "/etc/iotlinkd/device_secret.cred", stdin=cloud.identity["device_secret"],
    )  # fmt: skip
    drop_in(
        box,
        "iotlinkd",
        "[Service]\nLoadCredentialEncrypted=device_secret:/etc/iotlinkd/device_secret.cred\n",
    )
    gateway.start().wait_online()
    found = box.run("grep", "-rl", cloud.identity["device_secret"], "/etc", "/var", check=False)
    assert found.stdout == ""


# Several of them


def test_two_instances_do_not_disturb_each_other(box, gateway, cloud):
    cloud.add_identity(cloud.identity["product_key"], "second01", "2" * 32)
    second = {**cloud.identity, "device_name": "second01", "device_secret": "2" * 32}
    gateway.configure(cloud, "one")
    gateway.configure(cloud, "two", identity=second)
    box.run("systemctl", "enable", "--now", "iotlinkd@one", "iotlinkd@two")
    assert box.property("iotlinkd@two.socket", "UnitFileState") == "enabled", "with the service"
    gateway.wait_online("one").wait_online("two")
    for name, device in (("one", cloud.identity["device_name"]), ("two", "second01")):
        topic = "/%s/%s/user/up" % (cloud.identity["product_key"], device)
        with gateway.client(name) as client:
            assert client.publish(topic, name, qos=1)["state"] == "delivered"
        assert os.path.exists(box.path("/var/lib/iotlinkd-%s/spool.db" % name))
    assert not gateway.has_socket()
    for name in ("one", "two"):
        assert "nline" in box.run("iotlinkctl", "--instance", name, "status").stdout
        said = box.run("iotlinkctl", "--instance", name, "check").stdout
        assert "/run/iotlinkd/%s.sock" % name in said and "/var/lib/iotlinkd-%s" % name in said
        box.run("systemctl", "reload", "iotlinkd@" + name)
        box.wait(lambda name=name: "reloaded" in gateway.events("iotlinkd@" + name), what="reload")
    before = gateway.pid("iotlinkd@two")
    box.run("systemctl", "stop", "iotlinkd@one.service", "iotlinkd@one.socket")
    assert not gateway.has_socket("one")
    with gateway.client("two") as client:
        assert client.status()["state"] == "online"
    assert gateway.pid("iotlinkd@two") == before
    names = {e["SYSLOG_IDENTIFIER"] for e in box.journal() if "IOTLINK_EVENT" in e}
    assert names == {"iotlinkd@one", "iotlinkd@two"}
    # Neither can write what is the other's.
    assert (
        box.run(
            "nsenter", "-t", str(before), "-m", "touch", "/var/lib/iotlinkd-one/x", check=False
        ).returncode
        != 0
    )


# What it says, and what it may do


def test_status_line(box, gateway, generous):
    gateway.configure(generous)
    gateway.start().wait_online()
    box.wait(lambda: gateway.status_text().startswith("Online at gateway."), what="Online")
    generous.set(answer="silence")
    generous.cut()
    with gateway.client() as client:
        for number in range(3):
            assert client.publish(UP, str(number), qos=1)["state"] == "stored"
        box.wait(lambda: "3 messages wait" in gateway.status_text(), what="the backlog")
    assert "closed" in gateway.status_text()


def test_without_a_configuration_it_says_what_to_do(box, gateway):
    assert box.run("systemctl", "start", "iotlinkd", check=False).returncode != 0
    box.wait_active("iotlinkd", "failed")
    assert box.property("iotlinkd", "ExecMainStatus") == "78"
    assert box.property("iotlinkd", "NRestarts") == "0"
    events = [e for e in box.journal("iotlinkd") if e.get("IOTLINK_EVENT") == "config-invalid"]
    assert len(events) == 1
    assert "/etc/iotlinkd/iotlinkd.conf" in events[0]["MESSAGE"]
    assert "iotlinkd.conf(5)" in events[0]["MESSAGE"]


def test_program_that_waits_does_not_start_a_bad_configuration_for_ever(box, gateway):
    box.run("systemctl", "start", "iotlinkd.socket")
    try:
        with gateway.client() as client:
            client.expect_closed(20)
    except OSError:
        pass
    box.wait_active("iotlinkd.socket", "failed")
    starts = [e for e in box.journal("iotlinkd") if e.get("IOTLINK_EVENT") == "config-invalid"]
    assert len(starts) <= 5


def test_exposure_of_the_running_services(box, gateway, cloud):
    gateway.configure(cloud)
    gateway.configure(cloud, "one")
    gateway.start()
    box.run("systemctl", "start", "iotlinkd@one")
    for unit in ("iotlinkd.service", "iotlinkd@one.service"):
        found = box.run("systemd-analyze", "security", "--threshold=15", "--no-pager", unit)
        print(found.stdout.splitlines()[-1])
    verified = box.run("systemd-analyze", "--man=no", "verify", "iotlinkd.service",
                       "iotlinkd.socket", "iotlinkd@one.service", "iotlinkd@one.socket")  # fmt: skip
    assert "iotlinkd" not in verified.stderr


def test_what_the_directives_forbid(box, gateway, cloud):
    sandbox.prepare(box)
    free = sandbox.free(box)
    assert sorted(set(sandbox.PROBES) - free) == [], "probes that fail anyway show nothing"
    assert sorted(sandbox.under(box, "iotlinkd.service")) == []
    # And what rests on the account.
    gateway.configure(cloud)
    gateway.start().wait_online()
    pid = str(gateway.pid())
    with open("/proc/%d/status" % outside_pid(box, int(pid)), encoding="ascii") as file:
        status = dict(line.split(":", 1) for line in file)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["Seccomp"].strip() == "2"
    seen = box.run(
        "nsenter", "-t", pid, "-m", "setpriv", "--reuid=iotlink", "--regid=iotlink", "--clear-groups",
        "sh", "-c", "test -e /proc/1/stat && echo seen", check=False,
    )  # fmt: skip
    assert seen.stdout == "", "ProtectProc"


def test_what_it_leaves_in_memory_goes_with_it(box, gateway, cloud):
    """RemoveIPC="""
    gateway.configure(cloud)
    gateway.start().wait_online()
    box.run("setpriv", "--reuid=iotlink", "--regid=iotlink", "--clear-groups", "ipcmk", "-M", "4096")
    assert "iotlink" in box.run("ipcs", "-m").stdout
    box.run("systemctl", "stop", "iotlinkd.socket", "iotlinkd.service")
    assert "iotlink" not in box.run("ipcs", "-m").stdout
