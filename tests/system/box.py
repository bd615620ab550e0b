# SPDX-License-Identifier: Apache-2.0
"""A throwaway machine with a real systemd: a container over a kept root file system (see rootfs).

Everything that a test does to it is gone with it. It has a network of its own, with one cable: to a
second network, "the cloud", where the test's servers run. Needs root.

    with Box() as box:
        box.run("systemctl", "start", "iotlinkd")
        with box.cloud():
            server = subprocess.Popen(...)
        print(box.journal("iotlinkd"))
"""

import contextlib
import ctypes
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
CLONE_NEWNET = 0x40000000
NUMBERS = itertools.count(1)

CLOUD_ADDRESS, BOX_ADDRESS = "10.77.0.1", "10.77.0.2"


def make_rootfs(suite="bookworm", *packages):
    """The directory with the system that boxes run; made when it is missing."""
    done = subprocess.run(
        [os.path.join(HERE, "rootfs"), suite, *packages], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def cgroup_top():
    unified = "/sys/fs/cgroup/unified"
    return unified if os.path.isdir(unified) else "/sys/fs/cgroup"


def quietly(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


class Failed(AssertionError):
    """A command in the box ended badly."""


class Box:
    def __init__(self, rootfs=None, install=()):
        """@install: directories whose content is laid over the system before it boots."""
        self.rootfs = rootfs or make_rootfs()
        self.install = install
        self.name = "iotlink%d-%d" % (os.getpid(), next(NUMBERS))
        self.directory = tempfile.mkdtemp(prefix="il-box-", dir="/tmp")
        self.root = os.path.join(self.directory, "root")
        self.cgroup = os.path.join(cgroup_top(), self.name)
        self.networks = {side: "%s-%s" % (self.name, side) for side in ("cloud", "box")}
        self.process = None
        self.leader = None

    def __enter__(self):
        try:
            self.make()
            return self.boot()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *exc):
        self.remove()

    # Life

    def make(self):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1G", "tmpfs", self.directory], check=True
        )
        for name in ("upper", "work", "root"):
            os.mkdir(os.path.join(self.directory, name))
        options = "lowerdir={1},upperdir={0}/upper,workdir={0}/work".format(
            self.directory, self.rootfs
        )
        subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True
        )
        for tree in self.install:
            subprocess.run(["cp", "-a", "%s/." % tree, self.root], check=True)
        self._make_networks()

    def _make_networks(self):
        for network in self.networks.values():
            subprocess.run(["ip", "netns", "add", network], check=True)
        subprocess.run(
            ["ip", "link", "add", "cloud0", "netns", self.networks["cloud"], "type", "veth",
             "peer", "name", "host0", "netns", self.networks["box"]], check=True
        )  # fmt: skip
        for side, device, address in (
            ("cloud", "cloud0", CLOUD_ADDRESS),
            ("box", "host0", BOX_ADDRESS),
        ):
            for words in (
                ["link", "set", "lo", "up"],
                ["addr", "add", address + "/24", "dev", device],
                ["link", "set", device, "up"],
            ):
                subprocess.run(["ip", "-n", self.networks[side], *words], check=True)

    def boot(self, seconds=60):
        # In a control group of its own: boxes side by side would share one otherwise.
        os.makedirs(self.cgroup, exist_ok=True)
        command = [
            "systemd-nspawn", "--quiet", "--machine", self.name, "--directory", self.root,
            "--register=no", "--keep-unit", "--boot", "--console=pipe",
            "--network-namespace-path=/run/netns/" + self.networks["box"],
            # Without these two IPAddressDeny= is silently not applied.
            "--capability=all", "--system-call-filter=bpf",
            "--kill-signal=SIGRTMIN+3",
        ]  # fmt: skip
        with open(os.path.join(self.directory, "console"), "ab") as console:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                preexec_fn=self._enter_cgroup,
            )  # fmt: skip
        deadline = time.monotonic() + seconds
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed("the box does not boot:\n" + self.console()[-3000:])
            time.sleep(0.05)
        return self

    def _enter_cgroup(self):
        with open(os.path.join(self.cgroup, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write("0")

    def _is_up(self):
        path = "/proc/{0}/task/{0}/children".format(self.process.pid)
        try:
            with open(path, encoding="ascii") as file:
                children = file.read().split()
        except OSError:
            return False
        if not children:
            return False
        self.leader = int(children[0])
        done = self.run("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def halt(self):
        """An orderly shutdown; boot() starts it again with what is on its disk."""
        self.run("systemctl", "poweroff", check=False)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        """As if the power went, but for what the disk's cache holds."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader or self.process.pid, signal.SIGKILL)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()  # something in there can't be ended: go on without it
                self.process.wait()

    def remove(self):
        self.kill()
        for network in self.networks.values():
            quietly("ip", "netns", "del", network)
        quietly("umount", "-l", self.root)
        quietly("umount", "-l", self.directory)
        with contextlib.suppress(OSError):
            os.rmdir(self.directory)
        for path, _, _ in os.walk(self.cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)

    # In the box

    def run(self, *command, check=True, seconds=60, stdin=None):
        """Runs a command to its end; the result has returncode, stdout and stderr."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", *command],
            input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True,
            text=True, timeout=seconds, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"},
        )  # fmt: skip
        if check and done.returncode != 0:
            raise Failed(
                "%s ended with %d\n%s%s" % (command, done.returncode, done.stdout, done.stderr)
            )
        return done

    def path(self, path):
        """Where the box's @path can be reached from outside. /run and /tmp exist only while up."""
        if path.startswith(("/run/", "/tmp/")):
            return "/proc/%d/root%s" % (self.leader, path)
        return self.root + path

    def write(self, path, text, mode=0o644):
        with open(self.path(path), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def wait(self, question, seconds=20, what="what was waited for"):
        """Asks until the answer is true, and returns it."""
        deadline = time.monotonic() + seconds
        while True:
            answer = question()
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise Failed("%s did not come within %g s" % (what, seconds))
            time.sleep(0.1)

    def wait_active(self, unit, state="active", seconds=20):
        return self.wait(
            lambda: self.property(unit, "ActiveState") == state, seconds, "%s %s" % (unit, state)
        )

    # What it says

    def journal(self, unit=None, *arguments):
        """Entries as dicts, oldest first; of @unit, or all. Readable after its end, too."""
        self._flush_journal()
        done = subprocess.run(
            ["journalctl", "-D", os.path.join(self.root, "var/log/journal"), "-o", "json",
             "--all", "--no-pager", *(["-u", unit] if unit else []), *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def messages(self, unit=None, *arguments):
        return [str(entry.get("MESSAGE")) for entry in self.journal(unit, *arguments)]

    def _flush_journal(self):
        if self.process and self.process.poll() is None:
            self.run("journalctl", "--sync", check=False)

    def console(self):
        with open(os.path.join(self.directory, "console"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def report(self):
        """The end of what its services have said, for a test that failed."""
        return "\n".join(
            "%s[%s]: %s"
            % (entry.get("SYSLOG_IDENTIFIER"), entry.get("_PID"), entry.get("MESSAGE"))
            for entry in self.journal()[-80:]
        )

    # Around it

    @contextlib.contextmanager
    def cloud(self):
        """What is started in this block has its network beyond the box's cable."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", encoding="ascii") as mine, open(
            "/run/netns/" + self.networks["cloud"], encoding="ascii"
        ) as other:
            if libc.setns(other.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                if libc.setns(mine.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")

    def in_cloud(self, *command):
        return subprocess.run(
            ["ip", "netns", "exec", self.networks["cloud"], *command],
            capture_output=True, text=True, check=True,
        )  # fmt: skip

    def blackhole(self):
        """From now on the cloud swallows what the box sends; heal() ends it."""
        self.in_cloud(
            "nft", "add table inet hole; add chain inet hole in "
            "{ type filter hook input priority 0; policy drop; }",
        )  # fmt: skip

    def heal(self):
        self.in_cloud("nft", "flush ruleset")


def missing():
    """What this machine lacks for a box; an empty list when it can have one."""
    tools = ["systemd-nspawn", "mmdebstrap", "nsenter", "ip", "nft", "journalctl"]
    lacks = [tool for tool in tools if not shutil.which(tool)]
    return lacks + ([] if os.geteuid() == 0 else ["root"])
