# SPDX-License-Identifier: Apache-2.0
"""Where a test lives: its own short directory, its own ports, and the clock of its patience."""

import os
import re
import shutil
import socket
import tempfile
import time

# A sanitized or valgrinded daemon is slower; the tests' patience grows with it.
PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
SECONDS = 10.0 * PATIENCE

REPOSITORY = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


class Deadline:
    """A point in time; everything that waits takes one or makes one."""

    def __init__(self, seconds=None):
        self.seconds = SECONDS if seconds is None else seconds
        self.end = time.monotonic() + self.seconds

    def left(self):
        return max(0.0, self.end - time.monotonic())

    def passed(self):
        return time.monotonic() >= self.end


def await_true(question, seconds=None, what="the condition"):
    """For the few things that nothing announces (a file's mode, a process in /proc)."""
    deadline = Deadline(seconds)
    while True:
        answer = question()
        if answer:
            return answer
        if deadline.passed():
            raise AssertionError("%s did not come true within %g s" % (what, deadline.seconds))
        time.sleep(0.01)


def make_directory():
    # Short on purpose: a Unix socket's path holds 107 bytes.
    return tempfile.mkdtemp(prefix="il-", dir="/tmp")


def remove_directory(path):
    shutil.rmtree(path, ignore_errors=True)


def free_port():
    """A port that nobody listens on, from below the range the kernel hands to clients."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low = int(file.read().split()[0])
    for _ in range(200):
        port = 10240 + int.from_bytes(os.urandom(2), "big") % max(1, low - 10240)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


class SilentListener:
    """A port whose connections are never accepted: SYNs are answered until the backlog is full,
    then dropped, so that a TCP connect to it hangs as it does behind a firewall that drops."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def close(self):
        for filler in self.fillers:
            filler.close()
        self.listener.close()


def words(text):
    """One line, lower case, single spaces: for looking for sentences in a log."""
    return re.sub(r"\s+", " ", text).lower()
