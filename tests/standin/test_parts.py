# SPDX-License-Identifier: Apache-2.0
"""The stand-in's parts, without a network: known answers, bytes written by hand, and rules that are pure functions."""

import json
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

# pylint: disable=wrong-import-position
from standin import journal, mqtt, rates, signing, topics  # noqa: E402
from standin.malformed import GOOD_CONNECT, MALFORMED  # noqa: E402

with open(os.path.join(HERE, "..", "data", "sign-vectors.json"), encoding="utf-8") as file:
    VECTORS = json.load(file)["vectors"]


def vectors(*modes):
    chosen = [v for v in VECTORS if v["mode"] in modes and v["expected"].get("rc", 0) == 0]
    assert chosen
    return pytest.mark.parametrize("vector", chosen, ids=[v["id"] for v in chosen])


# Signatures


@vectors("mqtt-direct", "linksdk-4.2", "iot-sign-mqtt")
def test_known_answers(vector):
    given, expected = vector["inputs"], vector["expected"]
    _, params = signing.client_id_parse(expected["clientId"])
    transport = "tls" if params["securemode"] == "2" else "tcp"
    secrets = {(given["productKey"], given["deviceName"]): given["deviceSecret"]}

    def check(password):
        return signing.device_check(
            expected["clientId"], expected["username"], password, transport, lambda pk, dn: secrets.get((pk, dn))
        )

    id_, params, dn, pk = check(expected["password"].encode())
    assert signing.content_build(id_, dn, pk, params.get("timestamp")) == expected["signContent"]
    check(expected["password"].lower().encode())
    wrong = ("0" if expected["password"][0] != "0" else "1") + expected["password"][1:]
    with pytest.raises(signing.Refused) as e:
        check(wrong.encode())
    assert e.value.code == 5


@vectors("primitive")
def test_primitives(vector):
    given = vector["inputs"]
    assert signing.digest_hex(given["algorithm"], given["key"], given["message"]) == vector["expected"]["hex"]


@vectors("apsaramq-signature")
def test_mq_known_answers(vector):
    given, expected = vector["inputs"], vector["expected"]
    login = given["clientId"], expected["username"], expected["password"].encode()
    assert signing.mq_check(*login, given["accessKeyId"], given["secret"], given["instanceId"]) == "Signature"
    with pytest.raises(signing.Refused):
        signing.mq_check(*login, given["accessKeyId"], "other", given["instanceId"])


@pytest.mark.parametrize(
    "client_id",
    [
        "a", "a|", "a||", "|securemode=2|", "a|securemode=2", "a|securemode=2,|", "a|,securemode=2|",
        "a|securemode=2,securemode=2|", "a|securemode|", "a|securemode=|", "a|=2|", "a|x= y|", "a|securemode=2|b|",
        "a|securemode=2,x=1=2|", "x" * 65 + "|securemode=2|",
    ],
)  # fmt: skip
def test_client_id_grammar(client_id):
    with pytest.raises(signing.Refused) as e:
        signing.client_id_parse(client_id)
    assert e.value.code == 2


def test_client_id_of_64_characters():
    expected = "x" * 64, {"securemode": "2", "_v": "a-b.1"}
    assert signing.client_id_parse("x" * 64 + "|securemode=2,_v=a-b.1|") == expected


# Topics, rates, journal


@pytest.mark.parametrize(
    ("filter_", "topic", "expected"),
    [
        ("a/b", "a/b", True), ("a/+", "a/b", True), ("a/+", "a/b/c", False), ("a/#", "a", True), ("a/#", "a/b/c", True),
        ("#", "a/b", True), ("+", "a", True), ("+", "/a", False), ("/+", "/a", True), ("+/+", "/a", True),
        ("a/b/c", "a/b", False), ("a/b", "a/b/c", False), ("#", "$SYS/x", False), ("+/x", "$SYS/x", False),
        ("a//b", "a//b", True), ("a/+/b", "a//b", True),
    ],
)  # fmt: skip
def test_matches(filter_, topic, expected):
    assert topics.matches(filter_, topic) is expected


