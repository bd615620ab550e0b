# SPDX-License-Identifier: Apache-2.0
"""From a program on the socket to the cloud."""

import base64
import json
import socket

import pytest

from harness import conf
from harness.topics import OWN, PAYLOADS, UP, as_text

MAX = 262144


@pytest.fixture(params=["tls", "tcp"])
def gateway(request, world, cloud):
    return world.online(cloud, tls=request.param == "tls")


@pytest.fixture
def client(world, cloud):
    return world.online(cloud, tls=False).client()


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("kind", PAYLOADS)
def test_payload_arrives_byte_for_byte(gateway, cloud, kind, qos):
    payload = PAYLOADS[kind]
    reply = gateway.client().publish(UP, as_text(payload), qos=qos)
    assert reply == {"op": "ack", "id": reply["id"], "state": "delivered" if qos else "sent"}
    event = cloud.wait_event("publish", topic=UP)
    assert event["payload"] == payload
    assert event["qos"] == qos


def test_text_given_as_base64_arrives_as_text(client, cloud):
    client.publish(UP, b"21.5")
    assert cloud.wait_event("publish")["payload"] == b"21.5"


def test_text_given_with_json_escapes_arrives_unescaped(client, cloud):
    client.write(b'{"op":"pub","id":1,"topic":"%s","payload":"\\u00e4\\ud83d\\ude00\\u0000\\n"}\n'
                 % UP.encode())  # fmt: skip
    assert client.expect(id=1)["op"] == "ack"
    assert cloud.wait_event("publish")["payload"] == "ä😀\0\n".encode()


def test_largest_payload_arrives_when_every_byte_is_escaped(client, cloud):
    client.write(json.dumps({"op": "pub", "id": 1, "topic": UP, "payload": "\x01" * MAX}).encode() + b"\n")
    assert client.expect(id=1)["op"] == "ack"
    assert cloud.wait_event("publish")["len"] == MAX


def test_publish_without_a_payload_is_empty(client, cloud):
    assert client.ask("pub", topic=UP)["op"] == "ack"
    assert cloud.wait_event("publish")["payload"] == b""


@pytest.mark.parametrize(
    "payload",
    ["x" * (MAX + 1), b"\xff" * (MAX + 1), "ä" * (MAX // 2 + 1)],
    ids=["text", "base64", "utf-8"],
)
def test_payload_over_256_kib_is_too_large_and_nothing_else_suffers(client, cloud, payload):
    reply = client.publish(UP, payload, qos=1)
    assert (reply["op"], reply["code"]) == ("error", "too-large")
    assert client.publish(UP, "next", qos=1)["state"] == "delivered"
    assert [e["payload"] for e in cloud.events("publish")] == [b"next"]


def test_ack_of_qos_1_comes_only_after_the_clouds_puback(client, cloud):
    cloud.set(puback="late", puback_delay=1.0)
    number = client.send(UP, "slow", qos=1)
    cloud.wait_event("publish")
    assert not [m for m in client.sync() if m.get("id") == number], "acked before the PUBACK"
    assert client.expect(id=number)["state"] == "delivered"


def test_no_puback_no_ack(client, cloud):
    cloud.set(puback="none")
    number = client.send(UP, "lost", qos=1)
    cloud.wait_event("publish", topic=UP)
    cloud.set(puback="normal")
    assert client.publish(UP + "/2", "later", qos=1)["state"] == "delivered"
    assert not [m for m in client.sync() if m.get("id") == number]


def test_wait_sent_acks_qos_1_without_the_puback(client, cloud):
    cloud.set(puback="none")
    assert client.publish(UP, "x", qos=1, wait="sent")["state"] == "sent"
    cloud.wait_event("publish", qos=1)


def test_wait_delivered_is_the_clouds_word(client):
    assert client.publish(UP, "x", qos=1, wait="delivered")["state"] == "delivered"


def test_wait_delivered_makes_no_sense_with_qos_0(client, cloud):
    reply = client.publish(UP, "x", qos=0, wait="delivered")
    assert (reply["op"], reply["code"]) == ("error", "bad-request")
    client.sync()
    assert not cloud.events("publish")


def test_wait_stored_is_the_clouds_word_while_there_is_no_store(client, cloud):
    cloud.set(puback="late", puback_delay=0.5)
    number = client.send(UP, "x", qos=1, wait="stored")
    cloud.wait_event("publish")
    assert not client.sync()
    assert client.expect(id=number)["state"] == "delivered"


def test_unknown_wait_is_a_bad_request(client):
    assert client.publish(UP, "x", qos=1, wait="forever")["code"] == "bad-request"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        OWN + "/a+b",
        OWN + "/+",
        OWN + "/#",
        OWN + "/nul\0",
        OWN + "/" + "x" * 128,
        OWN + "/4/5/6/7/8",
    ],
    ids=["empty", "plus-inside", "plus", "hash", "nul", "129-bytes", "8-slashes"],
)
def test_bad_topic_is_refused_here_and_never_sent(client, cloud, topic):
    reply = client.publish(topic, "x", qos=1)
    assert (reply["op"], reply["code"]) == ("error", "bad-topic")
    assert client.publish(UP, "good", qos=1)["state"] == "delivered"
    assert [e["topic"] for e in cloud.events("publish")] == [UP]
    assert not cloud.events("violation")


