# SPDX-License-Identifier: Apache-2.0
"""Local names and the cloud's names."""

import pytest

from harness.topics import OWN

BASE = "/${product_key}/${device_name}/user"

ROUTES = [
    {"local": "telemetry/#", "remote": BASE + "/telemetry/#", "direction": "up", "qos": 1},
    {"local": "cmd/#", "remote": BASE + "/cmd/#", "direction": "down", "qos": 1},
    {"local": "plc/+/value", "remote": BASE + "/values/+", "direction": "up", "qos": 0},
    {"local": "set/+/now", "remote": BASE + "/set/+", "direction": "down", "qos": 0},
    {"local": "chat", "remote": BASE + "/chat", "direction": "both", "qos": 1},
    {"local": "id", "remote": BASE + "/${client_id}", "direction": "up", "qos": 1},
]


@pytest.fixture
def daemon(world, cloud):
    return world.online(cloud, tls=False, routes=ROUTES, identity={"client_id": "gw-1"})


@pytest.fixture
def client(daemon):
    return daemon.client()


@pytest.mark.parametrize(
    "local,remote",
    [
        ("telemetry/t1", "/telemetry/t1"),
        ("telemetry/a/b/c", "/telemetry/a/b/c"),
        ("telemetry", "/telemetry"),
        ("plc/7/value", "/values/7"),
        ("chat", "/chat"),
        ("id", "/gw-1"),
    ],
)
def test_local_name_becomes_the_clouds(client, cloud, local, remote):
    assert client.publish(local, "x", qos=1)["op"] == "ack"
    assert cloud.wait_event("publish")["topic"] == OWN + remote


@pytest.mark.parametrize(
    "topic_filter,remote,local",
    [
        ("cmd/+", "/cmd/reboot", "cmd/reboot"),
        ("cmd/#", "/cmd/a/b", "cmd/a/b"),
        ("cmd/reboot", "/cmd/reboot", "cmd/reboot"),
        ("set/+/now", "/set/pump", "set/pump/now"),
        ("set/pump/now", "/set/pump", "set/pump/now"),
        ("chat", "/chat", "chat"),
        ("#", "/cmd/x", "cmd/x"),
    ],
)
def test_clouds_name_becomes_the_local_one(client, cloud, topic_filter, remote, local):
    client.subscribe(topic_filter)
    cloud.publish(OWN + remote, b"x")
    assert client.message()["topic"] == local


@pytest.mark.parametrize("local", ["other", "cmd/x", OWN + "/telemetry/t1", "plc/value"])
def test_publish_that_no_route_leads_up_is_a_bad_topic(client, cloud, local):
    reply = client.publish(local, "x", qos=1)
    assert (reply["op"], reply["code"]) == ("error", "bad-topic")
    client.sync()
    assert not cloud.events("publish")


@pytest.mark.parametrize("topic_filter", ["telemetry/#", "other", OWN + "/cmd/#"])
def test_subscription_that_no_route_leads_down_is_a_bad_topic(client, topic_filter):
    reply = client.ask("sub", filter=topic_filter)
    assert (reply["op"], reply["code"]) == ("error", "bad-topic")


def test_route_lowers_the_qos_of_a_publish(client, cloud):
    client.publish("plc/7/value", "x", qos=1)
    assert cloud.wait_event("publish")["qos"] == 0


def test_route_lowers_the_qos_of_a_subscription(client, cloud):
    client.subscribe("set/+/now", qos=1)
    assert cloud.wait_event("subscribe")["filters"] == [[OWN + "/set/+", 0]]


def test_only_what_was_asked_for_is_subscribed(client, cloud):
    client.subscribe("cmd/reboot")
    filters = cloud.wait_event("subscribe")["filters"]
    assert [name for name, _ in filters] == [OWN + "/cmd/reboot"]


def test_clouds_limits_count_on_the_clouds_name(client, cloud):
    room = 128 - len(OWN + "/telemetry/")
    assert client.publish("telemetry/" + "x" * room, "fits", qos=1)["op"] == "ack"
    reply = client.publish("telemetry/" + "x" * (room + 1), "too long", qos=1)
    assert (reply["op"], reply["code"]) == ("error", "bad-topic")
    assert not cloud.events("violation")
