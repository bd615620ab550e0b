# SPDX-License-Identifier: Apache-2.0
"""The stand-in over real sockets: every rule and every misbehavior it promises."""

import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

# pylint: disable=wrong-import-position
from standin import mqtt, signing  # noqa: E402
from standin.control import PYTHON, ControlError, Standin  # noqa: E402
from standin.malformed import GOOD_CONNECT, MALFORMED  # noqa: E402
from standin.rawclient import RawClient, connect_packet, credentials, subscribe_packet  # noqa: E402

OWN = "/a1X2bEnP82z/example1/user/"


@pytest.fixture(scope="module", name="shared")
def shared_fixture():
    with Standin() as standin:
        yield standin
        with open(standin.log, encoding="utf-8") as log:
            assert log.read() == ""  # no traceback, no complaint of asyncio's


@pytest.fixture(name="cloud")
def cloud_fixture(shared):
    """One process for all, with its behavior put back for each test."""
    defaults = {
        "auth_code": 5, "connack": None, "connack_count": None, "delay_connack": 0, "answer": None, "puback": "normal",
        "suback": {}, "cut_after": None, "blackhole": False, "refuse": False, "refuse_tls": False, "cert": "good",
        "tls_min": "1.2", "tls_max": "1.3", "on_violation": "close", "record_publishes": True, "connect_timeout": 10,
    }  # fmt: skip
    shared.set(limits=True, connects_per_minute=0, qos0_per_second=0, qos1_per_second=0)
    shared.set(**defaults)
    shared.cut()
    with RawClient(shared) as c:
        c.connect(clean=True)
        c.send(b"\xe0\x00")
        assert c.closed()
    shared.start_mark = shared.mark()
    return shared


# The wire


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_closes(cloud, data):
    with RawClient(cloud) as c:
        if data[0] >> 4 != 1:
            assert c.connect() == (0, False)
        c.send(data)
        assert c.closed()
    e = cloud.wait_event("disconnect", after=cloud.start_mark)
    assert e["reason"] == "malformed" and e["detail"]


def test_something_before_connect(cloud):
    with RawClient(cloud) as c:
        c.send(b"\xc0\x00")
        assert c.closed()
    assert "before CONNECT" in cloud.wait_event("violation", after=cloud.start_mark, rule="malformed")["detail"]


# Being let in


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
def test_connects(cloud, transport, method):
    with RawClient(cloud, transport) as c:
        client_id, username, password = credentials(cloud.identity, transport, method)
        assert c.login(client_id, username, password.upper()) == (0, False)
        e = cloud.wait_event("connect", after=cloud.start_mark)
        assert e["client_id"] == client_id and e["params"]["signmethod"] == method and e["transport"] == transport
        assert password not in json.dumps(cloud.events("connect")).lower()
        c.send(b"\xc0\x00")
        assert c.packet() == (0xD0, b"")
        c.send(b"\xe0\x00")
        assert c.closed()
    assert cloud.wait_event("disconnect", after=e)["reason"] == "client"


def test_default_method_and_no_timestamp(cloud):
    pk, dn, secret = cloud.identity.values()
    password = signing.digest_hex("hmacmd5", secret, f"clientIdxdeviceName{dn}productKey{pk}")
    with RawClient(cloud) as c:
        assert c.login("x|securemode=3|", f"{dn}&{pk}", password) == (0, False)


def refused(cloud, code, *login, transport="tcp", **options):
    mark = cloud.mark()
    with RawClient(cloud, transport) as c:
        assert c.login(*login, **options)[0] == code
        assert c.closed()
    e = cloud.wait_event("connack", after=mark)
    assert e["code"] == code and e["reason"]
    assert cloud.wait_event("disconnect", after=e)["online"] is False
    return e["reason"]


