# SPDX-License-Identifier: Apache-2.0
"""What systemd gives and wants: its socket, its watchdog, its notifications."""

import os
import signal
import socket
import sqlite3
import threading
import time

import pytest

from harness import conf, namespaces
from harness.client import SocketClient
from harness.frozen import Frozen
from harness.place import PATIENCE, REPOSITORY, Deadline, await_true
from harness.topics import UP

ACTIVATE = os.path.join(REPOSITORY, "tests/integration/harness/activate.py")


class Socket:
    """A socket as a .socket unit makes it: it outlives the service."""

    def __init__(self, path, kind=socket.SOCK_STREAM, listen=True):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        if listen:
            self.socket.listen(128)

    def fileno(self):
        return self.socket.fileno()

    def cleanup(self):
        self.socket.close()


def activated(daemon, *sockets):
    """@daemon gets (socket, name) pairs passed when it starts."""
    daemon.pass_fds = tuple(item.fileno() for item, _ in sockets)
    words = ",".join("%d=%s" % (item.fileno(), name) for item, name in sockets)
    daemon.wrapper = ["/usr/bin/python3", ACTIVATE, words]
    return daemon


@pytest.fixture
def listening(world):
    return world.keep(Socket(world.socket))


def keeping(world, cloud, **options):
    """A daemon that can store."""
    os.makedirs(world.path("state"), mode=0o700, exist_ok=True)
    return world.device(cloud, local={"state": world.path("state")}, **options)


def inode(path):
    return os.stat(path).st_ino


# The socket


def test_systemds_socket_is_taken_over(world, cloud, listening):
    daemon = activated(world.device(cloud), (listening, "iotlinkd"))
    mine = inode(listening.path)
    daemon.start()
    daemon.wait_online()
    assert daemon.client().publish(UP, "x", qos=1)["op"] == "ack"
    assert inode(listening.path) == mine
    assert os.stat(listening.path).st_mode & 0o777 == 0o666, "the mode is systemd's affair"
    assert listening.path in daemon.log


def test_socket_of_systemd_outlives_the_daemon(world, cloud, listening):
    daemon = activated(world.device(cloud), (listening, "iotlinkd")).start()
    mine = inode(listening.path)
    status, _ = daemon.stop()
    assert status == 0
    assert inode(listening.path) == mine


def test_what_was_written_before_the_start_is_answered(world, cloud, listening):
    early = world.keep(Early(listening.path))
    early.client.say(op="pub", id="early", topic=UP, payload="first", qos=1)
    daemon = activated(keeping(world, cloud), (listening, "iotlinkd")).start()
    daemon.wait_online()
    assert early.client.expect(id="early")["op"] == "ack"
    assert cloud.wait_event("publish", payload=b"first")


class Early:
    """A client that connects by itself, whoever listens."""

    def __init__(self, path):
        self.client = SocketClient(path)

    def cleanup(self):
        self.client.close()


def test_programs_that_connect_between_two_runs_are_only_late(world, generous, listening):
    first = activated(keeping(world, generous), (listening, "iotlinkd")).start()
    first.wait_online()
    first.stop()
    early = [world.keep(Early(listening.path)) for _ in range(20)]
    for number, program in enumerate(early):
        program.client.say(op="pub", id=number, topic=UP, payload=str(number), qos=1)
    second = activated(keeping(world, generous, name="second"), (listening, "iotlinkd")).start()
    second.wait_online()
    for number, program in enumerate(early):
        assert program.client.expect(id=number)["op"] == "ack"
    generous.wait_event("publish", count=20)
    assert {event["payload"] for event in generous.events("publish")} == {
        b"%d" % number for number in range(20)
    }


def test_another_path_than_the_configured_one_is_systemds_to_choose(world, cloud):
    elsewhere = world.keep(Socket(world.path("elsewhere")))
    daemon = activated(world.device(cloud), (elsewhere, "iotlinkd")).start()
    assert not os.path.exists(world.socket)
    with SocketClient(elsewhere.path) as client:
        assert client.status()["op"] == "status"
    warning = daemon.wait_log("local.socket")
    assert world.socket in warning and elsewhere.path in warning


