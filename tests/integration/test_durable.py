# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged arrives, whatever happens to the link, the daemon, the cloud or the disk."""

import glob
import os
import sqlite3
import time

import pytest

from harness import conf
from harness.place import PATIENCE, await_true
from harness.topics import UP
from standin.rawclient import RawClient

OFTEN = {"cloud": {"limits": {"connects_per_minute": 0}}}
FREE = conf.unlimited()
AGAIN = 20 * PATIENCE  # a store that can't be opened is tried every 10 s


@pytest.fixture
def state(world):
    path = world.path("state")
    os.mkdir(path, 0o700)
    return path


def changes(state, base=OFTEN, **more):
    return conf.merged(base, {"local": {"state": state}, **more})


@pytest.fixture
def daemon(world, generous, state):
    return world.online(generous, **changes(state, FREE, store={"delay": 200}))


def offline(daemon, cloud):
    client = daemon.client()
    client.watch()
    cloud.set(refuse=True)
    cloud.cut()
    client.state("offline")
    return client


def rows(state):
    """Of a daemon that has ended: while it runs, the file is its own."""
    with sqlite3.connect("file:%s/spool.db?mode=ro" % state, uri=True) as database:
        return database.execute("SELECT count(*) FROM spool").fetchone()[0]


def arrived(cloud, after=0):
    """The payloads in the order of their first arrival."""
    return list(dict.fromkeys(int(e["payload"]) for e in cloud.events("publish", after=after)))


def await_arrived(cloud, expected, seconds=30):
    await_true(lambda: set(arrived(cloud)) >= set(expected), seconds, "the arrival of all")
    assert arrived(cloud) == list(expected)


def await_acknowledged(client):
    """Deletions are lazy."""

    def done():
        status = client.status()
        return status["backlog"] + status["unacknowledged"] == 0

    await_true(done, 20, "all of it acknowledged")


def store_many(client, count, first=0, **more):
    numbers = [client.send(UP, str(i), qos=1, **more) for i in range(first, first + count)]
    for number in numbers:
        assert client.expect(id=number)["state"] in ("stored", "delivered")


def test_offline_is_stored_and_delivered_after_the_reconnect(daemon, generous):
    client = offline(daemon, generous)
    store_many(client, 100)
    waiting = client.send(UP, "100", qos=1, wait="delivered")
    assert not client.sync()
    await_true(lambda: client.status()["backlog"] == 101, what="the backlog's number")
    generous.set(refuse=False)
    assert client.expect(id=waiting, seconds=30)["state"] == "delivered"
    await_arrived(generous, range(101))
    await_true(lambda: client.status()["backlog"] == 0, what="an empty backlog")


def test_stored_before_the_first_connection(world, generous, state):
    generous.set(refuse=True)
    daemon = world.device(generous, **changes(state)).start()
    reply = daemon.client().publish(UP, "0", qos=1)
    assert reply["state"] == "stored"
    generous.set(refuse=False)
    await_arrived(generous, range(1))


def test_qos_0_is_not_stored(daemon, generous):
    client = offline(daemon, generous)
    reply = client.publish(UP, "x", qos=0)
    assert (reply["op"], reply["code"]) == ("error", "offline")


def test_nothing_is_written_while_the_cloud_is_quick(daemon, generous, state):
    client = daemon.client()
    before = os.stat(state + "/spool.db-wal").st_size
    for i in range(50):
        assert client.publish(UP, str(i), qos=1)["state"] == "delivered"
    assert os.stat(state + "/spool.db-wal").st_size == before


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_what_is_stored_survives_the_daemon(world, daemon, generous, state, end):
    client = offline(daemon, generous)
    store_many(client, 300)
    getattr(daemon, end)()
    generous.set(refuse=False)
    daemon.start()
    store_many(daemon.client(), 50, first=300)
    await_arrived(generous, range(350))


def test_the_end_in_order_stores_what_is_under_way(daemon, generous, state):
    generous.set(puback="none")
    client = daemon.client()
    numbers = [client.send(UP, str(i), qos=1, wait="stored") for i in range(20)]
    generous.wait_event("publish", count=20)
    daemon.stop()
    for number in numbers:
        assert client.expect(id=number)["state"] == "stored"
    mark = generous.mark()
    generous.set(puback="normal")
    daemon.start()
    await_true(lambda: len(arrived(generous, mark)) == 20, 20, "all of them again")
    assert arrived(generous, mark) == list(range(20))


def test_wait_delivered_at_the_end_is_told_that_it_is_stored(daemon, generous):
    client = offline(daemon, generous)
    number = client.send(UP, "0", qos=1, wait="delivered")
    client.sync()
    daemon.stop()
    reply = client.expect(id=number)
    assert (reply["op"], reply["code"]) == ("error", "offline")
    assert "is stored and will be delivered" in reply["message"]
    generous.set(refuse=False)
    daemon.start()
    await_arrived(generous, range(1))