def test_refusals(cloud):
    client_id, username, password = credentials(cloud.identity)
    refused(cloud, 5, client_id, username, "0" * 64)
    refused(cloud, 5, client_id, "other&" + cloud.identity["product_key"], password)
    refused(cloud, 5, client_id.replace("1700000000000", "1700000000001"), username, password)
    refused(cloud, 4, client_id, username, password[:-1])
    refused(cloud, 4, client_id, username, password[:-1] + "g")
    refused(cloud, 4, client_id, "example1", password)
    refused(cloud, 4, client_id, "a&b&c", password)
    refused(cloud, 4, client_id, "&b", password)
    refused(cloud, 4, client_id, username)
    refused(cloud, 4, client_id)
    refused(cloud, 2, client_id.replace("securemode=3", "securemode=2"), username, password)
    refused(cloud, 2, client_id.replace("securemode=3,", ""), username, password)
    refused(cloud, 2, client_id.replace("hmacsha256", "sha256"), username, password)
    refused(cloud, 2, client_id[:-1] + ",|", username, password)
    refused(cloud, 2, client_id.replace("1700000000000", "now"), username, password)
    refused(cloud, 2, *credentials(cloud.identity), transport="tls")
    cloud.set(auth_code=4)
    refused(cloud, 4, client_id, username, "0" * 64)


def test_keepalive_range(cloud):
    login = credentials(cloud.identity)
    for keepalive in (0, 29, 1201, 65535):
        assert str(keepalive) in refused(cloud, 2, *login, keepalive=keepalive)
    for keepalive in (30, 1200):
        with RawClient(cloud) as c:
            assert c.connect(keepalive=keepalive)[0] == 0


def test_protocol_level(cloud):
    for packet in (GOOD_CONNECT.replace(b"MQTT\x04", b"MQTT\x05"), GOOD_CONNECT.replace(b"MQTT\x04", b"MQTT\x03")):
        with RawClient(cloud) as c:
            c.send(packet)
            assert c.packet() == (0x20, b"\x00\x01")
            assert c.closed()


def test_identities_come_and_go(cloud):
    other = {"product_key": "pk2", "device_name": "dn2", "device_secret": "s2"}
    with RawClient(cloud) as c:
        assert c.connect(other)[0] == 5
    cloud.add_identity(**other)
    with RawClient(cloud) as a, RawClient(cloud) as b:
        assert a.connect(other)[0] == 0 and b.connect()[0] == 0
        a.send(b"\xc0\x00")
        assert a.packet() == (0xD0, b"")
    cloud.remove_identity("pk2", "dn2")
    with RawClient(cloud) as c:
        assert c.connect(other)[0] == 5


def test_twin_ends_the_older(cloud):
    with RawClient(cloud) as old, RawClient(cloud) as new:
        assert old.connect()[0] == 0
        assert new.connect()[0] == 0
        assert old.closed()
        new.send(b"\xc0\x00")
        assert new.packet() == (0xD0, b"")
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="kicked")


def test_connect_rate(cloud):
    identity = {"product_key": "pk3", "device_name": "dn3", "device_secret": "s3"}
    cloud.add_identity(**identity)
    cloud.set(connects_per_minute=5)
    for _ in range(5):
        with RawClient(cloud) as c:
            assert c.connect(identity)[0] == 0
    with RawClient(cloud) as c:
        c.send(connect_packet(*credentials(identity)))
        assert c.closed()
    cloud.wait_event("violation", after=cloud.start_mark, rule="connect-rate", identity="dn3&pk3")


def test_no_connect(cloud):
    cloud.set(connect_timeout=0.1)
    with RawClient(cloud) as c:
        assert c.closed()
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="timeout")


def test_keepalive_enforced(cloud):
    cloud.set(keepalive_min=1)
    with RawClient(cloud) as c:
        start = time.monotonic()
        c.connect(keepalive=1)
        time.sleep(0.8)
        c.send(b"\xc0\x00")
        c.packet()
        assert c.closed()
        assert 2.2 < time.monotonic() - start < 3.5
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="keepalive", online=True)


# Publishing


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256)), "grüße".encode(), os.urandom(256 << 10)])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_publish(cloud, transport, payload):
    with RawClient(cloud, transport) as c:
        c.connect()
        c.publish(OWN + "t", payload, 1, 513)
        assert c.packet() == (0x40, b"\x02\x01")
        c.publish(OWN + "t", payload, 0)
        e = cloud.wait_event("publish", after=cloud.start_mark, qos=1, payload=payload)
        assert (e["topic"], e["len"], e["mid"], e["dup"], e["acked"]) == (OWN + "t", len(payload), 513, False, "yes")
        cloud.wait_event("publish", after=cloud.start_mark, qos=0, payload=payload)


LONG = OWN + "x" * (128 - len(OWN))
DEEP = OWN + "1/2/3/4"  # 7 slashes


