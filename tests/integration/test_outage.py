# SPDX-License-Identifier: Apache-2.0
"""The connection breaks, and comes back."""

import time

import pytest

from harness import conf
from harness.topics import DOWN, OWN, UP

OFTEN = {"cloud": {"limits": {"connects_per_minute": 0}}}


@pytest.fixture
def daemon(world, generous):
    return world.online(generous, **OFTEN)


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_comes_back_after_a_cut(daemon, generous, reset):
    first = generous.wait_event("connack", code=0)
    watcher = daemon.client()
    watcher.watch()
    generous.cut(reset=reset)
    assert watcher.state("offline")["reason"] == "closed"
    watcher.state("online")
    generous.wait_event("connack", code=0, after=first)


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_says_why_also_with_messages_in_flight(daemon, generous, reset):
    watcher = daemon.client()
    watcher.watch()
    generous.set(puback="none")
    client = daemon.client()
    for number in range(20):
        client.say(op="pub", id=number, topic=UP, payload="x", qos=1)
    generous.wait_event("publish", count=10)
    generous.cut(reset=reset)
    assert watcher.state("offline")["reason"] == "closed"


def test_comes_back_after_two_cuts(world, generous):
    # A third one as soon as this would look like a twin's work.
    daemon = world.online(generous, **OFTEN)
    watcher = daemon.client()
    watcher.watch()
    for _ in range(2):
        generous.cut()
        watcher.state("offline", seconds=20)
        watcher.state("online", seconds=20)


def test_comes_back_when_the_server_was_away(daemon, generous):
    watcher = daemon.client()
    watcher.watch()
    generous.stop()
    watcher.state("offline")
    watcher.state("offline", reason="tcp-refused")
    generous.start()
    watcher.state("online", seconds=20)


def test_publish_while_offline_is_refused_not_dropped(daemon, generous):
    client = daemon.client()
    client.watch()
    generous.set(refuse=True)
    generous.cut()
    client.state("offline")
    for qos in (0, 1):
        reply = client.publish(UP, "x", qos=qos)
        assert (reply["op"], reply["code"]) == ("error", "offline")
    generous.set(refuse=False)
    client.state("online", seconds=20)
    assert client.publish(UP, "y", qos=1)["state"] == "delivered"
    assert [e["payload"] for e in generous.events("publish")] == [b"y"]


def test_publish_before_the_first_connection_is_refused(world, generous):
    generous.set(refuse=True)
    daemon = world.device(generous).start()
    reply = daemon.client().publish(UP, "x", qos=1)
    assert (reply["op"], reply["code"]) == ("error", "offline")


def test_publish_under_way_at_a_cut_is_sent_again_and_acked(daemon, generous):
    client = daemon.client()
    generous.set(puback="none")
    numbers = [client.send(UP, str(i), qos=1) for i in range(20)]
    last = generous.wait_event("publish", count=20)
    assert not client.sync()
    generous.set(puback="normal")
    generous.cut()
    for number in numbers:
        assert client.expect(id=number, seconds=20)["state"] == "delivered"
    again = generous.events("publish", after=last)
    assert [int(e["payload"]) for e in again] == list(range(20)), "in their order"
    assert not client.sync(), "one reply each"


def test_cut_in_the_middle_of_a_flood_loses_nothing_that_was_acked(daemon, generous):
    client = daemon.client()
    client.watch()
    generous.set(cut_after=50)
    numbers = {client.send(UP, str(i), qos=1): b"%d" % i for i in range(100)}
    acked = set()
    for number, payload in numbers.items():
        # What the daemon read after the cut is "offline"; what it had accepted is delivered.
        if client.expect(id=number, seconds=20)["op"] == "ack":
            acked.add(payload)
    assert len(acked) >= 50
    assert acked <= {e["payload"] for e in generous.events("publish") if e["acked"] == "yes"}
    client.state("online", seconds=20)
    assert client.publish(UP, "after", qos=1)["state"] == "delivered"


def test_subscriptions_are_there_again_after_a_cut(daemon, generous):
    client = daemon.client()
    client.watch()
    client.subscribe(DOWN)
    client.subscribe(OWN + "/cmd/#")
    before = generous.mark()
    generous.cut()
    client.state("offline")
    client.state("online", seconds=20)
    asked, last = set(), before
    while asked != {DOWN, OWN + "/cmd/#"}:
        last = generous.wait_event("subscribe", after=last)
        asked |= {name for name, _ in last["filters"]}
    generous.publish(DOWN, b"x")
    assert client.message()["payload"] == "x"


def test_subscriptions_are_there_again_when_the_cloud_forgot_the_session(daemon, generous):
    client = daemon.client()
    client.watch()
    client.subscribe(DOWN)
    generous.restart()
    client.state("online", seconds=20)
    generous.wait_event("subscribe")
    generous.publish(DOWN, b"x")
    assert client.message()["payload"] == "x"


def test_subscription_refused_at_its_restoration_is_told(daemon, generous):
    client = daemon.client()
    client.subscribe(OWN + "/cmd")
    generous.set(suback={OWN + "/cmd": 0x80})
    generous.cut()
    error = client.expect("error", seconds=20)
    assert (error["code"], error["filter"]) == ("rejected", OWN + "/cmd")
    assert "id" not in error
    daemon.wait_log(OWN + "/cmd")