def test_longest_and_deepest_topic_is_taken(client, cloud):
    topic = OWN + "/5/6/7/"
    topic += "x" * (128 - len(topic))
    assert client.publish(topic, "x", qos=1)["state"] == "delivered"
    assert cloud.wait_event("publish")["topic"] == topic


def test_qos_2_is_refused_here_and_never_sent(client, cloud):
    reply = client.publish(UP, "x", qos=2)
    assert (reply["op"], reply["code"]) == ("error", "unsupported")
    client.sync()
    assert not cloud.events("publish")


@pytest.mark.parametrize("qos", [-1, 3, "1", 1.0, True])
def test_qos_of_no_sense_is_a_bad_request(client, qos):
    reply = client.ask("pub", topic=UP, payload="x", qos=qos)
    assert (reply["op"], reply["code"]) == ("error", "bad-request")


def test_retain_is_refused_here_and_never_sent(client, cloud):
    assert client.publish(UP, "x", qos=1, retain=True)["code"] == "unsupported"
    assert client.publish(UP, "y", qos=1, retain=False)["state"] == "delivered"
    assert [e["payload"] for e in cloud.events("publish")] == [b"y"]
    assert not cloud.events("violation"), "the platform closes on retain"


def test_payload_in_both_forms_is_a_bad_request(client, cloud):
    reply = client.ask("pub", topic=UP, payload="x", payload_b64="eA==")
    assert (reply["op"], reply["code"]) == ("error", "bad-request")
    assert not cloud.events("publish")


@pytest.mark.parametrize("text", ["eA", "e A==", "eA==\n", "eA==eA==", "=", "e*==", "eB=="])
def test_broken_base64_is_a_bad_request(client, cloud, text):
    reply = client.ask("pub", topic=UP, payload_b64=text)
    assert (reply["op"], reply["code"]) == ("error", "bad-request")
    assert not cloud.events("publish")


def test_publishes_of_one_program_keep_their_order(world, generous):
    client = world.online(generous, **conf.unlimited()).client()
    numbers = [client.send(UP, "%d" % i, qos=1) for i in range(500)]
    for number in numbers:
        assert client.expect(id=number)["state"] == "delivered"
    generous.wait_event("publish", count=500)
    assert [int(e["payload"]) for e in generous.events("publish")] == list(range(500))


def test_ids_come_back_as_they_were_given(client):
    for number in (0, -1, 2**63 - 1, -(2**63), "", "abc", "x" * 64, "Ü€"):
        client.say(op="pub", id=number, topic=UP, payload="x")
        assert client.expect("ack")["id"] == number


def test_publish_without_an_id_gets_a_reply_without_one(client):
    client.say(op="pub", topic=UP, payload="x", qos=1)
    assert client.expect("ack") == {"op": "ack", "state": "delivered"}


def test_lost_pubacks_do_not_stop_the_others(world, cloud):
    cloud.set(puback="drop", puback_every=2)
    client = world.online(cloud).client()
    numbers = [client.send(UP, str(i), qos=1) for i in range(6)]
    cloud.wait_event("publish", count=6)
    replies = [client.expect("ack") for _ in range(3)]
    assert len({reply["id"] for reply in replies} & set(numbers)) == 3


@pytest.mark.parametrize("qos,rate", [(1, 10), (0, 30)])
def test_platforms_rates_are_kept_for_the_program(world, cloud, qos, rate):
    client = world.online(cloud, tls=False).client()
    count = 3 * rate
    numbers = [client.send(UP, str(i), qos=qos) for i in range(count)]
    for number in numbers:
        assert client.expect(id=number, seconds=20)["op"] == "ack"
    cloud.wait_event("publish", count=count)
    assert not cloud.events("dropped"), "the platform drops the excess in silence"