def test_topic_limits_hold(cloud):
    with RawClient(cloud) as c:
        c.connect()
        for mid, topic in enumerate((LONG, DEEP), 1):
            c.publish(topic, b"", 1, mid)
            assert c.packet() == (0x40, mid.to_bytes(2, "big"))


VIOLATIONS = {
    "topic-length": mqtt.publish(LONG + "y", b""),
    "topic-depth": mqtt.publish(DEEP + "/5", b""),
    "topic-foreign": mqtt.publish("/a1X2bEnP82z/example2/user/t", b""),
    "payload": mqtt.publish(OWN + "t", b"x" * ((256 << 10) + 1)),
    "retain": b"\x31" + mqtt.publish(OWN + "t", b"")[1:],
    "qos2": mqtt.publish(OWN + "t", b"", 2, mid=1),
    "second-connect": GOOD_CONNECT,
    "filters": subscribe_packet(1, *[(OWN + str(i), 0) for i in range(9)]),
}


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_violation_closes(cloud, rule):
    with RawClient(cloud) as c:
        c.connect()
        c.send(VIOLATIONS[rule])
        assert c.closed()
    assert cloud.wait_event("violation", after=cloud.start_mark, rule=rule)["closed"] is True
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="violation")
    assert not cloud.events("publish", after=cloud.start_mark)


@pytest.mark.parametrize("rule", ["topic-length", "topic-depth", "topic-foreign", "payload", "retain"])
def test_violation_recorded_only(cloud, rule):
    cloud.set(on_violation="record")
    with RawClient(cloud) as c:
        c.connect()
        c.send(VIOLATIONS[rule])
        assert cloud.wait_event("violation", after=cloud.start_mark, rule=rule)["closed"] is False
        c.send(b"\xc0\x00")
        assert c.packet() == (0xD0, b"")


def test_will(cloud):
    will = mqtt.text_encode(OWN + "will") + mqtt.text_encode("gone")
    with RawClient(cloud) as c:
        c.send(connect_packet(*credentials(cloud.identity), flags=0x04, extra=will))
        assert c.closed()
    cloud.wait_event("violation", after=cloud.start_mark, rule="will")


@pytest.mark.parametrize(("qos", "limit"), [(1, 10), (0, 30)])
def test_excess_vanishes(cloud, qos, limit):
    cloud.set(qos0_per_second=30, qos1_per_second=10)
    with RawClient(cloud) as c:
        c.connect()
        for mid in range(1, limit + 4):
            c.publish(OWN + "t", b"%d" % mid, qos, mid)
        e = cloud.wait_event("dropped", after=cloud.start_mark, count=3)
        assert e["rule"] == f"qos{qos}-rate" and e["payload"] == b"%d" % (limit + 3)
        c.send(b"\xc0\x00")
        acks = [c.packet()[0] for _ in range(limit * qos + 1)]
        assert acks == [0x40] * limit * qos + [0xD0]
        if qos:  # sent again after a second, it is taken
            time.sleep(1)
            c.publish(OWN + "t", b"11", 1, 11, dup=True)
            assert c.packet() == (0x40, b"\x00\x0b")


def test_unacknowledged(cloud):
    cloud.set(puback="none")
    with RawClient(cloud) as c:
        c.connect()
        for mid in range(1, 101):
            c.publish(OWN + "t", b"", 1, mid)
        c.publish(OWN + "t", b"", 1, 1, dup=True)
        assert c.quiet()
        c.publish(OWN + "t", b"", 1, 101)
        assert c.closed()
    cloud.wait_event("violation", after=cloud.start_mark, rule="unacknowledged")


def test_mid_reuse(cloud):
    cloud.set(puback="none")
    with RawClient(cloud) as c:
        c.connect()
        c.publish(OWN + "t", b"a", 1, 1)
        c.publish(OWN + "t", b"b", 1, 1)
        assert c.closed()
    cloud.wait_event("violation", after=cloud.start_mark, rule="mid-reuse")


# Subscribing and downlink


