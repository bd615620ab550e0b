# SPDX-License-Identifier: Apache-2.0
"""Programs that speak badly, read slowly or come in crowds."""

import os
import socket
import stat
import time

import pytest

from harness import conf
from harness.client import Closed, SocketClient
from harness.place import await_true
from harness.topics import DOWN, UP


@pytest.fixture
def daemon(world, cloud):
    return world.online(cloud, tls=False)


@pytest.fixture
def client(daemon):
    return daemon.client()


def expect_bad(client, line, code="bad-request", **fields):
    """@line is refused, and the connection goes on."""
    client.write(line + b"\n")
    reply = client.expect("error", code=code, **fields)
    assert reply["message"]
    assert client.status()["op"] == "status"
    return reply


def test_socket_is_for_its_group_only(daemon):
    status = os.stat(daemon.socket_path)
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o660


def test_daemon_says_nothing_first(daemon):
    client = daemon.client()
    daemon.client().status()
    client.socket.settimeout(0.2)
    with pytest.raises(socket.timeout):
        client.socket.recv(1)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"{}",
        b"[]",
        b'{"op":1}',
        b'{"op":null}',
        b'{"op":"fly"}',
        b'{"op":"status"',
        b'{"op":"status"}}',
        b'{"op":"status",}',
        b"{'op':'status'}",
        b'{"op":"status"} {"op":"status"}',
        b'{"op":"pub"}',
        b'{"op":"pub","topic":7,"payload":"x"}',
        b'{"op":"pub","topic":"t","payload":7}',
        b'{"op":"pub","topic":"t","payload":{}}',
        b'{"op":"sub"}',
        b'{"op":"sub","filter":[]}',
        b'{"op":"sub","filter":"a","durable":"yes"}',
        b'{"op":"unsub"}',
        b'{"op":"done"}',
        b'{"op":"done","mid":"x"}',
        b'{"op":"hello","client":7}',
        b'{"op":"status","op":"status"}',
        b'{"op":"status","id":1.5}',
        b'{"op":"status","id":true}',
        b'{"op":"status","id":{}}',
        b'{"op":"status","id":9223372036854775808}',
        b'{"op":"st\xffatus"}',
        b'{"op":"status","x":"\xc3"}',
        b'{"op":"status","x":"\xed\xa0\x80"}',
        b'{"op":"status","x":"\\ud800"}',
        b'{"op":"sta\0tus"}',
        b'{"op":"status"}\0',
        b"{" + b"[" * 100000,
        b'{"op":"status","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"op":"status","x":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
        b'{"op":"status","x":' + b"9" * 400 + b"}",
        b'{"op":"status","x":1e99999}',
        b'\xef\xbb\xbf{"op":"status"}',
    ],
    ids=lambda line: repr(line[:40])[2:-1] + ("..." if len(line) > 40 else ""),
)
def test_malformed_line_gets_an_error_and_the_connection_goes_on(daemon, line):
    client = daemon.client()
    client.status()  # the first byte tells the protocol; from here on it is told
    expect_bad(client, line)


@pytest.mark.parametrize("first", [b"\x00\n", b"GET / HTTP/1.0\r\n\r\n", b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
                                   b"\xff" * 100, b"hello\n"])  # fmt: skip
def test_other_protocols_do_no_harm(daemon, first):
    stranger = daemon.client()
    stranger.write(first)
    daemon.client().status()
    stranger.close()
    assert daemon.running()


def test_unknown_members_are_ignored(client):
    assert client.ask("status", color="red", nested={"a": [1, 2]})["op"] == "status"


def test_null_counts_as_absent(client):
    client.write(b'{"op":"status","id":null}\n')
    assert "id" not in client.expect("status")


def test_empty_lines_and_carriage_returns_are_white_space(client):
    client.write(b'\n\r\n  \n \t{ "op" : "status" , "id" : 5 } \r\n')
    assert client.expect("status")["id"] == 5
    assert not client.sync()


