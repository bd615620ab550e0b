# SPDX-License-Identifier: Apache-2.0
"""What gives way when the store is full, and QoS 0 over its rate: as configured, and never silent."""

import os

import pytest

from harness import conf
from harness.place import await_true
from harness.topics import OWN, UP

BASE = "/${product_key}/${device_name}/user"


def full_daemon(world, cloud, when_full):
    state = world.path("state")
    os.mkdir(state, 0o700)
    cloud.set(refuse=True)
    routes = [
        {"local": "x/#", "remote": BASE + "/x/#", "direction": "up", "when_full": when_full},
        {"local": "#", "remote": BASE + "/#", "direction": "up"},
    ]
    changes = {"local": {"state": state}, "store": {"max_messages": 10}, "routes": routes}
    return world.device(cloud, tls=False, **conf.merged(conf.unlimited(), changes)).start()


def test_the_oldest_of_a_route_give_way(world, generous):
    daemon = full_daemon(world, generous, "drop-oldest")
    client = daemon.client()
    receipts = [client.publish("x/a", str(i), qos=1)["receipt"] for i in range(15)]
    reply = client.publish("other", "x", qos=1)
    assert (reply["op"], reply["code"]) == ("error", "full")
    reply = client.ask("receipt", receipt=receipts[4])
    assert (reply["op"], reply["code"]) == ("error", "full")
    status = client.status()
    assert (status["dropped_oldest"], status["dropped_superseded"]) == (5, 0)
    daemon.wait_log("stored messages of route 'x/#' were dropped.*spool-dropped.*ROUTE=x/#")
    assert daemon.log.count("EVENT=spool-dropped") == 1, "the others wait for the minute's end"
    generous.set(refuse=False)
    await_true(lambda: len(generous.events("publish")) == 10, 20, "the rest")
    assert [int(e["payload"]) for e in generous.events("publish")] == list(range(5, 15))


def test_the_latest_of_a_name_are_kept(world, generous):
    daemon = full_daemon(world, generous, "keep-latest")
    client = daemon.client()
    for i in range(20):
        assert client.publish("x/%d" % (i % 3), str(i), qos=1)["state"] == "stored"
    assert client.status()["dropped_superseded"] == 10
    generous.set(refuse=False)
    await_true(lambda: len(generous.events("publish")) == 10, 20, "the rest")
    last = {e["topic"]: int(e["payload"]) for e in generous.events("publish")}
    assert last == {OWN + "/x/%d" % (i % 3): i for i in range(17, 20)}


@pytest.mark.parametrize("excess,counter", [("refuse", "qos0_refused"), ("drop-oldest", "qos0_dropped")])
def test_qos_0_over_its_rate(world, generous, excess, counter):
    limits = {"qos0_per_second": 5, "qos0_excess": excess, "connects_per_minute": 0}
    daemon = world.online(generous, tls=False, cloud={"limits": limits})
    client = daemon.client()
    # Right after its start the daemon takes the second's worth for used up.
    await_true(lambda: client.publish(UP, "first")["op"] == "ack", what="the first second's end")
    before, mark = client.status()[counter], generous.mark()
    numbers = [client.send(UP, str(i)) for i in range(30)]
    replies = [client.expect(id=number, seconds=20) for number in numbers]
    refused = [r for r in replies if r["op"] == "error"]
    assert refused and all(r["code"] == "quota" for r in refused)
    assert client.status()[counter] == before + len(refused)
    daemon.wait_log("More QoS 0 messages than cloud.limits.qos0_per_second.*rate-excess")
    assert daemon.log.count("EVENT=rate-excess") == 1
    sent = len(replies) - len(refused)
    assert sent >= 4
    await_true(lambda: len(generous.events("publish", after=mark)) == sent, what="the others")
    if excess == "drop-oldest":
        assert replies[-1]["op"] == "ack", "the newest wait"


def test_qos_0_waits(world, generous):
    daemon = world.online(generous, tls=False, cloud={"limits": {"qos0_per_second": 10}})
    client = daemon.client()
    numbers = [client.send(UP, str(i)) for i in range(25)]
    for number in numbers:
        assert client.expect(id=number, seconds=20)["state"] == "sent"
    assert client.status()["qos0_refused"] == 0