def test_subscribe_and_unsubscribe(cloud):
    with RawClient(cloud) as c:
        c.connect()
        assert c.subscribe((OWN + "a", 0), (OWN + "b/#", 1), ("/x/y/user/z", 1), ("#", 0), (OWN + "q", 2)) == [
            0, 1, 0x80, 0x80, 0x80,
        ]  # fmt: skip
        rules = [e["rule"] for e in cloud.events("violation", after=cloud.start_mark)]
        assert rules == ["filter-foreign", "filter-foreign", "qos2"]
        cloud.publish(OWN + "b/c", b"one", 1)
        assert c.packet() == (0x32, mqtt.text_encode(OWN + "b/c") + b"\x00\x01one")
        c.send(b"\x40\x02\x00\x01")
        cloud.wait_event("puback", after=cloud.start_mark, mid=1, topic=OWN + "b/c")
        cloud.publish(OWN + "a", b"two", 0)
        assert c.packet() == (0x30, mqtt.text_encode(OWN + "a") + b"two")
        c.send(mqtt.packet(0xA2, b"\x00\x09" + mqtt.text_encode(OWN + "b/#")))
        assert c.packet() == (0xB0, b"\x00\x09")
        assert cloud.publish(OWN + "b/c", b"three") == {"delivered": 0, "queued": 0, "lost": 0}
        assert cloud.publish(OWN + "b/c", b"four", force=True)["delivered"] == 1
        assert c.packet()[1].endswith(b"four")


def test_subscriptions_limit(cloud):
    with RawClient(cloud) as c:
        c.connect()
        for first in range(0, 96, 8):
            assert c.subscribe(*[(OWN + str(i), 1) for i in range(first, first + 8)]) == [1] * 8
        assert c.subscribe(*[(OWN + str(i), 1) for i in range(96, 102)]) == [1, 1, 1, 1, 0x80, 0x80]
        assert c.subscribe((OWN + "0", 0)) == [0]
    cloud.wait_event("violation", after=cloud.start_mark, rule="subscriptions")


def test_forced_suback(cloud):
    cloud.set(suback={OWN + "a": 0x80})
    with RawClient(cloud) as c:
        c.connect()
        assert c.subscribe((OWN + "a", 1), (OWN + "b", 1)) == [0x80, 1]
        cloud.set(suback={"*": 0})
        assert c.subscribe((OWN + "c", 1)) == [0]


def test_kept_session(cloud):
    with RawClient(cloud) as c:
        assert c.connect(clean=False) == (0, False)
        c.subscribe((OWN + "#", 1))
        cloud.publish(OWN + "a", b"unacknowledged")
        assert c.packet()[1].endswith(b"unacknowledged")
    cloud.wait_event("disconnect", after=cloud.start_mark)
    assert cloud.publish(OWN + "b", b"offline") == {"delivered": 0, "queued": 1, "lost": 0}
    assert cloud.publish(OWN + "b", b"offline", qos=0) == {"delivered": 0, "queued": 0, "lost": 1}
    with RawClient(cloud) as c:
        assert c.connect(clean=False) == (0, True)
        assert c.packet() == (0x3A, mqtt.text_encode(OWN + "a") + b"\x00\x01unacknowledged")
        assert c.packet() == (0x32, mqtt.text_encode(OWN + "b") + b"\x00\x02offline")
        c.send(b"\x40\x02\x00\x01\x40\x02\x00\x02")
        cloud.wait_event("puback", after=cloud.start_mark, mid=2)
    cloud.cut()
    with RawClient(cloud) as c:
        assert c.connect(clean=False) == (0, True)
        assert c.quiet()
    with RawClient(cloud) as c:
        assert c.connect(clean=True) == (0, False)
        assert cloud.publish(OWN + "a", b"")["delivered"] == 0
    with RawClient(cloud) as c:
        assert c.connect(clean=False) == (0, False)


def test_downlink_window(cloud):
    cloud.set(unacknowledged=3)
    with RawClient(cloud) as c:
        c.connect()
        c.subscribe((OWN + "#", 1))
        for i in range(5):
            cloud.publish(OWN + "a", b"%d" % i)
        assert [c.packet()[1][-1:] for _ in range(3)] == [b"0", b"1", b"2"]
        assert c.quiet()
        c.send(b"\x40\x02\x00\x02")
        assert c.packet()[1][-1:] == b"3"
        assert cloud.stats()["sessions"]["example1&a1X2bEnP82z"]["queued"] == 1


def test_big_downlink(cloud):
    payload = os.urandom(256 << 10)
    with RawClient(cloud, "tls") as c:
        c.connect()
        c.subscribe((OWN + "big", 1))
        cloud.publish(OWN + "big", payload)
        assert c.packet()[1].endswith(payload)


# Misbehavior


