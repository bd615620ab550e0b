# SPDX-License-Identifier: Apache-2.0
"""Durable subscriptions: what the cloud has been told has arrived reaches the program, whatever
happens to the program, the daemon or the disk."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from harness import conf
from harness.client import SocketClient
from harness.place import PATIENCE, await_true
from harness.topics import DOWN, OWN

OFTEN = {"cloud": {"limits": {"connects_per_minute": 0}}}
WAL = "spool.db-wal"


@pytest.fixture
def state(world):
    path = world.path("state")
    os.mkdir(path, 0o700)
    return path


def changes(state, **more):
    return conf.merged(OFTEN, {"local": {"state": state}, **more})


@pytest.fixture
def daemon(world, generous, state):
    return world.online(generous, **changes(state))


class Program:
    """A program with a name; @client says what it got."""

    def __init__(self, daemon, name="meter", subscribe=DOWN):
        self.client = daemon.client()
        self.client.hello(name)
        if subscribe:
            reply = self.client.ask("sub", filter=subscribe, durable=True)
            assert (reply["op"], reply.get("state")) == ("ack", "subscribed"), reply
            self.pending = reply.get("pending", False)

    def message(self, **fields):
        return self.client.expect("msg", **fields)

    def messages(self, count):
        return [self.message() for _ in range(count)]

    def done(self, *messages):
        for message in messages:
            self.client.say(op="done", mid=message["mid"])
        self.client.sync()

    def vanish(self):
        """As after a kill -9: the kernel closes its socket."""
        self.client.close()


def payloads(messages):
    return [message["payload"] for message in messages]


def inbox(daemon):
    return daemon.status()["inbox"]


def await_inbox(daemon, count, seconds=10):
    await_true(lambda: inbox(daemon) == count, seconds * PATIENCE, "%d in the inbox" % count)


def test_done_and_not_done(daemon, generous):
    program = Program(daemon)
    for i in range(5):
        generous.publish(DOWN, str(i))
    messages = program.messages(5)
    assert payloads(messages) == list("01234")
    assert not any("redelivered" in message for message in messages)
    program.done(messages[0], messages[2])
    program.vanish()
    again = Program(daemon)
    messages = again.messages(3)
    assert payloads(messages) == ["1", "3", "4"]
    assert all(message["redelivered"] for message in messages)
    again.done(*messages)
    await_inbox(daemon, 0)


def test_kill_of_the_program(daemon, generous):
    """A real process: it prints what it gets, and is killed before it says done."""
    script = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b'{"op":"hello","client":"meter"}\\n{"op":"sub","filter":"%s","durable":true}\\n')
for line in s.makefile():
    print(line, flush=True)
""" % DOWN  # fmt: skip
    program = subprocess.Popen(
        [sys.executable, "-c", script, daemon.socket_path], stdout=subprocess.PIPE, text=True
    )
    try:
        while '"subscribed"' not in program.stdout.readline():
            pass
        generous.publish(DOWN, "precious")
        while "precious" not in program.stdout.readline():
            pass
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
        program.stdout.close()
    message = Program(daemon).message()
    assert (message["payload"], message["redelivered"]) == ("precious", True)


def test_while_nobody_is_there(daemon, generous):
    Program(daemon).vanish()
    for i in range(20):
        generous.publish(DOWN, str(i))
    generous.wait_event("puback", count=20)
    await_inbox(daemon, 20)
    messages = Program(daemon).messages(20)
    assert payloads(messages) == [str(i) for i in range(20)]
    assert not any("redelivered" in message for message in messages)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_survives_the_daemon(daemon, generous, end):
    program = Program(daemon)
    generous.publish(DOWN, "1")
    generous.publish(DOWN, "2")
    program.done(program.message(payload="1"))
    program.message(payload="2")
    await_inbox(daemon, 1)  # what is done is on the disk, too
    mark = generous.mark()
    getattr(daemon, end)()
    generous.publish(DOWN, "3")  # the cloud's session keeps it
    daemon.start()
    generous.wait_event("subscribe", after=mark, filters=[[DOWN, 1]])
    generous.publish(DOWN, "4")  # and nobody is there
    generous.wait_event("puback", count=2, after=mark)
    messages = Program(daemon).messages(3)
    assert payloads(messages) == ["2", "3", "4"]
    assert messages[0]["redelivered"] and "redelivered" not in messages[2]


def test_subscribed_at_start_before_any_program(world, generous, state):
    daemon = world.online(generous, **changes(state))
    Program(daemon).vanish()
    daemon.stop()
    mark = generous.mark()
    daemon.start()
    generous.wait_event("subscribe", after=mark, filters=[[DOWN, 1]])
    assert daemon.status()["durable_clients"] == 1


