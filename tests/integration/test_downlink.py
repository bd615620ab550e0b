# SPDX-License-Identifier: Apache-2.0
"""From the cloud to programs on the socket."""

import pytest

from harness import conf
from harness.client import payload_of
from harness.topics import DOWN, OWN, PAYLOADS


@pytest.fixture(params=["tls", "tcp"])
def gateway(request, world, cloud):
    return world.online(cloud, tls=request.param == "tls")


@pytest.fixture
def daemon(world, cloud):
    return world.online(cloud, tls=False)


@pytest.fixture
def client(daemon):
    return daemon.client()


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("kind", PAYLOADS)
def test_payload_arrives_byte_for_byte(gateway, cloud, kind, qos):
    client = gateway.client()
    client.subscribe(DOWN, qos=1)
    assert cloud.publish(DOWN, PAYLOADS[kind], qos=qos)["delivered"] == 1
    message = client.message()
    assert message["topic"] == DOWN
    assert message["qos"] == qos
    assert payload_of(message) == PAYLOADS[kind]
    assert ("payload" in message) != ("payload_b64" in message)


@pytest.mark.parametrize("kind", ["utf-8", "json", "1-null-byte", "empty"])
def test_utf_8_comes_as_text(client, cloud, kind):
    client.subscribe(DOWN)
    cloud.publish(DOWN, PAYLOADS[kind])
    assert client.message()["payload"] == PAYLOADS[kind].decode()


@pytest.mark.parametrize("kind", ["every-byte", "broken-utf-8"])
def test_other_bytes_come_as_base64(client, cloud, kind):
    client.subscribe(DOWN)
    cloud.publish(DOWN, PAYLOADS[kind])
    assert "payload_b64" in client.message()


def test_qos_1_has_a_number_to_accept_and_qos_0_has_none(client, cloud):
    client.subscribe(DOWN, qos=1)
    cloud.publish(DOWN, b"1", qos=1)
    cloud.publish(DOWN, b"2", qos=1)
    cloud.publish(DOWN, b"3", qos=0)
    first, second, third = (client.message() for _ in range(3))
    assert first["mid"] != second["mid"]
    assert "mid" not in third


def test_qos_1_is_acknowledged_to_the_cloud(client, cloud):
    client.subscribe(DOWN, qos=1)
    cloud.publish(DOWN, b"1", qos=1)
    cloud.wait_event("puback", topic=DOWN)


def test_subscription_with_qos_0_lowers_what_comes(client, cloud):
    assert client.subscribe(DOWN, qos=0)["qos"] == 0
    cloud.publish(DOWN, b"1", qos=1)
    message = client.message()
    assert message["qos"] == 0
    assert "mid" not in message


def test_subscription_is_with_qos_1_unless_said_otherwise(client):
    assert client.ask("sub", filter=DOWN)["qos"] == 1


@pytest.mark.parametrize(
    "topic_filter,match,miss",
    [
        (OWN + "/cmd/+", "/cmd/reboot", "/cmd/a/b"),
        (OWN + "/cmd/#", "/cmd/a/b", "/other"),
        (OWN + "/cmd/#", "/cmd", "/cmdx"),
        (OWN + "/+/state", "/pump/state", "/pump/stat"),
    ],
)
def test_wildcards_choose_what_comes(client, cloud, topic_filter, match, miss):
    client.subscribe(topic_filter)
    client.subscribe(OWN + "/end")
    cloud.publish(OWN + miss, b"miss", force=True)
    cloud.publish(OWN + match, b"match")
    cloud.publish(OWN + "/end", b"")
    assert client.message()["topic"] == OWN + match
    assert client.message()["topic"] == OWN + "/end"


def test_each_subscriber_gets_each_message_once(daemon, cloud):
    clients = [daemon.client() for _ in range(10)]
    for client in clients:
        client.subscribe(OWN + "/cmd/#")
    cloud.publish(OWN + "/cmd/a", b"one")
    cloud.publish(OWN + "/cmd/b", b"two")
    for client in clients:
        assert client.message()["payload"] == "one"
        assert client.message()["payload"] == "two"


def test_overlapping_filters_of_one_program_give_one_message(client, cloud):
    client.subscribe(OWN + "/cmd/#", qos=0)
    client.subscribe(OWN + "/cmd/+", qos=1)
    client.subscribe(OWN + "/end")
    cloud.publish(OWN + "/cmd/a", b"x")
    cloud.publish(OWN + "/end", b"")
    message = client.message()
    assert message["topic"] == OWN + "/cmd/a"
    assert message["qos"] == 1, "the highest of them"
    assert client.message()["topic"] == OWN + "/end"


def test_subscribing_again_changes_the_qos_and_gives_no_second_copy(client, cloud):
    client.subscribe(DOWN, qos=1)
    client.subscribe(DOWN, qos=0)
    client.subscribe(OWN + "/end")
    cloud.publish(DOWN, b"x", qos=1)
    cloud.publish(OWN + "/end", b"")
    assert client.message()["qos"] == 0
    assert client.message()["topic"] == OWN + "/end"


