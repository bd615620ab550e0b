# SPDX-License-Identifier: Apache-2.0
"""Another world around the daemon: other mounts, another network, another clock. Needs root; each function
skips the test where that is not allowed."""

import ctypes
import glob
import os
import shutil
import subprocess
import threading

import pytest

from harness.daemon import BINARY

CLONE_NEWNET = 0x40000000
NFT = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin")
BOX = os.path.join(os.path.dirname(__file__), "box.py")


def allowed(wrapper):
    """@wrapper, if it can run a program."""
    done = subprocess.run([*wrapper, "/bin/true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("namespaces are not allowed here: " + done.stderr.strip())
    return wrapper


def network(mode):
    """A network of its own without routes; box.py's @mode says what its name server does."""
    return allowed([BOX, mode])


class Firewall:
    """A network of its own, in which programs are started and packets filtered by the kernel for real."""

    def __init__(self):
        if not NFT or not IP:
            pytest.skip("nftables or iproute2 is not installed")
        self.calls = []
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()
        if not self.run(self._enter):
            pytest.skip("network namespaces are not allowed here")

    def _live(self):
        # Only this thread moves, and what it starts is there too; sockets in the file system stay in reach.
        while True:
            with self.news:
                while not self.calls:
                    self.news.wait()
                call = self.calls.pop()
            if call is None:
                return
            call()

    def run(self, function, *arguments, **options):
        """Calls @function there."""
        results, done = [], threading.Event()

        def call():
            try:
                results.append((function(*arguments, **options), None))
            except BaseException as error:  # handed on
                results.append((None, error))
            done.set()

        with self.news:
            self.calls.append(call)
            self.news.notify()
        done.wait()
        result, error = results[0]
        if error:
            raise error
        return result

    @staticmethod
    def _enter():
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
            return False
        up = subprocess.run([IP, "link", "set", "lo", "up"], check=False).returncode == 0
        return up and subprocess.run([NFT, "list", "ruleset"], check=False, capture_output=True).returncode == 0

    def drop(self, *ports):
        """From now on, no packet from or to these TCP ports arrives."""
        rules = "".join("tcp dport %d drop; tcp sport %d drop; " % (port, port) for port in ports)
        table = "table inet faults { chain input { type filter hook input priority 0; %s}; }" % rules
        self.run(subprocess.run, [NFT, table], check=True)

    def cleanup(self):
        with self.news:
            self.calls.append(None)
            self.news.notify()
        self.thread.join(5)


def mounts(script):
    """Mounts of its own; @script, run as root, changes them."""
    return allowed(["unshare", "--mount", "sh", "-ec", script + '\nexec "$@"', "mounts"])


def hosts(world, *names):
    """The addresses of @names are this machine's."""
    path = world.path("hosts")
    with open(path, "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost %s\n" % " ".join(names))
    with open(world.path("nsswitch"), "w", encoding="ascii") as file:
        file.write("hosts: files\n")
    return mounts(
        "mount --bind %s /etc/hosts\n"
        "if [ -e /etc/nsswitch.conf ]; then mount --bind %s /etc/nsswitch.conf; fi"
        % (path, world.path("nsswitch"))
    )


def clock(start):
    """Environment in which the wall clock begins at @start ("1970-01-02 00:00:00")."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        pytest.skip("faketime is not installed")
    linked = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=False).stdout
    if "san.so" in linked:
        pytest.skip("a sanitizer must be loaded first")
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME": "@" + start,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "TZ": "UTC",
    }