def test_made_while_offline(world, generous, state):
    generous.set(refuse=True)
    daemon = world.device(generous, **changes(state)).start()
    program = Program(daemon)
    assert program.pending
    program.vanish()
    daemon.kill()
    generous.set(refuse=False)
    daemon.start()
    generous.wait_event("subscribe", filters=[[DOWN, 1]])


@pytest.mark.slow
def test_kill_between_puback_and_done(daemon, generous):
    """Several rounds, at random instants, with a program that does what it gets: all of it, in order."""
    chance, seen, finished = random.Random(time.time_ns()), [], []
    total, rounds = 400, 8
    sent = iter(range(total))
    Program(daemon).vanish()
    for round_ in range(rounds):
        for _ in range(total // rounds):
            generous.publish(DOWN, str(next(sent)))
        program = Program(daemon)
        end = time.monotonic() + chance.uniform(0.02, 0.3)
        try:
            while time.monotonic() < end:
                message = program.client.read(0.05)
                if message.get("op") == "msg":
                    seen.append(int(message["payload"]))
                    if chance.random() < 0.9:
                        program.client.say(op="done", mid=message["mid"])
                        finished.append(seen[-1])
        except AssertionError:
            pass  # nothing more for the moment
        daemon.kill()
        daemon.start()
    program = Program(daemon)
    missing = set(range(total)) - set(finished)
    while missing:
        message = program.message(seconds=30)
        seen.append(int(message["payload"]))
        program.client.say(op="done", mid=message["mid"])
        missing.discard(seen[-1])
    assert list(dict.fromkeys(seen)) == list(range(total)), "first arrivals are in order"


def test_on_the_disk_before_the_puback(world, generous, state):
    """With a disk that takes a second for each fsync, the PUBACK comes a second later."""
    daemon = world.online(generous, **changes(state))
    Program(daemon).vanish()
    trace = subprocess.Popen(
        ["strace", "-qq", "-f", "-p", str(daemon.pid), "-e", "trace=fdatasync,fsync",
         "-e", "inject=fdatasync,fsync:delay_enter=1000000", "-o", world.path("trace")],
    )  # fmt: skip
    try:
        await_true(lambda: "strace" in tracer(daemon.pid), what="strace")
        event = generous.publish(DOWN, "x") and generous.events("deliver")[-1]
        assert generous.wait_event("puback")["t"] - event["t"] >= 1
    finally:
        trace.terminate()
        trace.wait()
    # What nobody durable wants is acknowledged at once.
    generous.publish(OWN + "/other", "x", force=True)


def tracer(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        number = [line.split()[1] for line in file if line.startswith("TracerPid:")][0]
    if number == "0":
        return ""
    with open("/proc/%s/comm" % number, encoding="ascii") as file:
        return file.read()


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
def test_a_full_inbox_leaves_them_to_the_cloud(world, generous, state, tls):
    config = changes(state, store={"max_messages": 10, "inbox_full": "refuse"})
    daemon = world.online(generous, tls=tls, **config)
    program = Program(daemon)
    watcher = daemon.client()
    watcher.watch()
    for i in range(30):
        generous.publish(DOWN, str(i))
    daemon.wait_log("inbox-refuses")
    generous.wait_event("puback", count=10)
    messages = program.messages(10)
    # All else goes on: publishing, QoS 0, the other subscriptions.
    assert watcher.publish(OWN + "/up", "x", qos=1)["state"] == "delivered"
    generous.publish(DOWN, "zero", qos=0)
    assert program.message()["payload"] == "zero"
    watcher.subscribe(OWN + "/other")
    generous.publish(OWN + "/other", "theirs")
    assert watcher.message()["payload"] == "theirs"
    generous.wait_event("puback", count=11)
    assert len(generous.events("puback")) == 11, "and none of those that were not kept"
    assert not generous.events("violation")
    assert not [e for e in generous.events("disconnect")]
    # As the program goes on, the cloud is asked again, in order, and nothing is lost.
    got = payloads(messages)
    while len(set(got)) < 30:
        program.done(*messages)
        messages = [program.message(seconds=40)]
        got += payloads(messages)
    assert list(dict.fromkeys(got)) == [str(i) for i in range(30)]
    assert daemon.log.count("inbox-refuses") <= 4
    assert daemon.status()["held_back"] >= 20


def test_a_full_inbox_drops_the_oldest(world, generous, state):
    config = changes(state, store={"max_messages": 10})
    daemon = world.online(generous, **config)
    Program(daemon).vanish()
    for i in range(30):
        generous.publish(DOWN, str(i))
    generous.wait_event("puback", count=30)
    daemon.wait_log("inbox-dropped")
    await_true(lambda: daemon.status()["inbox_dropped"] >= 20, what="the count of what was dropped")
    status = daemon.status()
    assert status["inbox"] + status["inbox_dropped"] == 30
    messages = Program(daemon).messages(status["inbox"])
    assert payloads(messages) == [str(i) for i in range(30 - status["inbox"], 30)]
    assert daemon.log.count("inbox-dropped") == 1, "summed up"


@pytest.fixture
def small_disk(world):
    """A state directory on a file system of 2 MiB."""
    path = world.path("disk")
    os.mkdir(path, 0o700)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "none", path],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("takes the right to mount")
    yield path
    world.stop_daemons()
    subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.slow
def test_a_full_disk_leaves_them_to_the_cloud(world, generous, small_disk):
    daemon = world.online(generous, **changes(small_disk))
    Program(daemon).vanish()
    ballast = os.path.join(small_disk, "ballast")
    with open(ballast, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
    sent = ["%d %s" % (i, "x" * 20000) for i in range(20)]
    for payload in sent:
        generous.publish(DOWN, payload)
    daemon.wait_log("inbox-refuses")
    acknowledged = len(generous.events("puback"))
    assert acknowledged < 20
    client = daemon.client()
    assert client.publish(OWN + "/up", "x", qos=1)["state"] == "delivered"
    assert len(generous.events("puback")) == acknowledged
    assert not generous.events("disconnect"), "the connection goes on"
    daemon.kill()  # what was acknowledged is there all the same
    os.unlink(ballast)
    daemon.start()
    program = Program(daemon)
    got = []
    while len(set(got)) < 20:
        message = program.message(seconds=30)
        got.append(message["payload"])
        program.done(message)
    assert list(dict.fromkeys(got)) == sent


def test_two_clients_one_message(daemon, generous):
    one, two = Program(daemon, "one"), Program(daemon, "two", OWN + "/#")
    generous.publish(DOWN, "x")
    message = one.message()
    assert message["payload"] == "x"
    one.done(message)
    message = two.message()
    await_inbox(daemon, 1)
    two.done(message)
    await_inbox(daemon, 0)


def test_the_newer_connection_takes_over(daemon, generous):
    old = Program(daemon)
    generous.publish(DOWN, "x")
    old.message()
    new = Program(daemon)
    error = old.client.expect("error")
    assert (error["code"], error["filter"]) == ("denied", DOWN)
    assert "taken over" in error["message"]
    assert new.message()["redelivered"]


@pytest.mark.skipif(os.geteuid() != 0, reason="takes two users")
def test_another_user_gets_nothing(world, generous, state):
    daemon = world.online(generous, **changes(state))
    os.chmod(world.directory, 0o755)
    os.chmod(daemon.socket_path, 0o666)
    script = """
import os, socket, sys
os.setuid(12345)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b'{"op":"hello","client":"meter"}\\n{"op":"sub","id":1,"filter":"%s","durable":true}\\n')
f = s.makefile(); f.readline(); print(f.readline())
""" % DOWN  # fmt: skip

    def stranger():
        return subprocess.run(
            [sys.executable, "-c", script, daemon.socket_path],
            capture_output=True, text=True, check=True, timeout=20,
        ).stdout  # fmt: skip

    program = Program(daemon)
    generous.publish(DOWN, "secret")
    program.message()
    program.vanish()
    assert '"denied"' in stranger()
    root = Program(daemon)
    root.done(root.message())
    assert root.client.ask("unsub", filter=DOWN)["state"] == "unsubscribed"
    assert '"subscribed"' in stranger()


def test_done_for_what_nobody_knows(daemon, generous):
    program = Program(daemon)
    program.client.say(op="done", mid=99)
    generous.publish(DOWN, "x")
    message = program.message()
    program.done(message, message, {"mid": 0})
    await_inbox(daemon, 0)
    assert program.client.status()["state"] == "online"


def test_unsub_ends_it_for_good(daemon, generous):
    program = Program(daemon)
    generous.publish(DOWN, "x")
    program.message()
    program.vanish()
    other = Program(daemon, subscribe=None)
    assert other.client.ask("unsub", filter=DOWN)["state"] == "unsubscribed"
    generous.wait_event("unsubscribe")
    await_inbox(daemon, 0)
    mark = generous.mark()
    daemon.kill()
    daemon.start()
    daemon.wait_online()
    daemon.client().sync()
    assert not generous.events("subscribe", after=mark)


def test_others_are_disk_free(daemon, generous, state):
    """Not even with durable subscriptions around does anything else touch the disk."""
    Program(daemon)
    client = daemon.client()
    client.subscribe(OWN + "/live")

    def written():
        return [
            (name, os.stat(os.path.join(state, name)).st_size, os.stat(os.path.join(state, name)).st_mtime_ns)
            for name in sorted(os.listdir(state))
        ]

    await_true(lambda: settled(written), what="a store at rest")
    before = written()
    for i in range(50):
        generous.publish(OWN + "/live", str(i))
    for i in range(50):
        assert client.message()["payload"] == str(i)
    generous.wait_event("puback", count=50)
    assert written() == before


def settled(look):
    before = look()
    time.sleep(0.5)
    return look() == before


def test_errors(daemon):
    client = SocketClient(daemon.socket_path)
    with client:
        assert client.ask("sub", filter=DOWN, durable=True)["code"] == "bad-request"
        client.hello("meter")
        assert client.ask("sub", filter=DOWN, durable=True, qos=0)["code"] == "bad-request"
        assert client.ask("unsub", filter=DOWN)["code"] == "bad-request"


def test_refused_by_the_cloud(daemon, generous):
    generous.set(suback={DOWN: 0x80})
    client = daemon.client()
    client.hello("meter")
    assert client.ask("sub", filter=DOWN, durable=True)["code"] == "rejected"
    await_true(lambda: daemon.status()["durable_clients"] == 0, what="no durable client")
    generous.set(suback={})
    program = Program(daemon)
    generous.set(suback={DOWN: 0x80})
    generous.cut()
    error = program.client.expect("error", seconds=20)
    assert error["code"] == "rejected" and "stays" in error["message"]
    generous.set(suback={})
    mark = generous.mark()
    generous.cut()
    generous.wait_event("subscribe", after=mark, codes=[1])
    generous.publish(DOWN, "x")
    assert program.message()["payload"] == "x"


def test_a_large_inbox_takes_little_memory(daemon, generous):
    if sanitized(daemon.pid):
        pytest.skip("a sanitizer keeps what is freed")
    Program(daemon).vanish()
    payload = "x" * 20000
    for i in range(300):
        generous.publish(DOWN, "%06d%s" % (i, payload))
    generous.wait_event("puback", count=300, timeout=60)
    before = rss(daemon.pid)
    program = Program(daemon)
    for i in range(300):
        message = program.message()
        assert message["payload"][:6] == "%06d" % i
        program.client.say(op="done", mid=message["mid"])
    await_inbox(daemon, 0)
    assert rss(daemon.pid) - before < 4 * 1024 * PATIENCE, "KiB more"


def sanitized(pid):
    with open("/proc/%d/maps" % pid, encoding="ascii") as file:
        maps = file.read()
    return "libasan" in maps or "libtsan" in maps


def rss(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return [int(line.split()[1]) for line in file if line.startswith("VmRSS:")][0]


def test_ctl(world, daemon, generous):
    ctl = world.ctl()
    running = ctl.spawn("sub", "--durable", "shell", DOWN)
    generous.wait_event("subscribe")
    generous.publish(DOWN, "first")
    running.wait_output("first")
    await_inbox(daemon, 0)
    running.process.kill()
    running.process.wait()
    for i in range(5):
        generous.publish(DOWN, "later%d" % i)
    await_inbox(daemon, 5)
    done = ctl.run("sub", "--durable", "shell", "-C", "3", DOWN)
    assert (done.returncode, done.stdout) == (0, "later0\nlater1\nlater2\n")
    await_inbox(daemon, 2)
    assert ctl.json("status")["durable_clients"] == 1
    done = ctl.run("unsub", "--durable", "shell", DOWN)
    assert done.returncode == 0, done.stderr
    await_inbox(daemon, 0)
    assert ctl.json("status")["durable_clients"] == 0
    assert "durable clients" in ctl.run("status").stdout


def test_ctl_stopped_has_done_what_it_printed(world, daemon, generous):
    running = world.ctl().spawn("sub", "--durable", "shell", DOWN)
    generous.wait_event("subscribe")
    generous.publish(DOWN, "x")
    running.wait_output("x")
    running.interrupt()
    assert running.wait_exit() == 0
    await_inbox(daemon, 0)


def test_ctl_that_loses_its_reader_leaves_the_rest(world, daemon, generous):
    for i in range(3):
        with Program(daemon, "shell").client:
            pass
        generous.publish(DOWN, str(i))
    await_inbox(daemon, 3)
    reader, writer = os.pipe()
    os.close(reader)
    child = subprocess.Popen([*world.ctl().head, "sub", "--durable", "shell", DOWN], stdout=writer)
    os.close(writer)
    child.wait(20)
    assert inbox(daemon) == 3, "nobody has seen them"