def test_qos_1_from_the_cloud_during_the_outage_arrives_afterwards(daemon, generous):
    client = daemon.client()
    client.watch()
    client.subscribe(DOWN)
    generous.set(refuse=True)
    generous.cut()
    client.state("offline")
    assert generous.publish(DOWN, b"kept", qos=1)["queued"] == 1
    generous.set(refuse=False)
    assert client.message(seconds=20)["payload"] == "kept"


def test_watch_tells_the_present_state_first(daemon):
    assert daemon.client().watch()["state"] == "online"


def test_watch_carries_its_id_in_the_first_state_only(daemon, generous):
    client = daemon.client()
    assert client.ask("watch")["op"] == "state"
    generous.cut()
    assert "id" not in client.state("offline")


def test_status_counts_what_happened(daemon, generous):
    client = daemon.client()
    client.watch()
    client.publish(UP, "x", qos=1)
    client.publish(OWN + "/4/5/6/7/8", "x")
    client.subscribe(DOWN)
    generous.publish(DOWN, b"y")
    client.message()
    generous.wait_event("puback")  # or it comes again
    generous.set(connack=3, connack_count=1)
    generous.cut()
    client.state("offline", reason="refused-unavailable", seconds=20)
    client.state("online", seconds=20)
    status = client.status()
    found = {name: status[name] for name in ("sent", "refused", "received", "subscriptions")}
    assert found == {"sent": 1, "refused": 1, "received": 1, "subscriptions": 1}
    assert (status["connects"], status["failures"]) == (3, 0)
    assert status["last_refusal"] == "refused-unavailable"
    assert status["endpoint"] == "localhost:%d" % generous.tls_port and status["tls"]
    assert 300 < status["root_days"] < 10000


def test_retry_is_announced_in_seconds(daemon, generous):
    client = daemon.client()
    client.watch()
    generous.set(refuse=True)
    generous.cut()
    state = client.state("offline", reason="tcp-refused")
    assert 0 < state["retry_in"] <= 10


def test_since_moves_with_each_state(daemon, generous):
    before = daemon.status()["since"]
    client = daemon.client()
    client.watch()
    time.sleep(1.1)  # "since" counts seconds
    generous.cut()
    client.state("offline")
    client.state("online", seconds=20)
    assert daemon.status()["since"] > before


@pytest.mark.slow
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
def test_half_open_connection_is_noticed_within_one_and_a_half_keepalive(world, generous, tls):
    daemon = world.online(generous, tls=tls, **conf.merged(OFTEN, {"cloud": {"keepalive": 30}}))
    client = daemon.client()
    client.watch()
    generous.set(blackhole=True)
    began = time.monotonic()
    state = client.state("offline", seconds=60)
    assert time.monotonic() - began <= 46
    assert state["reason"] in ("keepalive-timeout", "closed")
    generous.set(blackhole=False)
    client.state("online", seconds=90)


@pytest.mark.slow
def test_quiet_connection_is_kept_alive(world, generous):
    daemon = world.online(generous, cloud={"keepalive": 30})
    first = generous.wait_event("ping", timeout=35)
    generous.wait_event("ping", timeout=35, after=first)
    assert daemon.status()["state"] == "online"
    assert len(generous.events("connect")) == 1


@pytest.mark.slow
def test_never_more_than_five_connects_in_a_minute(world, cloud):
    """The service is unavailable, which invites to try again soon; the platform counts along."""
    cloud.set(connack=3)
    world.device(cloud).start()
    cloud.wait_event("connect", count=6, timeout=100)
    times = [event["t"] for event in cloud.events("connect")]
    assert times[5] - times[0] >= 59, "six CONNECTs within a minute"
    assert not cloud.events("violation")


@pytest.mark.slow
def test_never_more_than_five_connects_in_a_minute_when_cut_each_time(world, cloud):
    daemon = world.device(cloud).start()
    watcher = daemon.client()
    watcher.say(op="watch")
    deadline = time.monotonic() + 70
    while time.monotonic() < deadline:
        try:
            watcher.state("online", seconds=max(0.1, deadline - time.monotonic()))
        except AssertionError:
            break
        cloud.cut()
    assert not cloud.events("violation")
    assert len(cloud.events("connect")) <= 6


def test_large_messages_under_way_at_a_loss_are_sent_again_and_leak_nothing(world, generous):
    """The library never frees what it could not write: a run with LeakSanitizer would tell."""
    daemon = world.online(generous, cloud={"limits": {"qos1_per_second": 0, "connects_per_minute": 0}})
    client = daemon.client()
    client.watch()
    generous.set(blackhole=True)
    for number in range(10):
        client.say(op="pub", id=number, topic=UP, payload="x" * 200000, qos=1)
    client.status()
    generous.set(blackhole=False)
    generous.cut()
    client.state("offline")
    for number in range(10):
        assert client.expect("ack", id=number, seconds=20)["state"] == "delivered"
