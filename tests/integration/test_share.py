# SPDX-License-Identifier: Apache-2.0
"""What is fresh is served while a backlog drains, within the platform's rate, which drops the
excess in silence; also over crashes."""

import os
import threading
import time

import pytest

from harness import conf
from harness.place import PATIENCE, await_true
from harness.topics import OWN

OLD, FRESH = OWN + "/old", OWN + "/fresh"
OFTEN = {"cloud": {"limits": {"connects_per_minute": 0}}}
BACKLOG = 100


@pytest.fixture
def strict(world):
    """The platform with its rates, where only the number of CONNECTs doesn't count."""
    return world.cloud(connects_per_minute=0)


@pytest.fixture
def daemon(world, strict):
    state = world.path("state")
    os.mkdir(state, 0o700)
    return world.online(strict, tls=False, **conf.merged(OFTEN, {"local": {"state": state}}))


def build_backlog(daemon, cloud):
    """Stored while the cloud was away; returns a program that knows it is back."""
    client = daemon.client()
    client.watch()
    cloud.set(refuse=True)
    cloud.cut()
    client.state("offline")
    for i in range(BACKLOG):
        assert client.publish(OLD, str(i), qos=1)["state"] == "stored"
    return client


def arrived(cloud, topic, after=0):
    return [int(e["payload"]) for e in cloud.events("publish", after=after, topic=topic)]


def check_fresh(daemon, cloud, client, number):
    """One message overtakes the backlog, and soon."""
    await_true(lambda: len(arrived(cloud, OLD)) >= 10, 20, "the drain's begin")
    mark, began = cloud.mark(), time.monotonic()
    reply = client.publish(FRESH, str(number), qos=1, wait="delivered")
    assert reply["state"] == "delivered"
    assert time.monotonic() - began < 1.5 * PATIENCE
    # By the count, however slow this machine is: the second's rate, and what was under way.
    events = [e["topic"] for e in cloud.events("publish", after=mark)]
    assert events.index(FRESH) <= 12, events
    assert len(arrived(cloud, OLD)) < BACKLOG, "the backlog has drained before"
    status = client.status()
    assert 0 < status["drain_seconds"] <= BACKLOG / 10 + 1
    assert status["backlog"] > 0 and status["backlog_bytes"] > 0


def check_drained(cloud):
    await_true(lambda: len(set(arrived(cloud, OLD))) == BACKLOG, 40, "the whole backlog")
    first = list(dict.fromkeys(arrived(cloud, OLD)))
    assert first == list(range(BACKLOG)), "in order"
    assert not cloud.events("dropped"), "over the platform's rate"


@pytest.mark.slow
def test_a_fresh_message_during_the_drain(daemon, strict):
    client = build_backlog(daemon, strict)
    strict.set(refuse=False)
    check_fresh(daemon, strict, client, 1)
    # The same topic keeps its order instead.
    assert client.publish(OLD, str(BACKLOG), qos=1)["state"] == "stored"
    await_true(lambda: len(arrived(strict, OLD)) == BACKLOG + 1, 40, "all of it")
    assert arrived(strict, OLD) == list(range(BACKLOG + 1))
    assert not strict.events("dropped")
    await_true(lambda: "drain_seconds" not in client.status(), what="nothing to drain")


@pytest.mark.slow
def test_a_fresh_message_after_a_crash(daemon, strict):
    build_backlog(daemon, strict)
    strict.set(refuse=False)
    await_true(lambda: len(arrived(strict, OLD)) >= 5, 20, "the drain's begin")
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        client.watch()
        if client.status()["state"] != "online":
            client.state("online", seconds=20)
        check_fresh(daemon, strict, client, 1)
    check_drained(strict)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_restarts_under_load_stay_within_the_rate(daemon, strict, end):
    """What an earlier run has sent in the last second counts, too."""
    ending = threading.Event()

    def publish():
        number = 0
        while not ending.is_set():
            try:
                with daemon.client() as client:
                    while not ending.is_set():
                        topic = OWN + "/load/%d" % (number % 5)
                        client.publish(topic, str(number), qos=number % 2, seconds=5)
                        number += 1
            except (OSError, AssertionError):
                ending.wait(0.01)

    programs = [threading.Thread(target=publish) for _ in range(40)]
    for program in programs:
        program.start()
    try:
        for _ in range(4):
            mark = strict.mark()
            # In the middle of a second's burst.
            strict.wait_event("publish", after=mark, count=12, timeout=20)
            getattr(daemon, end)()
            daemon.start()
            daemon.wait_online()
    finally:
        ending.set()
        for program in programs:
            program.join()
    assert not strict.events("dropped")