def test_line_that_comes_byte_by_byte_is_read(client):
    for byte in b'{"op":"status","id":"slow"}\n':
        client.write(bytes([byte]))
    assert client.expect(id="slow")["op"] == "status"


def test_many_lines_in_one_write_are_all_answered(client):
    client.write(b"".join(b'{"op":"status","id":%d}\n' % i for i in range(1000)))
    assert [client.expect("status")["id"] for i in range(1000)] == list(range(1000))


def test_line_that_is_cut_by_the_end_is_not_obeyed(daemon, cloud):
    client = daemon.client()
    client.write(b'{"op":"pub","topic":"%s","payload":"half' % UP.encode())
    client.socket.shutdown(1)
    assert client.expect("error")["code"] == "bad-request"
    client.expect_closed()
    daemon.client().publish(UP, "good", qos=1)
    assert [e["payload"] for e in cloud.events("publish")] == [b"good"]


@pytest.mark.parametrize("good,bad", [(b"[" * 15 + b"]" * 15, b"[" * 17 + b"]" * 17),
                                      (b"[" + b"1," * 200 + b"1]", b"[" + b"1," * 300 + b"1]")],
                         ids=["nesting", "values"])  # fmt: skip
def test_nesting_and_values_of_a_line_are_limited(client, good, bad):
    client.write(b'{"op":"status","id":1,"x":%s}\n' % good)
    assert client.expect(id=1)["op"] == "status"
    expect_bad(client, b'{"op":"status","x":%s}' % bad)


def test_id_of_more_than_64_bytes_is_a_bad_request(client):
    client.say(op="status", id="x" * 65)
    assert client.expect("error")["code"] == "bad-request"
    client.say(op="status", id="ä" * 33)
    assert client.expect("error")["code"] == "bad-request"
    assert client.status()["op"] == "status"


def test_client_name_has_1_to_64_plain_characters(client):
    for name in ("", "x" * 65, "a b", "a/b", "ä"):
        assert client.ask("hello", client=name)["code"] == "bad-request"
    assert client.ask("hello", client="aZ0._-" + "x" * 58)["op"] == "hello"
    assert client.ask("hello", client="other")["code"] == "bad-request", "a name is for life"
    assert client.ask("hello")["op"] == "hello"


def test_errors_carry_the_id_where_it_can_be_read(client):
    client.say(op="fly", id="me")
    assert client.expect("error")["id"] == "me"


def test_line_over_the_limit_is_too_large_and_the_next_one_is_read(client):
    client.write(b'{"op":"status","x":"' + b"x" * (4 << 20) + b'"}\n{"op":"status","id":"next"}\n')
    assert client.expect("error")["code"] == "too-large"
    assert client.expect(id="next")["op"] == "status"
    assert not client.sync(), "one error for one line"


def test_endless_line_holds_no_memory_and_ends_the_connection(daemon):
    client = daemon.client()
    before = resident(daemon.pid)
    chunk = b"x" * (1 << 20)
    try:
        for _ in range(64):
            client.write(chunk)
    except OSError:
        pass  # it hangs up in the middle, as it may
    assert client.expect("error")["code"] == "too-large"
    client.expect_closed()
    assert resident(daemon.pid) - before < 32 << 20