def test_sockets_of_other_names_are_named_and_closed(world, cloud):
    other = world.keep(Socket(world.path("other")))
    daemon = activated(world.device(cloud), (other, "metrics")).start()
    daemon.wait_log("'metrics'")
    assert daemon.status()["op"] == "status", "it has made its own socket"


@pytest.mark.parametrize(
    "kind,listen", [(socket.SOCK_DGRAM, False), (socket.SOCK_STREAM, False)], ids=["dgram", "deaf"]
)
def test_socket_that_is_none_of_ours_is_refused(world, cloud, kind, listen):
    wrong = world.keep(Socket(world.path("wrong"), kind, listen))
    daemon = activated(world.device(cloud), (wrong, "iotlinkd")).spawn()
    assert daemon.wait_exit() == 1
    assert "iotlinkd.socket" in daemon.log
    assert not os.path.exists(world.socket)


def test_programs_of_ours_do_not_inherit_the_socket(world, cloud, listening):
    script = world.path("command")
    seen = world.path("seen")
    with open(script, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nls -l /proc/self/fd >%s; env >>%s; exit 1\n" % (seen, seen))
    os.chmod(script, 0o755)
    daemon = world.device(
        cloud, cloud={"auth": "command", "command": script}, identity={"device_secret": None}
    )
    activated(daemon, (listening, "iotlinkd")).start()
    daemon.wait_log("auth-unreachable")
    with open(seen, encoding="utf-8") as file:
        text = file.read()
    assert "LISTEN_" not in text
    assert text.count("socket:") <= 1, "its standard error at most"


# The watchdog

def fed(daemon):
    with daemon.news:
        return sum("WATCHDOG=1" in text for text in daemon.notified)


def wait_fed(daemon, seconds=None):
    before = fed(daemon)
    await_true(lambda: fed(daemon) > before, seconds, "feeding the watchdog")


def test_watchdog_hears_nothing_of_a_daemon_whose_cloud_thread_hangs(world, cloud):
    daemon = world.device(cloud).start(WATCHDOG_USEC="200000")
    daemon.wait_online()
    with Frozen(daemon.pid, "cloud"):
        daemon.wait_log("has not moved", 5 * PATIENCE)
        assert daemon.status()["op"] == "status", "the loop is alive"
        count = fed(daemon)
        for _ in range(5):
            daemon.status()
            time.sleep(0.1)  # three times the pause between two signs of life
        assert fed(daemon) == count
    wait_fed(daemon)
    daemon.wait_online()


def test_watchdog_hears_nothing_of_a_daemon_that_is_stopped(world, cloud):
    daemon = world.device(cloud).start(WATCHDOG_USEC="200000")
    wait_fed(daemon)
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        await_true(lambda: "T (stopped)" in open("/proc/%d/status" % daemon.pid).read())
        count = fed(daemon)
        time.sleep(0.5)
        assert fed(daemon) <= count + 1, "one may have been on its way"
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    wait_fed(daemon)


def test_slow_name_server_is_no_hang(world, cloud):
    """Ten seconds without an answer, in an attempt that asks twice."""
    daemon = world.device(cloud, cloud={"endpoint": "broker.example.com:1883"})
    daemon.wrapper = namespaces.network("silent")
    daemon.spawn(WATCHDOG_USEC="2000000")
    daemon.wait_ready()
    daemon.wait_log("dns", 40 * PATIENCE)
    assert "has not moved" not in daemon.log
    wait_fed(daemon)


def test_unit_without_a_watchdog_gets_no_signs_of_life(world, cloud):
    daemon = world.online(cloud)
    daemon.stop()
    assert fed(daemon) == 0


# What "systemctl status" shows


def statuses(daemon):
    with daemon.news:
        return [
            line[len("STATUS=") :]
            for text in daemon.notified
            for line in text.split("\n")
            if line.startswith("STATUS=")
        ]


def test_status_line_tells_state_reason_and_backlog(world, generous):
    daemon = keeping(world, generous).start()
    daemon.wait_notify(r"STATUS=Online at localhost:%d$" % generous.tls_port)
    generous.set(answer="silence")
    generous.cut()
    daemon.wait_notify(r"STATUS=Offline: the connection was closed")
    client = daemon.client()
    for number in range(3):
        assert client.publish(UP, str(number), qos=1)["state"] == "stored"
    daemon.wait_notify(r"STATUS=.*; 3 messages wait for the cloud$", 15 * PATIENCE)
    generous.set(answer=None)
    generous.wait_event("publish", count=3, timeout=20)
    await_true(lambda: statuses(daemon)[-1].endswith("%d" % generous.tls_port), 15 * PATIENCE)
    daemon.stop()
    assert statuses(daemon)[-1] == "Stopping"


def test_status_line_does_not_follow_every_message(world, generous):
    daemon = keeping(world, generous, store={"delay": 0}).start()
    daemon.wait_online()
    generous.set(answer="silence")
    generous.cut()
    daemon.wait_state("offline")
    client = daemon.client()
    began = time.monotonic()
    before = len(statuses(daemon))
    for number in range(500):
        assert client.publish(UP, str(number), qos=1)["state"] == "stored"
    seconds = time.monotonic() - began
    # Attempts that hang are changes of state, too.
    assert len(statuses(daemon)) - before <= 3 + seconds


# The end


def blackholed(world, generous):
    """A daemon that is online and whose connection leads nowhere from now on."""
    hole = world.keep(Hole(generous.tcp_port))
    daemon = world.device(
        generous,
        tls=False,
        cloud={"endpoint": "localhost:%d" % hole.port, "limits": dict(conf.NO_LIMITS)},
        local={"state": world.path("state")},
    )
    os.makedirs(world.path("state"), mode=0o700)
    daemon.start().wait_online()
    hole.swallow()
    return daemon


class Hole:
    """Passes bytes on between two ports until it is told to swallow them."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target = port
        self.swallowing = threading.Event()
        self.sockets = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self):
        self.swallowing.set()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while not self.swallowing.is_set():
                data = source.recv(65536)
                if not data or self.swallowing.is_set():
                    break
                sink.sendall(data)
        except OSError:
            pass

    def cleanup(self):
        for item in self.sockets:
            item.close()


def test_stop_with_ten_thousand_waiting_and_a_black_hole(world, generous):
    daemon = blackholed(world, generous)
    clients = [daemon.client() for _ in range(50)]
    for number, client in enumerate(clients):
        for i in range(200):
            client.send(UP, "%d.%d" % (number, i), qos=1, wait="delivered")
    for client in clients:
        client.sync()
    status, seconds = daemon.stop(30)
    assert status == 0
    assert seconds < 5 * PATIENCE
    db = sqlite3.connect(world.path("state/spool.db"))
    assert db.execute("SELECT count(*) FROM spool").fetchone()[0] == 10000
    db.close()


def test_stop_with_many_programs_in_the_middle_of_a_flood_into_a_black_hole(world, generous):
    daemon = blackholed(world, generous)
    clients = [daemon.client() for _ in range(50)]
    for client in clients:
        for number in range(200):
            client.send(UP, "%d" % number, qos=1)
    status, seconds = daemon.stop(30)
    assert status == 0
    assert seconds < 5 * PATIENCE
    answered = 0
    for client in clients:
        try:
            while True:
                answered += client.receive(Deadline(1))["op"] == "ack"
        except (AssertionError, OSError):
            pass
    db = sqlite3.connect(world.path("state/spool.db"))
    assert db.execute("SELECT count(*) FROM spool").fetchone()[0] >= answered > 0
    db.close()


def test_stop_in_the_middle_of_an_attempt(world):
    cloud = world.cloud(answer="silence")
    daemon = world.device(cloud).start()
    cloud.wait_event("connect")
    status, seconds = daemon.stop()
    assert (status, seconds < 5 * PATIENCE) == (0, True)