def test_a_puback_that_never_comes(daemon, generous):
    generous.set(puback="none")
    client = daemon.client()
    assert client.publish(UP, "0", qos=1)["state"] == "stored"
    daemon.kill()
    mark = generous.mark()
    generous.set(puback="normal")
    daemon.start()
    await_true(lambda: arrived(generous, mark) == [0], 20, "the message again")
    with daemon.client() as other:
        await_true(lambda: other.status()["backlog"] == 0, what="an empty backlog")


def test_a_puback_that_comes_late_deletes_the_row(daemon, generous, state):
    generous.set(puback="late", puback_delay=1.5)
    client = daemon.client()
    first = client.send(UP, "0", qos=1)
    second = client.send(UP, "1", qos=1, wait="delivered")
    assert client.expect(id=first)["state"] == "stored"
    assert client.status()["unacknowledged"] == 2
    assert client.expect(id=second)["state"] == "delivered"
    assert not [m for m in client.sync() if m.get("id") == first], "one reply each"
    daemon.stop()
    assert rows(state) == 0
    daemon.start()
    client = daemon.client()
    client.sync()
    assert len(generous.events("publish")) == 2


def test_a_puback_for_an_id_of_the_connection_before(daemon, generous):
    generous.set(puback="late", puback_delay=3)
    client = daemon.client()
    client.watch()
    store_many(client, 5)
    generous.cut()
    client.state("offline")
    generous.set(puback="normal")
    client.state("online", seconds=20)
    store_many(client, 5, first=5)
    await_arrived(generous, range(10))
    await_acknowledged(client)


@pytest.mark.parametrize("delay", [0, 0.3])
def test_pubacks_for_old_ids_on_the_next_connection(daemon, generous, delay):
    """Of ids that mean other messages there, or none."""
    client = daemon.client()
    client.watch()
    store_many(client, 10)
    generous.set(puback="stale", puback_delay=delay)
    store_many(client, 10, first=10)
    daemon.kill()  # what comes after does not know what the ids meant
    generous.set(refuse=True)
    daemon.start()
    client = daemon.client()
    client.watch()
    store_many(client, 20, first=20)
    mark = generous.mark()
    generous.set(refuse=False, puback="late")
    client.state("online", seconds=20)
    store_many(client, 20, first=40)
    await_arrived(generous, range(60))
    assert arrived(generous, mark) == list(range(10, 60)), "nothing was taken for acknowledged"
    generous.set(puback="normal")
    await_acknowledged(client)


@pytest.mark.slow
def test_pubacks_that_never_come_while_the_connection_lives(daemon, generous):
    """It is given up after a minute, and what was not acknowledged is sent again."""
    generous.set(puback="drop", puback_every=3)
    client = daemon.client()
    client.watch()
    waiting = [client.send(UP, str(i), qos=1, wait="delivered") for i in range(30)]
    generous.wait_event("publish", count=30)
    generous.set(puback="normal")
    assert client.state("offline", seconds=80)["reason"] == "ack-timeout"
    client.state("online", seconds=20)
    for number in waiting:
        assert client.expect(id=number, seconds=20)["state"] == "delivered"
    events = [int(event["payload"]) for event in generous.events("publish")]
    assert events[30:] == list(range(2, 30, 3)), "only those again"
    await_acknowledged(client)


@pytest.mark.slow
def test_a_platform_that_drops_what_is_over_its_rate_while_the_connection_lives(world, cloud, state):
    """Told to send more than it takes: the excess vanishes, and is sent again after a minute."""
    daemon = world.online(cloud, **changes(state, FREE, store={"delay": 200}))
    client = daemon.client()
    client.watch()
    store_many(client, 18)
    assert len(cloud.events("dropped")) == 8
    client.state("offline", seconds=80, reason="ack-timeout")
    client.state("online", seconds=20)
    await_true(lambda: set(arrived(cloud)) == set(range(18)), 20, "all of them")
    await_acknowledged(client)


@pytest.mark.slow
def test_a_black_hole_that_heals(world, generous, state):
    """Nothing is restarted: the keepalive finds out, and all is sent again."""
    daemon = world.online(generous, **changes(state, FREE, cloud={"keepalive": 30}, store={"delay": 200}))
    client = daemon.client()
    client.watch()
    store_many(client, 10)
    generous.set(blackhole=True)
    store_many(client, 20, first=10)
    client.state("offline", seconds=60)
    store_many(client, 10, first=30)
    mark = generous.mark()
    generous.set(blackhole=False)
    client.state("online", seconds=90)
    await_true(lambda: set(arrived(generous)) == set(range(40)), 30, "all of them")
    assert arrived(generous, mark)[-10:] == list(range(30, 40))
    await_acknowledged(client)