def test_nothing_comes_after_unsub(client, cloud):
    client.subscribe(DOWN)
    client.subscribe(OWN + "/end")
    client.unsubscribe(DOWN)
    cloud.publish(DOWN, b"x", force=True)
    cloud.publish(OWN + "/end", b"")
    assert client.message()["topic"] == OWN + "/end"


def test_unsub_of_the_last_subscriber_reaches_the_cloud(daemon, cloud):
    one, other = daemon.client(), daemon.client()
    one.subscribe(DOWN)
    other.subscribe(DOWN)
    one.unsubscribe(DOWN)
    cloud.publish(DOWN, b"still")
    assert other.message()["payload"] == "still"
    assert not cloud.events("unsubscribe")
    other.unsubscribe(DOWN)
    assert cloud.wait_event("unsubscribe")["filters"] == [DOWN]


def test_program_that_leaves_takes_its_subscriptions_along(daemon, cloud):
    client = daemon.client()
    client.subscribe(DOWN)
    client.close()
    assert cloud.wait_event("unsubscribe")["filters"] == [DOWN]


def test_unsub_of_what_was_never_subscribed_is_a_bad_request(client):
    assert client.ask("unsub", filter=OWN + "/never")["code"] == "bad-request"


def test_second_subscriber_needs_no_second_subscribe(daemon, cloud):
    daemon.client().subscribe(DOWN)
    daemon.client().subscribe(DOWN)
    daemon.client().sync()
    assert len(cloud.events("subscribe")) == 1


@pytest.mark.parametrize(
    "topic_filter",
    ["", OWN + "/a+", OWN + "/#/b", OWN + "/a#", OWN + "/" + "x" * 128, "nul\0"],
    ids=["empty", "plus-inside", "hash-inside", "hash-glued", "too-long", "nul"],
)
def test_bad_filter_is_refused_here(client, cloud, topic_filter):
    reply = client.ask("sub", filter=topic_filter)
    assert (reply["op"], reply["code"]) == ("error", "bad-topic")
    client.sync()
    assert not cloud.events("subscribe")


def test_filter_that_the_cloud_rejects_is_rejected_here(world, cloud):
    cloud.set(suback={OWN + "/no": 0x80})
    daemon = world.online(cloud)
    client = daemon.client()
    reply = client.ask("sub", filter=OWN + "/no")
    assert (reply["op"], reply["code"], reply["filter"]) == ("error", "rejected", OWN + "/no")
    daemon.wait_log(OWN + "/no")
    client.subscribe(OWN + "/yes")


def test_durable_needs_a_store(client):
    client.hello("meter")
    reply = client.ask("sub", filter=DOWN, durable=True)
    assert (reply["op"], reply["code"]) == ("error", "internal")


def test_subscribing_offline_is_pending_and_comes_true_online(world, cloud):
    cloud.set(refuse=True)
    daemon = world.device(cloud).start()
    client = daemon.client()
    assert client.subscribe(DOWN).get("pending") is True
    cloud.set(refuse=False)
    daemon.wait_online()
    cloud.wait_event("subscribe")
    cloud.publish(DOWN, b"x")
    assert client.message()["payload"] == "x"


def test_many_subscriptions_are_asked_for_in_packets_the_platform_takes(world, generous):
    generous.set(filters_per_subscribe=8, subscriptions=100)
    generous.set(refuse=True)
    daemon = world.device(generous).start()
    client = daemon.client()
    for i in range(100):
        client.subscribe("%s/f%d" % (OWN, i))
    generous.set(refuse=False)
    daemon.wait_online()
    asked = set()
    last = 0
    while len(asked) < 100:
        last = generous.wait_event("subscribe", after=last)
        asked |= {name for name, _ in last["filters"]}
    assert not generous.events("violation")


def test_hundred_and_first_subscription_is_refused_here(world, generous):
    generous.set(filters_per_subscribe=8, subscriptions=100)
    daemon = world.online(generous)
    client = daemon.client()
    for i in range(100):
        client.say(op="sub", id=i, filter="%s/f%d" % (OWN, i))
    for i in range(100):
        assert client.expect(id=i)["op"] == "ack"
    reply = client.ask("sub", filter=OWN + "/one-too-many")
    assert (reply["op"], reply["code"]) == ("error", "quota")
    assert not generous.events("violation")


def test_flood_from_the_cloud_arrives_complete_and_in_order(world, generous):
    client = world.online(generous, **conf.unlimited()).client()
    client.subscribe(DOWN)
    for i in range(300):
        generous.publish(DOWN, b"%d" % i, qos=1)
    assert [int(client.message()["payload"]) for _ in range(300)] == list(range(300))


def test_system_topics_come_to_those_who_asked_for_them(client, cloud):
    topic = "/sys/a1X2bEnP82z/example1/thing/service/property/set"
    client.subscribe(topic)
    cloud.publish(topic, b"{}", force=True)
    assert client.message()["topic"] == topic


def test_message_nobody_subscribed_to_does_no_harm(daemon, cloud):
    cloud.publish("/sys/a1X2bEnP82z/example1/thing/unasked", b"x", force=True)
    cloud.wait_event("puback")
    assert daemon.status()["state"] == "online"
