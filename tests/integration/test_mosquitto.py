# SPDX-License-Identifier: Apache-2.0
"""Against Debian's real mosquitto."""

import pytest

from harness import conf
from harness.client import payload_of
from harness.tls import certificates
from harness.topics import DOWN, OWN, PAYLOADS, UP, as_text

PLAIN = {"auth": "plain", "limits": conf.NO_LIMITS}


@pytest.fixture
def broker(world):
    return world.mosquitto(certificates())


def started(world, broker, tls, auth):
    """A daemon online at the broker, as the platform's device or as anybody."""
    config = conf.device(
        "localhost:%d" % (broker.tls_port if tls else broker.port),
        world.socket,
        broker.tls.root if tls else None,
        cloud={"limits": conf.NO_LIMITS},
    )
    if auth == "plain":
        config["identity"] = {"client_id": "gateway"}
        config["cloud"]["auth"] = "plain"
    daemon = world.daemon(config).start()
    daemon.wait_online()
    return daemon


@pytest.mark.parametrize("auth", ["device", "plain"])
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
def test_messages_go_both_ways(world, broker, tls, auth):
    daemon = started(world, broker, tls, auth)
    peer = world.peer(broker.port)
    peer.subscribe(UP)
    client = daemon.client()
    client.subscribe(DOWN)
    for qos in (0, 1):
        assert client.publish(UP, "up %d" % qos, qos=qos)["op"] == "ack"
        assert peer.expect(UP).payload == b"up %d" % qos
        peer.publish(DOWN, b"down %d" % qos, qos=qos)
        message = client.message()
        assert (message["payload"], message["qos"]) == ("down %d" % qos, qos)


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
def test_payloads_of_every_kind_go_there_and_back(world, broker, tls):
    daemon = started(world, broker, tls, "device")
    client = daemon.client()
    client.subscribe(UP)
    for kind, payload in PAYLOADS.items():
        assert client.publish(UP, as_text(payload), qos=1)["state"] == "delivered", kind
        assert payload_of(client.message(topic=UP)) == payload, kind


def test_client_id_reaches_the_broker(world, broker):
    started(world, broker, False, "plain")
    assert " as gateway " in broker.log


def test_comes_back_after_the_brokers_restart_with_its_subscriptions(world, broker):
    daemon = started(world, broker, True, "device")
    client = daemon.client()
    client.watch()
    client.subscribe(OWN + "/cmd/#")
    broker.restart()
    client.state("offline")
    client.state("online", seconds=20)
    peer = world.peer(broker.port)
    # The subscription is restored after "online"; retained, so that it can't come too early.
    peer.client.publish(OWN + "/cmd/x", b"after", qos=1, retain=True)
    assert client.message()["payload"] == "after"


def test_comes_back_after_the_broker_was_killed(world, broker):
    daemon = started(world, broker, False, "plain")
    client = daemon.client()
    client.watch()
    broker.kill()
    client.state("offline")
    broker.start()
    client.state("online", seconds=20)
    assert client.publish("any/topic", "x", qos=1)["state"] == "delivered"


def test_plain_mode_knows_none_of_the_platforms_limits(world, broker):
    daemon = started(world, broker, False, "plain")
    peer = world.peer(broker.port)
    peer.subscribe("#")
    topic = "/".join("level%d" % i for i in range(30))
    client = daemon.client()
    assert client.publish(topic, "deep", qos=1)["state"] == "delivered"
    peer.expect(topic)
    for i in range(200):
        client.send("burst", str(i), qos=1)
    for _ in range(200):
        assert client.expect("ack")["state"] == "delivered"
    peer.wait_count(200)


def test_peers_flood_arrives_complete_and_in_order(world, broker):
    daemon = started(world, broker, False, "plain")
    client = daemon.client()
    client.subscribe("down")
    peer = world.peer(broker.port)
    for i in range(500):
        peer.client.publish("down", b"%d" % i, qos=1)
    assert [int(client.message()["payload"]) for _ in range(500)] == list(range(500))
