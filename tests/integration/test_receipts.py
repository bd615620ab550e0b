# SPDX-License-Identifier: Apache-2.0
"""Receipts that are asked for later: by another run of the program, of another run of the daemon."""

import os
import time

import pytest

from harness import conf
from harness.topics import UP

LIMITS = conf.unlimited()


@pytest.fixture
def daemon(world, generous):
    state = world.path("state")
    os.mkdir(state, 0o700)
    return world.online(
        generous, tls=False, **conf.merged(LIMITS, {"local": {"state": state}, "store": {"delay": 200}})
    )


def store_one(daemon, cloud, payload="0", **more):
    """A program that publishes while the cloud is away, and ends. Its receipt."""
    with daemon.client() as client:
        client.watch()
        if client.status()["state"] == "online":
            cloud.set(refuse=True)
            cloud.cut()
            client.state("offline")
        reply = client.publish(UP, payload, qos=1, **more)
        assert reply["state"] == "stored"
        return reply["receipt"]


def test_after_the_program_has_ended(daemon, generous):
    receipt = store_one(daemon, generous)
    client = daemon.client()
    assert client.ask("receipt", receipt=receipt) == {
        "op": "ack", "id": 1, "state": "stored", "receipt": receipt}  # fmt: skip
    client.say(op="receipt", id="wait", receipt=receipt, wait="delivered")
    assert not client.sync()
    generous.set(refuse=False)
    reply = client.expect(id="wait", seconds=20)
    assert (reply["state"], reply["receipt"]) == ("delivered", receipt)
    assert client.ask("receipt", receipt=receipt)["state"] == "delivered"


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_after_the_daemon_has_ended(daemon, generous, end):
    receipts = [store_one(daemon, generous, str(i)) for i in range(3)]
    getattr(daemon, end)()
    daemon.start()
    client = daemon.client()
    for i, receipt in enumerate(receipts):
        client.say(op="receipt", id=i, receipt=receipt, wait="delivered")
    assert client.ask("receipt", receipt=receipts[0])["state"] == "stored"
    generous.set(refuse=False)
    for i in range(len(receipts)):
        assert client.expect(id=i, seconds=20)["state"] == "delivered"
    getattr(daemon, end)()
    daemon.start()
    with daemon.client() as client:
        assert client.ask("receipt", receipt=receipts[0], wait="delivered")["state"] == "delivered"


def test_what_was_not_delivered(daemon, generous):
    receipt = store_one(daemon, generous, ttl=1)
    client = daemon.client()
    time.sleep(1.1)
    generous.set(refuse=False)
    reply = client.ask("receipt", receipt=receipt, wait="delivered", seconds=20)
    assert (reply["op"], reply["code"]) == ("error", "expired")
    reply = client.ask("receipt", receipt=12345)
    assert (reply["op"], reply["code"]) == ("error", "bad-request")
    assert "no such receipt" in reply["message"]


def test_delivered_without_the_disk_needs_no_number(daemon):
    assert "receipt" not in daemon.client().publish(UP, "0", qos=1)