def test_connack_as_told(cloud):
    cloud.set(connack=3, connack_count=2)
    for expected in (3, 3, 0):
        with RawClient(cloud) as c:
            assert c.connect()[0] == expected
    cloud.set(connack=0x85)
    for _ in range(3):
        with RawClient(cloud) as c:
            assert c.connect()[0] == 0x85


def test_delayed_connack_keeps_what_came_early(cloud):
    cloud.set(delay_connack=0.3)
    with RawClient(cloud) as c:
        start = time.monotonic()
        c.send(connect_packet(*credentials(cloud.identity)) + b"\xc0\x00")
        assert c.packet() == (0x20, b"\x00\x00")
        assert time.monotonic() - start >= 0.3
        assert c.packet() == (0xD0, b"")


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_garbage(cloud, transport):
    cloud.set(answer="garbage")
    with RawClient(cloud, transport) as c:
        c.send(connect_packet(*credentials(cloud.identity, transport)))
        assert c.exactly(1) == b"\x00"


def test_captive_portal(cloud):
    cloud.set(answer="http")
    with RawClient(cloud) as c:
        c.send(GOOD_CONNECT)
        assert c.exactly(12) == b"HTTP/1.1 302"
    with pytest.raises(ssl.SSLError):
        RawClient(cloud, "tls")


def test_silence(cloud):
    cloud.set(answer="silence")
    with RawClient(cloud) as c:
        c.send(connect_packet(*credentials(cloud.identity)))
        assert c.quiet()


def test_puback_modes(cloud):
    with RawClient(cloud) as c:
        c.connect()
        cloud.set(puback="none")
        c.publish(OWN + "t", b"", 1, 1)
        assert c.quiet()
        cloud.set(puback="late", puback_delay=0.3)
        start = time.monotonic()
        c.publish(OWN + "t", b"", 1, 2)
        assert c.packet() == (0x40, b"\x00\x02")
        assert time.monotonic() - start >= 0.3
        cloud.set(puback="drop", puback_every=2)
        for mid in (3, 4, 5):
            c.publish(OWN + "t", b"", 1, mid)
        assert [c.packet()[1][1] for _ in range(2)] == [3, 5]
        acked = [e["acked"] for e in cloud.events("publish", after=cloud.start_mark)]
        assert acked == ["no", "late", "yes", "no", "yes"]


def test_pubacks_on_the_next_connection(cloud):
    with RawClient(cloud) as c:
        c.connect(clean=False)
        cloud.set(puback="stale", puback_delay=0)
        for mid in (7, 8):
            c.publish(OWN + "t", b"", 1, mid)
        assert c.quiet()
    cloud.set(puback="normal")
    with RawClient(cloud) as c:
        c.connect(clean=False)
        assert [c.packet() for _ in range(2)] == [(0x40, b"\x00\x07"), (0x40, b"\x00\x08")]
    with RawClient(cloud) as c:
        c.connect(clean=False)
        assert c.quiet()


@pytest.mark.parametrize("reset", [False, True])
def test_cut(cloud, reset):
    with RawClient(cloud) as c:
        c.connect()
        assert cloud.cut(reset=reset) == 1
        if reset:
            with pytest.raises(ConnectionResetError):
                c.socket.recv(1)
        else:
            assert c.closed()
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="cut")


def test_kick(cloud):
    with RawClient(cloud) as c:
        c.connect()
        assert cloud.kick() == 1
        assert c.closed()
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="kicked")


def test_cut_after(cloud):
    cloud.set(cut_after=3)
    with RawClient(cloud) as c:
        c.connect()
        for mid in range(1, 6):
            c.publish(OWN + "t", b"", 1, mid)
        assert [c.packet()[1][1] for _ in range(2)] == [1, 2]
        assert c.closed()
    assert [e["acked"] for e in cloud.events("publish", after=cloud.start_mark)] == ["yes", "yes", "no"]
    with RawClient(cloud) as c:
        c.connect()
        for mid in range(1, 6):
            c.publish(OWN + "t", b"", 1, mid)
            c.packet()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_blackhole_heals(cloud, transport):
    with RawClient(cloud, transport) as c:
        c.connect()
        c.subscribe((OWN + "#", 1))
        cloud.set(blackhole=True)
        c.publish(OWN + "t", b"up", 1, 7)
        cloud.publish(OWN + "t", b"down")
        with socket.create_connection(("127.0.0.1", cloud.tcp_port), 5) as late:
            late.sendall(GOOD_CONNECT)
            assert c.quiet()
            assert not cloud.events("publish", after=cloud.start_mark)
            cloud.set(blackhole=False)
            assert c.packet()[1].endswith(b"down")
            assert c.packet() == (0x40, b"\x00\x07")
            assert late.recv(4) == b"\x20\x02\x00\x02"