def resident(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_programs_that_connect_and_leave_cost_nothing(daemon):
    for _ in range(50):
        daemon.client().close()
    before = len(os.listdir("/proc/%d/fd" % daemon.pid))
    for _ in range(1000):
        SocketClient(daemon.socket_path).close()
    client = daemon.client()
    client.status()
    # What was closed last may not have been seen yet.
    deadline = time.monotonic() + 5
    while len(os.listdir("/proc/%d/fd" % daemon.pid)) > before + 2:
        assert time.monotonic() < deadline, "file descriptors leak"
        client.status()


def test_client_limit_turns_the_next_away_and_lets_it_in_later(world, cloud):
    daemon = world.online(cloud, local={"max_clients": 5})
    first = daemon.client()
    await_true(lambda: first.status()["clients"] == 1, what="being alone")
    clients = [first] + [daemon.client() for _ in range(4)]
    for client in clients:
        client.status()
    extra = daemon.client()
    assert extra.expect("error")["code"] == "quota"
    extra.expect_closed()
    daemon.wait_log("program|client")
    for client in clients:
        assert client.status()["op"] == "status"
    clients[0].close()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert daemon.client().status()["op"] == "status"
            return
        except (Closed, OSError):
            assert time.monotonic() < deadline, "the freed place is not given away"


def test_slow_reader_is_dropped_and_stalls_nobody(world, generous):
    daemon = world.online(generous, **conf.unlimited(), local={"client_buffer": 262144})
    slow = daemon.client(receive_buffer=4096)
    slow.hello("sleeper")
    slow.subscribe(DOWN)
    brisk = daemon.client()
    brisk.subscribe(DOWN)
    payload = b"x" * 65536
    for _ in range(40):
        generous.publish(DOWN, payload, qos=0)
        assert len(brisk.message()["payload"]) == len(payload)
    daemon.wait_log("sleeper")
    slow.expect_closed()
    assert brisk.status()["op"] == "status"


def test_slow_reader_of_replies_is_held_back_or_dropped_but_stalls_nobody(daemon):
    slow = daemon.client(receive_buffer=4096)
    line = b'{"op":"status","id":"%s"}\n' % (b"x" * 64)
    slow.socket.settimeout(0.5)
    try:
        for _ in range(400):
            slow.socket.sendall(line * 100)
    except (socket.timeout, ConnectionError):
        pass
    assert daemon.client().status()["op"] == "status"
    assert resident(daemon.pid) < 150 << 20


def test_program_that_writes_without_end_gets_its_share_only(world, generous):
    """Another's request is answered while one floods."""
    daemon = world.online(generous, **conf.unlimited())
    flooder = daemon.client()
    other = daemon.client()
    flooder.socket.setblocking(False)
    line = b'{"op":"pub","topic":"%s","payload":"%s","qos":0}\n' % (UP.encode(), b"x" * 1000)
    worst = 0.0
    rest = b""
    for _ in range(200):
        try:
            while True:
                rest = rest or line * 64
                rest = rest[flooder.socket.send(rest) :]
        except BlockingIOError:
            pass
        except ConnectionError:
            break
        began = time.monotonic()
        other.status()
        worst = max(worst, time.monotonic() - began)
    assert worst < 1.0


def test_memory_of_all_programs_is_bounded(world, cloud):
    """Many programs with half a line each: the daemon stops reading or refuses, and lives."""
    cloud.set(puback="none")
    daemon = world.online(cloud, local={"memory": 4 << 20})
    part = b'{"op":"pub","topic":"t","payload":"' + b"x" * 300000
    clients = []
    for _ in range(60):
        client = daemon.client()
        client.socket.setblocking(False)
        try:
            client.socket.send(part)
        except (BlockingIOError, ConnectionError):
            pass
        clients.append(client)
    assert resident(daemon.pid) < 100 << 20
    for client in clients:
        client.close()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert daemon.client().status()["op"] == "status"
            return
        except (Closed, OSError):
            assert time.monotonic() < deadline


def test_hundred_programs_at_once_are_all_served(daemon):
    clients = [daemon.client() for _ in range(100)]
    for client in clients:
        client.say(op="status", id="x")
    for client in clients:
        assert client.expect(id="x")["state"] == "online"
    assert daemon.status()["clients"] == 101


def test_no_program_gets_what_another_asked_for(daemon):
    one, other = daemon.client(), daemon.client()
    one.say(op="status", id="one")
    other.say(op="status", id="other")
    assert other.expect("status")["id"] == "other"
    assert one.expect("status")["id"] == "one"


def test_programs_do_not_hear_each_other_through_the_daemon(daemon, cloud):
    one, other = daemon.client(), daemon.client()
    one.subscribe(UP)
    other.publish(UP, "x", qos=1)
    cloud.wait_event("publish")
    assert not one.sync()