def test_no_more_than_100_publishes_are_unacknowledged(world, cloud):
    cloud.set(puback="none", qos1_per_second=0)
    daemon = world.online(cloud, cloud={"limits": {"qos1_per_second": 0}})
    client = daemon.client()
    for i in range(130):
        client.send(UP, str(i), qos=1)
    cloud.wait_event("publish", count=100)
    client.sync()
    assert not cloud.events("violation")


def test_hundred_programs_publish_at_once(world, generous):
    daemon = world.online(generous, **conf.unlimited())
    clients = [daemon.client() for _ in range(100)]
    numbers = [client.send(UP, "from %d" % i, qos=1) for i, client in enumerate(clients)]
    for client, number in zip(clients, numbers):
        assert client.expect(id=number)["state"] == "delivered"
    payloads = {e["payload"] for e in generous.events("publish")}
    assert payloads == {b"from %d" % i for i in range(100)}


def test_program_that_leaves_after_writing_has_still_published(world, cloud):
    daemon = world.online(cloud)
    for i in range(5):
        client = daemon.client()
        client.send(UP, str(i), qos=1)
        client.close()
    cloud.wait_event("publish", count=5)
    assert {e["payload"] for e in cloud.events("publish")} == {b"0", b"1", b"2", b"3", b"4"}


def test_half_closed_program_gets_all_its_replies(client):
    numbers = [client.send(UP, str(i), qos=1) for i in range(5)]
    client.socket.shutdown(1)
    for number in numbers:
        assert client.expect(id=number)["state"] == "delivered"
    client.expect_closed()


def test_half_closed_subscriber_goes_on_listening(client, cloud):
    client.subscribe(OWN + "/down")
    client.socket.shutdown(1)
    cloud.publish(OWN + "/down", b"x")
    assert client.expect("msg")["payload"] == "x"


def test_program_with_256_unanswered_publishes_is_not_read_on(world, generous):
    generous.set(puback="none")
    daemon = world.online(generous, **conf.unlimited())
    client = daemon.client()
    for i in range(257):
        client.send(UP, str(i), qos=1)
    client.say(op="status", id="late")
    generous.wait_event("publish", count=100)
    assert daemon.status()["clients"] == 2
    client.socket.settimeout(0.3)
    with pytest.raises(socket.timeout):
        client.socket.recv(1)
    assert len(generous.events("publish")) <= 256
    generous.set(puback="normal")
    generous.cut()
    assert client.expect(id="late", seconds=20)["op"] == "status"


def test_publishes_of_one_topic_stay_in_order_across_qos_1_retries(world, generous):
    client = world.online(generous, **conf.unlimited()).client()
    generous.set(cut_after=30)
    numbers = [client.send(UP, str(i), qos=1) for i in range(100)]
    delivered = [
        i for i, n in enumerate(numbers) if client.expect(id=n, seconds=20)["op"] == "ack"
    ]
    seen = [int(e["payload"]) for e in generous.events("publish") if e["acked"] == "yes"]
    first = [seen.index(i) for i in delivered]
    assert first == sorted(first)


def test_expired_publish_is_not_sent(world, cloud):
    cloud.set(puback="none")
    daemon = world.online(cloud, cloud={"limits": {"unacknowledged": 1, "qos1_per_second": 0}})
    client = daemon.client()
    client.send(UP, "first", qos=1)
    cloud.wait_event("publish")
    number = client.send(UP, "second", qos=1, ttl=1)
    reply = client.expect(id=number)
    assert (reply["op"], reply["code"]) == ("error", "expired")
    assert [e["payload"] for e in cloud.events("publish")] == [b"first"]


@pytest.mark.parametrize("ttl", [-1, 0, 604801, "5", 1.5])
def test_ttl_of_no_sense_is_a_bad_request(client, ttl):
    reply = client.ask("pub", topic=UP, ttl=ttl)
    assert (reply["op"], reply["code"]) == ("error", "bad-request")


def test_base64_of_everything_round_trips(client, cloud):
    for size in range(1, 5):
        payload = bytes(range(250, 250 + size))
        encoded = base64.b64encode(payload).decode()
        assert client.ask("pub", topic=UP, payload_b64=encoded)["op"] == "ack"
        assert cloud.wait_event("publish", count=size)["payload"] == payload