def test_a_black_hole(daemon, generous):
    client = daemon.client()
    client.watch()
    generous.set(blackhole=True)
    store_many(client, 20)
    daemon.kill()
    generous.set(blackhole=False)
    generous.cut()
    daemon.start()
    await_true(lambda: set(arrived(generous)) == set(range(20)), 30, "all of them")


def test_a_twin_that_kicks(daemon, generous):
    client = daemon.client()
    client.watch()
    generous.set(puback="late", puback_delay=0.5)
    numbers = []
    for turn in range(2):
        numbers += [client.send(UP, str(20 * turn + i), qos=1) for i in range(20)]
        generous.wait_event("publish", count=20 * turn + 1, timeout=30)
        generous.kick()
        client.state("offline")
        client.state("online", seconds=30)
    for number in numbers:
        assert client.expect(id=number, seconds=20)["op"] == "ack"
    await_arrived(generous, range(40))


@pytest.mark.slow
def test_a_platform_that_drops_what_is_over_its_rate(world, cloud, state):
    # We are told to send more than it takes; it drops the excess in silence.
    daemon = world.online(cloud, **changes(state, FREE, store={"delay": 200}))
    client = daemon.client()
    store_many(client, 30)
    assert cloud.events("dropped")
    daemon.stop()
    time.sleep(1.2)  # the platform counts by the second, whoever sends
    daemon.config = conf.merged(daemon.config, {"cloud": {"limits": {"qos1_per_second": 8}}})
    daemon.start()
    await_true(lambda: set(arrived(cloud)) == set(range(30)), 60, "all of them")


def test_ttl_goes_on_on_disk(daemon, generous):
    client = offline(daemon, generous)
    short = client.send(UP, "0", qos=1, ttl=1, wait="delivered")
    store_many(client, 1, first=1, ttl=600)
    daemon.stop()
    assert client.expect(id=short)["code"] == "offline"
    generous.set(refuse=False)
    daemon.start()
    await_true(lambda: 1 in arrived(generous), 30, "the other one")


def test_a_full_store_refuses_and_takes_again(world, generous, state):
    generous.set(refuse=True)
    config = changes(state, FREE, store={"max_messages": 10})
    client = world.device(generous, **config).start().client()
    client.watch()
    store_many(client, 10)
    reply = client.publish(UP, "x", qos=1)
    assert (reply["op"], reply["code"]) == ("error", "full")
    assert client.status()["refused"] == 1
    generous.set(refuse=False)
    await_arrived(generous, range(10))
    assert client.publish(UP, "10", qos=1)["op"] == "ack"


@pytest.mark.slow
def test_a_missing_directory_is_said_once_and_recovers(world, generous, state):
    os.rmdir(state)
    generous.set(refuse=True)
    daemon = world.device(generous, **changes(state)).start()
    client = daemon.client()
    assert client.publish(UP, "x", qos=1)["code"] == "offline"
    daemon.wait_log("cannot store messages in '%s'.*store-unusable" % state)
    os.mkdir(state, 0o700)
    daemon.wait_log("can be stored in '%s' now" % state, AGAIN)
    assert client.publish(UP, "0", qos=1)["state"] == "stored"
    assert daemon.log.count("store-unusable") == 1
    generous.set(refuse=False)
    await_arrived(generous, range(1))


def test_a_corrupt_store_is_set_aside(daemon, generous, state):
    client = offline(daemon, generous)
    store_many(client, 10)
    daemon.stop()
    with open(state + "/spool.db", "r+b") as file:
        file.write(b"rubbish" * 100)
    daemon.start()
    daemon.wait_log("store-set-aside")
    assert glob.glob(state + "/spool.db.bad-*")
    client = daemon.client()
    client.watch()
    assert client.publish(UP, "77", qos=1)["state"] == "stored"
    generous.set(refuse=False)
    await_true(lambda: arrived(generous) == [77], 20, "the message in the new store")


def test_ctl_shows_the_backlog(world, daemon, generous):
    client = offline(daemon, generous)
    store_many(client, 42)
    assert world.ctl().json("status")["backlog"] == 42
    assert "42" in world.ctl().run("status").stdout


def test_a_twin_with_our_identity_takes_nothing_from_us(daemon, generous):
    client = daemon.client()
    client.watch()
    with RawClient(generous) as twin:
        twin.connect()
        store_many(client, 20)
    await_true(lambda: set(arrived(generous)) == set(range(20)), 60, "all of them")