@pytest.mark.parametrize(
    "topic",
    [
        "/K/N/user/a", "/K/N/user/#", "/sys/K/N/thing/event/property/post", "/sys/K/N/rrpc/request/+",
        "/ext/ntp/K/N/request", "/ext/session/K/N/combine/login", "/ext/error/K/N", "/ext/rrpc/17/any/topic",
        "/ota/device/upgrade/K/N", "/shadow/update/K/N", "/shadow/get/K/N", "/broadcast/K/x",
    ],
)  # fmt: skip
def test_own_topics(topic):
    assert topics.belongs(topic, "K", "N")


@pytest.mark.parametrize(
    "topic",
    [
        "a", "#", "/#", "K/N/user/a", "/K/N/user", "/K/N/#", "/K/N/get", "/K/+/user/a", "/+/N/user/a", "/K/M/user/a",
        "/J/N/user/a", "/sys/K/M/x", "/sys/K/N", "/sys/#", "/ext/ntp/K/M/request", "/ext/#", "/ext/ntp/K/+/x",
        "/ext/rrpc/1", "/ota/device/upgrade/K/M", "/ota/#", "/shadow/update/K/M", "/shadow/x/K/N", "/broadcast/J/x",
        "//K/N/user/a",
    ],
)  # fmt: skip
def test_foreign_topics(topic):
    assert not topics.belongs(topic, "K", "N")


def test_window_slides():
    w = rates.Window(1)
    assert [w.allow(2, t) for t in (0, 0.5, 0.9, 1.0, 1.2, 1.5)] == [True, True, False, True, False, True]
    assert all(w.allow(0, 1.6) for _ in range(1000))
    assert w.allow(1, 1.6) and not w.allow(1, 1.6)


def test_journal_forgets_the_oldest(monkeypatch):
    monkeypatch.setattr(journal, "EVENTS_MAX", 3)
    j = journal.Journal()
    for i in range(5):
        j.add("x", i=i)
    assert [e["i"] for e in j.find("x")] == [2, 3, 4]
    assert [e["i"] for e in j.find("x", after=4)] == [4]
    assert j.find("x", after=5) == [] and j.find("y") == []
    monkeypatch.setattr(journal, "BYTES_MAX", 10)
    j.add("y", payload=b"123456")
    j.add("y", payload=b"1234567")
    assert len(j.find("y")) == 1 and j.bytes == 7


# Packets


def decode(data):
    return list(mqtt.Decoder().feed(data))


def test_connect_of_the_standard():
    # The example of the standard's section 3.1, byte for byte.
    body = b"\x00\x04MQTT\x04\xce\x00\x0a\x00\x02id" + b"\x00\x01w\x00\x03bye" + b"\x00\x02me\x00\x02pw"
    (p,) = decode(b"\x10" + bytes((len(body),)) + body)
    assert (p.client_id, p.clean, p.keepalive, p.username, p.password) == ("id", True, 10, "me", b"pw")
    assert (p.will_topic, p.will_payload, p.will_qos, p.will_retain) == ("w", b"bye", 1, False)


def test_packets_in_any_pieces():
    small = b"\x32\x08\x00\x03a/b\x00\x07!" + b"\xc0\x00"
    stream = GOOD_CONNECT + small + b"\x30\x83\x01\x00\x01t" + b"z" * 128 + b"\xe0\x00"
    whole = decode(stream)
    assert [p.type for p in whole] == [1, 3, 12, 3, 14]
    assert (whole[1].topic, whole[1].payload, whole[1].mid, whole[1].qos) == ("a/b", b"!", 7, 1)
    assert whole[3].payload == b"z" * 128
    for size in range(1, len(stream)):
        d = mqtt.Decoder()
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert [p for piece in pieces for p in d.feed(piece)] == whole


@pytest.mark.parametrize("length", [0, 127, 128, 16383, 16384, 2097151, 2097152])
def test_remaining_length(length):
    encoded = mqtt.length_encode(length)
    assert len(encoded) == 1 + (length > 127) + (length > 16383) + (length > 2097151)
    if length > 2:
        (p,) = decode(b"\x30" + encoded + b"\x00\x01t" + b"x" * (length - 3))
        assert len(p.payload) == length - 3


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(data):
    with pytest.raises(mqtt.Malformed):
        decode(data)