def test_blackhole_hides_the_end(cloud):
    with RawClient(cloud) as c:
        c.connect()
        cloud.set(blackhole=True)
        cloud.cut()
        cloud.wait_event("disconnect", after=cloud.start_mark, reason="cut")
        assert c.quiet()
        cloud.set(blackhole=False)
        assert c.closed()


def test_refuse(cloud):
    with RawClient(cloud) as kept:
        kept.connect()
        cloud.set(refuse=True)
        for port in (cloud.tcp_port, cloud.tls_port):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 5)
        kept.send(b"\xc0\x00")
        assert kept.packet() == (0xD0, b"")
        cloud.set(refuse=False)
        with RawClient(cloud, "tls") as c:
            assert c.connect()[0] == 0


def test_refuse_tls(cloud):
    cloud.set(refuse_tls=True)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RawClient(cloud, "tls")
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="tls")
    with RawClient(cloud) as c:
        assert c.connect()[0] == 0


@pytest.mark.parametrize(
    ("cert", "words"),
    [
        ("expired", "certificate has expired"), ("future", "not yet valid"),
        ("wrong-host", "Hostname mismatch"), ("untrusted", "unable to get local issuer"),
    ],
)  # fmt: skip
def test_bad_certificates(cloud, cert, words):
    cloud.set(cert=cert)
    with pytest.raises(ssl.SSLCertVerificationError, match=words):
        RawClient(cloud, "tls")
    cloud.wait_event("tls-failed", after=cloud.start_mark)


def test_good_certificate_names(cloud):
    for name in ("localhost", "127.0.0.1", "a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com"):
        with RawClient(cloud, "tls", name=name) as c:
            assert c.connect()[0] == 0
    e = cloud.events("tls", after=cloud.start_mark)[-1]
    assert e["sni"] == name and e["version"] == "TLSv1.3" and e["client_cert"] is None


def test_client_certificate(cloud):
    with RawClient(cloud, "tls", cert=os.path.join(cloud.certs, "client")) as c:
        assert c.connect()[0] == 0
    assert cloud.wait_event("tls", after=cloud.start_mark)["client_cert"] == "standin client"


def test_tls_versions(cloud):
    cloud.set(tls_max="1.2")
    with RawClient(cloud, "tls") as c:
        assert c.connect()[0] == 0
    assert cloud.wait_event("tls", after=cloud.start_mark)["version"] == "TLSv1.2"
    cloud.set(tls_min="1.1", tls_max="1.1")
    with pytest.raises(ssl.SSLError):
        RawClient(cloud, "tls")


def test_noise_on_the_tls_port(cloud):
    with socket.create_connection(("127.0.0.1", cloud.tls_port), 5) as s:
        s.sendall(GOOD_CONNECT)
        while s.recv(100):
            pass
    assert cloud.wait_event("tls-failed", after=cloud.start_mark)["reason"]


# Other modes


def test_mq():
    settings = {"access_key": "YYYYY", "access_secret": "XXXXX", "instance_id": "mqtt-xxxxx"}
    with Standin(mode="mq", **settings) as standin:
        login = "GID_Test@@@0001", "Signature|YYYYY|mqtt-xxxxx", "vI009IZJZVGRwBwZvnbwjfuXxVM="
        with RawClient(standin) as c:
            assert c.login(*login, keepalive=10)[0] == 0
            assert c.subscribe(("parent/#", 1)) == [1]
            c.publish("parent/x", b"echo", 0)
            assert c.packet()[1].endswith(b"echo")
        refused(standin, 5, login[0], login[1], "WDZKW3yHyb9fiCKeChtgQGLVPMo=")
        refused(standin, 4, login[0], "Token|YYYYY|mqtt-xxxxx", login[2])
        refused(standin, 4, login[0], login[1], "nonsense!")
        refused(standin, 2, "plain", login[1], login[2])
        assert "XXXXX" not in repr(standin.events())


