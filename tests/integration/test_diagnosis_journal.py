# SPDX-License-Identifier: Apache-2.0
"""What gets into the journal, field by field; and what happens to lines that nobody takes."""

import os
import re
import socket
import threading

import pytest

from harness import modes, namespaces
from harness.place import REPOSITORY, Deadline
from harness.topics import DOWN


class Journal:
    """Stands where journald's socket is, in the daemon's mounts, and takes its native protocol."""

    def __init__(self, world):
        self.entries = []
        self.news = threading.Condition()
        self.path = world.path("journal")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.wrapper = namespaces.mounts(
            "mount -t tmpfs tmpfs /run\nmkdir -p /run/systemd/journal\n: >/run/systemd/journal/socket\n"
            "mount --bind %s /run/systemd/journal/socket" % self.path
        )
        self.reader, self.writer = os.pipe()
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()
        world.keep(self)

    def _collect(self):
        while True:
            data = self.socket.recv(1 << 20)
            if not data:
                return
            with self.news:
                self.entries.append(parse(data))
                self.news.notify_all()

    def adopt(self, daemon):
        """Makes @daemon's stderr one of the journal's streams, as systemd would; returns what that takes."""
        status = os.fstat(self.writer)
        daemon.stderr = self.writer
        daemon.wrapper = self.wrapper
        return {"JOURNAL_STREAM": "%d:%d" % (status.st_dev, status.st_ino)}

    def wait(self, seconds=None, **fields):
        """The first entry with these fields (in lower case, without "IOTLINK_")."""
        deadline = Deadline(seconds)
        wanted = {"IOTLINK_" + name.upper(): value for name, value in fields.items()}
        with self.news:
            while True:
                for entry in self.entries:
                    if wanted.items() <= entry.items():
                        return entry
                assert not deadline.passed(), (wanted, self.entries)
                self.news.wait(deadline.left())

    def stderr(self):
        """What went to standard error after all."""
        os.set_blocking(self.reader, False)
        try:
            return os.read(self.reader, 65536)
        except BlockingIOError:
            return b""

    def cleanup(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.socket.close()
        os.close(self.reader)
        os.close(self.writer)


def parse(data):
    """A datagram of systemd's native journal protocol as a dict."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[9 + size :]
        assert name not in fields, name
        fields[name.decode("ascii")] = value.decode()
    return fields


def catalog():
    """MESSAGE_ID of each event."""
    with open(os.path.join(REPOSITORY, "systemd/iotlinkd.catalog"), encoding="utf-8") as file:
        text = file.read()
    entries = re.findall(r"^-- ([0-9a-f]{32})\n(?:.+\n)*?X-Event: ([a-z-]+)$", text, re.M)
    return {event: number for number, event in entries}


@pytest.fixture
def journal(world):
    return Journal(world)


def test_refusal_has_all_fields(world, cloud, journal):
    daemon = world.device(cloud, identity={"device_secret": modes.WRONG_SECRET})
    daemon.start(**journal.adopt(daemon))
    entry = journal.wait(event="refused")
    text = entry.pop("MESSAGE")
    assert re.search(r"^Cannot connect to localhost:%d: .*CONNACK 5.*secret.*Trying again in " % cloud.tls_port, text)
    retry = entry.pop("IOTLINK_RETRY_SEC")
    assert 1 <= int(retry) <= 1800 and "in %s s." % retry in text
    assert entry == {
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "iotlinkd",
        "MESSAGE_ID": catalog()["refused"],
        "IOTLINK_EVENT": "refused",
        "IOTLINK_REASON": "refused-not-authorized",
        "IOTLINK_STATE": "offline",
        "IOTLINK_HOST": "localhost",
        "IOTLINK_PORT": str(cloud.tls_port),
    }
    assert journal.stderr() == b""


def test_a_life_in_the_journal(world, journal):
    cloud = world.cloud(suback={DOWN: 0x80})
    daemon = world.device(cloud)
    daemon.start(**journal.adopt(daemon))
    online = journal.wait(event="online")
    assert (online["PRIORITY"], online["IOTLINK_STATE"]) == ("5", "online")
    assert "IOTLINK_REASON" not in online and "IOTLINK_RETRY_SEC" not in online
    daemon.client().say(op="sub", id=1, filter=DOWN)
    refused = journal.wait(event="subscription-refused")
    assert (refused["IOTLINK_TOPIC"], refused["IOTLINK_REASON"]) == (DOWN, "suback-refused")
    cloud.set(refuse=True)
    cloud.cut()
    offline = journal.wait(event="offline")
    assert (offline["PRIORITY"], offline["IOTLINK_REASON"]) == ("4", "closed")
    assert journal.wait(event="unreachable")["IOTLINK_REASON"] == "tcp-refused"
    daemon.stop()
    assert journal.wait(event="stopping")
    told = catalog()
    for entry in journal.entries:
        assert "IOTLINK_EVENT" not in entry or entry["MESSAGE_ID"] == told[entry["IOTLINK_EVENT"]]
        assert not [name for name in entry if not re.match("(MESSAGE(_ID)?|PRIORITY|SYSLOG_IDENTIFIER|IOTLINK_[A-Z_]+)$", name)]
    assert journal.stderr() == b""


def test_errors_of_the_configuration_are_entries_too(world, cloud, journal):
    daemon = world.device(cloud, cloud={"keepalive": 29})
    daemon.spawn(**journal.adopt(daemon))
    assert daemon.wait_exit() == 78
    entry = journal.wait(event="config-invalid")
    assert (entry["PRIORITY"], entry["MESSAGE_ID"]) == ("3", catalog()["config-invalid"])
    assert "cloud.keepalive" in entry["MESSAGE"]


def test_a_stream_that_is_another_programs_is_not_taken_for_ours(world, cloud, journal):
    daemon = world.device(cloud)
    daemon.wrapper = journal.wrapper
    daemon.start(JOURNAL_STREAM="8:4242")
    daemon.wait_log("EVENT=online")
    assert not journal.entries


def test_a_reader_of_stderr_who_has_stopped_does_not_stop_the_daemon(world, cloud):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    daemon = world.device(cloud)
    daemon.stderr = writer
    daemon.start()
    daemon.wait_online()
    os.read(reader, 1 << 20)
    daemon.stop()
    os.close(writer)
    with open(reader, "rb") as rest:
        text = rest.read().lstrip(b"x").decode()
    assert re.search(r"warning: [1-9]\d* lines are missing here: nobody read standard error\ninfo: Stopping", text), text
