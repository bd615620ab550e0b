#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a gateway under a real systemd, from installing the packages to purging them, with
programs publishing nearly all the time. Prints a line a step, and at the end what was lost.

    life.py PACKAGES NEWER-PACKAGES       directories with the .deb files; see run
"""

import glob
import os
import shutil
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "integration")]

import box as boxes  # noqa: E402
import load as loads  # noqa: E402
from gateway import Gateway  # noqa: E402
from harness import conf  # noqa: E402
from harness.topics import DOWN, UP  # noqa: E402
from standin.control import Standin  # noqa: E402

PACKAGES = ("iotlinkd", "iotlinkctl", "libiotlink1")
BACKLOG = 300
KEEPALIVE = 30
LIMITS = {"limits": conf.NO_LIMITS, "keepalive": KEEPALIVE}


def check(truth, *what):
    if not truth:
        raise boxes.Failed(" ".join(str(word) for word in what))


class Life:
    def __init__(self, box, cloud, packages, newer):
        self.box, self.cloud = box, cloud
        self.packages, self.newer = packages, newer
        self.gateway = None
        self.load = None
        self.steps = [getattr(self, name) for name in dir(self) if name.startswith("step_")]
        self.steps.sort(key=lambda step: step.__func__.__code__.co_firstlineno)

    # Helpers

    def apt(self, *words):
        return self.box.run(
            "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", *words, seconds=300
        )  # fmt: skip

    def install(self, directory):
        names = []
        for package in PACKAGES:
            (path,) = glob.glob(os.path.join(directory, package + "_*.deb"))
            shutil.copy(path, self.box.path("/root/"))
            names.append("/root/" + os.path.basename(path))
        self.apt("install", *names)

    def version(self):
        return self.box.run("dpkg-query", "-W", "-f", "${Version}", "iotlinkd").stdout

    def connect(self):
        return self.gateway.client()

    def status(self):
        with self.connect() as client:
            return client.status()

    def wait_online(self, seconds=60):
        def online():
            try:
                return self.status()["state"] == "online"
            except OSError:
                return False

        self.box.wait(online, seconds, "online")

    def wait_for_another(self, before, seconds=90):
        self.box.wait(lambda: self.gateway.pid() not in (0, before), seconds, "a new process")
        self.wait_online()

    def go_offline(self):
        """The cloud takes connections and says nothing; messages gather on the disk."""
        self.cloud.set(answer="silence")
        self.cloud.cut()
        self.gather()

    def gather(self, more=BACKLOG):
        begin = self.load.acknowledged
        self.box.wait(lambda: self.load.acknowledged >= begin + more, 90, "stored messages")

    def come_back(self):
        self.cloud.set(answer=None)
        self.wait_drained()

    def wait_drained(self, seconds=120):
        """Nothing waits any longer than a message of a healthy link does."""
        self.wait_online(seconds)
        self.box.wait(lambda: self.status()["backlog"] <= len(self.load.writers), seconds, "drained")

    # Steps, in this order; each may return words for its line

    def step_install(self):
        self.install(self.packages)
        self.gateway = Gateway(self.box)
        return "%s by apt" % self.version()

    def step_unconfigured(self):
        """The installation is good; the service says once what it lacks, and does not loop."""
        box = self.box
        box.wait_active("iotlinkd", "failed")
        check(box.property("iotlinkd", "ExecMainStatus") == "78", "the status is not 78")
        check(box.property("iotlinkd", "NRestarts") == "0", "it was started again")
        told = box.run("systemctl", "status", "--no-pager", "--full", "iotlinkd", check=False).stdout
        for words in ("/etc/iotlinkd/iotlinkd.conf", "iotlinkd.conf(5)"):
            check(words in told, "systemctl status does not name", words, ":", told)
        check(not box.run("dpkg", "--audit").stdout, "dpkg is not content")

    def step_configure_and_start(self):
        self.gateway.configure(self.cloud, cloud=LIMITS)
        self.box.run("runuser", "-u", "iotlink", "--", "iotlinkd", "--check")
        self.box.run("systemctl", "start", "iotlinkd")
        self.wait_online()

    def step_publish(self):
        said = self.box.run("iotlinkctl", "pub", UP, "21.5").stdout
        check(said == "delivered\n", "iotlinkctl pub says", said)
        self.cloud.wait_event("publish", payload=b"21.5")

    def step_receive(self):
        heard = []
        listen = threading.Thread(
            target=lambda: heard.append(self.box.run("iotlinkctl", "sub", DOWN, "-C", "1").stdout)
        )
        listen.start()
        self.cloud.wait_event("subscribe")
        self.cloud.publish(DOWN, b"blink 3", qos=1)
        listen.join(30)
        check(heard == ["blink 3\n"], "iotlinkctl sub heard", heard)

    def step_load(self):
        self.load = loads.Load(self.connect, ["%s/%d" % (UP, n) for n in range(4)]).start()
        self.gather(100)
        return "%d programs publish from here on" % len(self.load.writers)

    def step_kill(self):
        before = self.gateway.pid()
        self.box.run("kill", "-KILL", str(before))
        self.wait_for_another(before)

    def step_hang(self):
        before = self.gateway.pid()
        self.box.run("kill", "-STOP", str(before))
        self.wait_for_another(before)
        check("Watchdog timeout" in "\n".join(self.box.messages("iotlinkd")), "no watchdog timeout")

    def step_restart(self):
        refused = self.load.refused
        for _ in range(3):
            before = self.gateway.pid()
            self.box.run("systemctl", "restart", "iotlinkd")
            self.wait_for_another(before)
            self.gather(50)
        check(self.load.refused == refused, "the socket was away in a restart")

    def step_reload(self):
        before, connects = self.gateway.pid(), len(self.cloud.events("connect"))
        self.gateway.configure(self.cloud, cloud=LIMITS, local={"max_clients": 77})
        self.box.run("systemctl", "reload", "iotlinkd")
        self.box.wait(lambda: "reloaded" in self.gateway.events(), 30, "the reload")
        check(self.gateway.pid() == before, "another process")
        check(len(self.cloud.events("connect")) == connects, "it has connected again")

    def step_bad_reload(self):
        self.gateway.configure(self.cloud, cloud={**LIMITS, "keepalive": 5})
        done = self.box.run("systemctl", "reload", "iotlinkd", check=False)
        check(done.returncode != 0, "a bad configuration was taken over")
        check(self.status()["state"] == "online", "not online any more")
        self.gateway.configure(self.cloud, cloud=LIMITS)

    def step_blackhole(self):
        """The firewall swallows everything until the silence is noticed; then it heals."""
        self.box.blackhole()
        self.box.wait(lambda: self.status()["state"] != "online", 2 * KEEPALIVE, "offline")
        self.gather()
        self.box.heal()
        self.wait_drained()

    def step_reboot_with_backlog(self):
        self.go_offline()
        self.box.halt()
        self.box.boot()
        self.box.wait_active("iotlinkd", seconds=60)
        waiting = self.box.wait(lambda: self.status()["backlog"], 30, "the backlog")
        self.come_back()
        return "%d messages waited" % waiting

    def step_crash_with_backlog(self):
        """All processes of the system end at once."""
        self.go_offline()
        self.box.kill()
        self.box.boot()
        self.come_back()

    def step_upgrade_with_backlog(self):
        old, before = self.version(), self.gateway.pid()
        self.go_offline()
        refused, waiting = self.load.refused, self.status()["backlog"]
        self.install(self.newer)
        check(self.version() != old, "still version", old)
        self.box.wait(lambda: self.gateway.pid() not in (0, before), 60, "the new daemon")
        self.box.wait(lambda: self.status()["backlog"] >= waiting, 30, "the old backlog")
        check(self.load.refused == refused, "the socket was away in the upgrade")
        self.come_back()
        return "%s to %s, %d messages waited" % (old, self.version(), waiting)

    def step_load_ends(self):
        self.load.stop()

        def all_there():
            return self.load.missing(loads.arrivals(self.numbers())) == 0

        try:
            self.box.wait(all_there, 60, "every acknowledged message")
        except boxes.Failed:
            pass  # counted at the end
        return "%d messages acknowledged" % self.load.acknowledged

    def step_no_secret_told(self):
        secret = self.cloud.identity["device_secret"]
        told = self.box.run("journalctl", "--no-pager", "-o", "export", seconds=120).stdout
        check(secret not in told, "the secret is in the journal")
        return "%d entries of iotlinkd in the journal" % len(self.box.journal("iotlinkd"))

    def step_remove(self):
        box = self.box
        self.apt("remove", "iotlinkd")
        check(box.property("iotlinkd", "MainPID") in ("", "0"), "it still runs")
        check(not self.gateway.has_socket(), "the socket is still there")
        for path in ("/var/lib/iotlinkd/spool.db", "/etc/iotlinkd/iotlinkd.conf"):
            check(os.path.exists(box.path(path)), path, "went with a mere removal")

    def step_purge(self):
        self.apt("purge", *PACKAGES)
        left = self.box.run(
            "find", "/etc", "/lib/systemd", "/usr", "/run", "/var/lib", "-xdev",
            "-iname", "*iotlink*", "-not", "-path", "/run/systemd/*",
        ).stdout.split()  # fmt: skip
        check(not left, "left after the purge:", left)
        self.box.run("getent", "passwd", "iotlink")
        failed = self.box.run("systemctl", "--failed", "--plain", "--no-legend").stdout
        check("iotlink" not in failed, "failed units after the purge:", failed)

    # All of it

    def numbers(self):
        return [e for e in self.cloud.events("publish") if e["topic"].startswith(UP + "/")]

    def tell_losses(self):
        arrived = loads.arrivals(self.numbers())
        lost = self.load.missing(arrived)
        reordered = loads.reordered(arrived)
        print(
            "acknowledged %d, lost %d, reordered %d, duplicates %d"
            % (self.load.acknowledged, lost, reordered, loads.duplicates(arrived))
        )
        return lost == 0 and reordered == 0

    def run(self):
        passed = 0
        for step in self.steps:
            name = step.__name__[len("step_") :].replace("_", " ")
            began = time.monotonic()
            try:
                words = step() or ""
            except Exception as error:  # whatever it was, the journal comes with it
                print("FAILED  %s: %s\n%s" % (name, error, self.box.report()), flush=True)
                return passed, 1
            passed += 1
            seconds = time.monotonic() - began
            print("%7.1f s  %-24s %s" % (seconds, name, words), flush=True)
        return (passed + 1, 0) if self.tell_losses() else (passed, 1)


def main():
    lacks = boxes.missing()
    if lacks:
        print("a box needs " + ", ".join(lacks))
        return 1
    began = time.monotonic()
    with boxes.Box() as box:
        print("%7.1f s  %-24s" % (time.monotonic() - began, "boot"), flush=True)
        with box.cloud():
            cloud = Standin(host=boxes.CLOUD_ADDRESS, limits=False).start()
        try:
            passed, failed = Life(box, cloud, *sys.argv[1:]).run()
        finally:
            cloud.stop()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