def test_plain():
    with Standin(mode="plain", users={"u": "p"}) as standin:
        with RawClient(standin) as c:
            assert c.login("me", "u", "p", keepalive=5)[0] == 0
            for mid in range(1, 200):
                c.publish("any/topic", b"", 1, mid)
                assert c.packet()[0] == 0x40
        refused(standin, 5, "me", "u", "q")
        refused(standin, 5, "me")
        standin.set(users={})
        with RawClient(standin) as c:
            assert c.login("")[0] == 0


# The control


def test_settings_are_checked(cloud):
    for wrong in ({"nosuch": 1}, {"puback": "maybe"}, {"qos1_per_second": -1}, {"blackhole": 1}, {"auth_code": 3}):
        with pytest.raises(ControlError):
            cloud.set(connack=5, **wrong)
    with RawClient(cloud) as c:
        assert c.connect()[0] == 0


def test_waiting(cloud):
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="no ping"):
        cloud.wait_event("ping", timeout=0.2, after=cloud.start_mark)
    assert time.monotonic() - start < 2
    with RawClient(cloud) as c:
        c.connect()
        c.send(b"\xc0\x00" * 3)
        third = cloud.wait_event("ping", after=cloud.start_mark, count=3)
        assert len(cloud.events("ping", after=cloud.start_mark)) == 3
        assert not cloud.events("ping", after=third)


def test_restart_keeps_the_ports():
    with Standin() as standin:
        ports = standin.tcp_port, standin.tls_port
        pid = standin.pid
        standin.restart()
        assert ports == (standin.tcp_port, standin.tls_port) and pid != standin.pid
        with RawClient(standin) as c:
            assert c.connect()[0] == 0
        state = standin.state
    assert not os.path.exists(state)


def test_port_taken():
    with socket.create_server(("127.0.0.1", 0)) as s:
        standin = Standin(tcp_port=s.getsockname()[1])
        with pytest.raises(ControlError, match="in use"):
            standin.start()
        assert standin.process is None and standin.state is None


def test_script_and_command_line(tmp_path, cloud):
    secret = tmp_path / "secret"
    secret.write_text(cloud.identity["device_secret"] + "\n")
    command = [
        PYTHON, os.path.join(HERE, "platform.py"), "--state", tmp_path / "state", "--certs", cloud.certs,
        "--secret-file", secret, "--verbose",
    ]  # fmt: skip

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
        ready = json.loads(process.stdout.readline())
        reins = [PYTHON, os.path.join(HERE, "control.py"), "--socket", ready["control"]]

        def control(*words, code=0):
            done = subprocess.run([*reins, *words], cwd=HERE, capture_output=True, text=True, check=False)
            assert done.returncode == code, done.stderr
            return done.stdout

        control("set", "limits=false", "puback=none")
        control("set", "nosuch=1", code=1)
        result = control("publish", OWN + "x", "hello")
        assert json.loads(result) == {"delivered": 0, "queued": 0, "lost": 0}
        assert json.loads(control("wait", "set", "--timeout", "1"))["changes"]["puback"] == "none"
        control("wait", "ping", "--timeout", "0.1", code=1)
        assert "set" in control("events")
        process.terminate()
        assert "puback" in process.stdout.read()
        assert process.wait(5) == 0


def test_flood(cloud):
    """Fast enough not to be what a benchmark measures."""
    cloud.set(limits=False)
    count = 20000
    burst = b"".join(mqtt.publish(OWN + "t", b"x" * 100, 1, mid=i + 1) for i in range(count))
    with RawClient(cloud) as c:
        c.connect()
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            c.send(burst)
            os._exit(0)
        acks = c.exactly(4 * count)
        os.waitpid(pid, 0)
        assert time.monotonic() - start < 4
    assert hashlib.sha256(acks).digest() == hashlib.sha256(b"".join(mqtt.puback(i + 1) for i in range(count))).digest()


@pytest.mark.skipif(not shutil.which("mosquitto_pub"), reason="mosquitto-clients is not installed")
def test_somebody_elses_client(cloud):
    client_id, username, password = credentials(cloud.identity, "tls")
    command = [
        "mosquitto_pub", "-h", "localhost", "-p", str(cloud.tls_port), "--cafile", cloud.ca_file, "-i", client_id,
        "-u", username, "-P", password, "-t", OWN + "t", "-m", "hi", "-q", "1", "-k", "60", "-V", "mqttv311",
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=10)
    cloud.wait_event("publish", after=cloud.start_mark, payload="hi", qos=1)
    assert cloud.wait_event("disconnect", after=cloud.start_mark)["reason"] == "client"
