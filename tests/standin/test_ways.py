# SPDX-License-Identifier: Apache-2.0
"""The less common ways to CONNECT: registration over MQTT, device tokens, AliwareMQ's tokens; and the clock."""

import json
import os
import sys
from types import SimpleNamespace

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

# pylint: disable=wrong-import-position
from standin import admission, mqtokens, registry, settings, signing  # noqa: E402
from standin.control import ControlError, Standin  # noqa: E402
from standin.rawclient import RawClient, credentials, subscribe_packet  # noqa: E402
from standin.webclient import register_login  # noqa: E402

with open(os.path.join(HERE, "..", "data", "sign-vectors.json"), encoding="utf-8") as file:
    VECTORS = json.load(file)["vectors"]

PK, DN = "a1X2bEnP82z", "example1"
PRODUCT_SECRET = "7jluWm1zql7bt8qK"
DISCONNECT = b"\xe0\x00"
RESET = {
    "connack": None, "on_violation": "close", "auth_code": 5, "register_give": True, "register_linger": 15,
    "register_qos": 0, "regnwl_topic": "/ext/register", "instance_id": None,
}  # fmt: skip


@pytest.fixture(scope="module", name="shared")
def shared_fixture():
    with Standin(product_secret=PRODUCT_SECRET, connects_per_minute=0, verbose=True) as standin:
        yield standin
        leaks_check(standin)


def leaks_check(standin):
    with open(standin.log, encoding="utf-8") as log:
        lines = log.read()
    assert "Traceback" not in lines and " connack " in lines
    for secret in standin.secrets():
        assert secret not in lines and secret not in repr(standin.events())


@pytest.fixture(name="cloud")
def cloud_fixture(shared):
    shared.set(**RESET)
    shared.cut()
    shared.add_product(PK, PRODUCT_SECRET)
    shared.add_identity(**shared.identity)
    shared.remove_identity(PK, "fresh")
    shared.start_mark = shared.mark()
    return shared


def vectors(*modes):
    chosen = [v for v in VECTORS if v["mode"] in modes]
    assert chosen
    return pytest.mark.parametrize("vector", chosen, ids=[v["id"] for v in chosen])


def packet(login):
    return SimpleNamespace(client_id=login["clientId"], username=login["username"], password=login["password"].encode())


def gate(product_secret=None):
    known = registry.Registry(None)
    known.product_add(PK, product_secret)
    known.device_add(PK, DN, None)
    return admission.Gate(known, settings.Settings("platform"))


# Registration


@vectors("mqtt-dynreg")
def test_known_answers(vector):
    expected = vector["expected"]
    door = gate(vector["inputs"]["productSecret"])
    admitted = door.admit(packet(expected), "tls")
    assert admitted.how == vector["inputs"]["authType"] and admitted.gift
    wrong = {**expected, "password": expected["password"][::-1]}
    with pytest.raises(signing.Refused) as e:
        door.admit(packet(wrong), "tls")
    assert e.value.code == 4
    with pytest.raises(signing.Refused) as e:
        door.admit(packet(expected), "tcp")
    assert e.value.code == 2


@vectors("mqtt-connwl")
def test_connwl_known_answers(vector):
    given, expected = vector["inputs"], vector["expected"]
    door = gate()
    device = door.registry.device(given["productKey"], given["deviceName"])
    device.clones[given["clientId"]] = given["deviceToken"]
    login = packet(expected)
    if "authType=connwl" not in login.client_id:
        with pytest.raises(signing.Refused):
            door.admit(login, "tls")
        return
    assert door.admit(login, "tls").how == "connwl"


def obtain(cloud, kind="register", **options):
    """Registers as a good device does; returns (topic, answer)."""
    with RawClient(cloud, "tls") as c:
        assert c.login(*register_login(cloud, kind, **options), keepalive=options.get("keepalive", 0)) == (0, False)
        topic, body = message(c)
        c.send(DISCONNECT)
        assert c.closed()
    return topic, json.loads(body)


def message(c):
    """The topic and payload of the next PUBLISH of QoS 0."""
    first, body = c.packet()
    assert first == 0x30
    n = int.from_bytes(body[:2], "big")
    return body[2 : 2 + n].decode(), body[2 + n :]


def device_login(cloud, secret):
    with RawClient(cloud) as c:
        return c.login(*credentials({**cloud.identity, "device_secret": secret}))[0]


def test_registers(cloud):
    topic, first = obtain(cloud)
    assert topic == "/ext/register" and first.keys() == {"productKey", "deviceName", "deviceSecret"}
    assert (first["productKey"], first["deviceName"]) == (PK, DN)
    _, second = obtain(cloud)
    assert device_login(cloud, first["deviceSecret"]) == 5
    assert device_login(cloud, second["deviceSecret"]) == 0
    assert refused(cloud, register_login(cloud)) == (4, "the device is activated already")
    assert cloud.wait_event("connack", after=cloud.start_mark)["how"] == "register"
    assert cloud.wait_event("disconnect", after=cloud.start_mark)["reason"] == "client"
    assert not cloud.events("violation", after=cloud.start_mark)


def refused(cloud, login, transport="tls"):
    mark = cloud.mark()
    with RawClient(cloud, transport) as c:
        code = c.login(*login)[0]
        assert c.closed()
    return code, cloud.wait_event("connack", after=mark)["reason"]


def test_register_refusals(cloud):
    good = register_login(cloud)
    assert refused(cloud, good, "tcp")[0] == 2
    for old, new in (
        ("securemode=2", "securemode=3"), ("securemode=2", "securemode=-2"), ("random=567345,", ""),
        ("hmacsha256", "sha256"), ("securemode=2,", ""),
    ):  # fmt: skip
        assert refused(cloud, (good[0].replace(old, new), *good[1:]))[0] == 2
    assert refused(cloud, (good[0].replace("567345", "567346"), *good[1:])) == (4, "wrong signature")
    assert refused(cloud, (good[0], DN, good[2]))[0] == 4
    assert refused(cloud, (good[0], good[1], "nonsense"))[0] == 4
    assert refused(cloud, register_login(cloud, secret="wrong"))[0] == 4
    assert refused(cloud, register_login(cloud, device_name="nosuch")) == (4, "unknown device")
    cloud.add_product(PK, PRODUCT_SECRET, dynamic=False)
    assert refused(cloud, good)[0] == 4
    cloud.set(connack=3)
    assert refused(cloud, good) == (3, "as told")


def test_register_with_instance(cloud):
    obtain(cloud, rest=",instanceId=iot-1")
    obtain(cloud, rest=",instanceId=iot-1", securemode=-2)
    cloud.set(instance_id="iot-1")
    obtain(cloud, rest=",instanceId=iot-1", securemode=-2)
    assert refused(cloud, register_login(cloud, rest=",instanceId=iot-2"))[0] == 2


def test_register_forbids(cloud):
    for data, rule in (
        (subscribe_packet(1, ("/ext/register", 0)), "register-subscribe"),
        (b"\x30\x0d\x00\x0b/ext/custom", "register-publish"),
    ):
        with RawClient(cloud, "tls") as c:
            c.login(*register_login(cloud))
            message(c)
            c.send(data)
            assert c.closed()
        cloud.wait_event("violation", after=cloud.start_mark, rule=rule)


def test_register_lingers(cloud):
    with RawClient(cloud, "tls") as c:
        c.login(*register_login(cloud))
        message(c)
        cloud.advance(14)
        c.send(b"\xc0\x00")
        assert c.packet() == (0xD0, b"")
        cloud.advance(1)
        assert c.closed()
    assert cloud.wait_event("disconnect", after=cloud.start_mark)["reason"] == "linger"


def test_register_qos1_and_no_answer(cloud):
    cloud.set(register_qos=1)
    with RawClient(cloud, "tls") as c:
        c.login(*register_login(cloud))
        assert c.packet()[0] == 0x32
        c.send(b"\x40\x02\x00\x01")
        cloud.wait_event("puback", after=cloud.start_mark, topic="/ext/register")
    cloud.set(register_give=False)
    with RawClient(cloud, "tls") as c:
        c.login(*register_login(cloud))
        c.send(b"\xc0\x00")
        assert c.packet() == (0xD0, b"")


def test_registering_disturbs_nobody(cloud):
    with RawClient(cloud) as working:
        assert working.connect()[0] == 0
        cloud.reset_device(PK, DN)
        obtain(cloud)
        working.send(b"\xc0\x00")
        assert working.packet() == (0xD0, b"")


# Registration without a record


def test_regnwl(cloud):
    topic, answer = obtain(cloud, "regnwl", device_name="fresh")
    assert topic == "/ext/register" and answer.keys() == {"productKey", "deviceName", "clientId", "deviceToken"}
    login = f"{answer['clientId']}|securemode=-2,authType=connwl|", f"fresh&{PK}", answer["deviceToken"]
    with RawClient(cloud, "tls") as c:
        assert c.login(*login)[0] == 0
        c.publish(f"/{PK}/fresh/user/x", b"1")
        assert c.packet()[0] == 0x40
    extra = login[0][:-1] + ",_ss=1,ext=3,_v=sdk-c-4.2.0|"
    with RawClient(cloud, "tls") as c:
        assert c.login(extra, *login[1:])[0] == 0
    assert refused(cloud, (*login[:2], "0" * 32)) == (5, "wrong deviceToken")
    assert refused(cloud, ("x" + login[0], *login[1:]))[0] == 5
    assert refused(cloud, (login[0], "other&" + PK, login[2]))[0] == 5
    assert refused(cloud, (login[0].replace("-2", "2"), *login[1:]))[0] == 2
    assert refused(cloud, login, "tcp")[0] == 2
    assert refused(cloud, credentials({"product_key": PK, "device_name": "fresh", "device_secret": "x"}), "tcp")[0] == 5


def test_regnwl_other_topic_and_limit(cloud):
    cloud.set(regnwl_topic="/ext/regnwl")
    tokens = set()
    for _ in range(5):
        topic, answer = obtain(cloud, "regnwl", device_name="fresh", securemode=-2, rest=",instanceId=i")
        tokens.add(answer["deviceToken"])
        assert topic == "/ext/regnwl"
    assert len(tokens) == 5 and len(cloud.device(PK, "fresh")["clones"]) == 5
    assert refused(cloud, register_login(cloud, "regnwl", device_name="fresh"))[0] == 4


# AliwareMQ's tokens


@pytest.fixture(scope="module", name="mq_shared")
def mq_shared_fixture():
    access = {"access_key": "YYYYY", "access_secret": "topsecret-ak", "instance_id": "mqtt-xxxxx"}
    with Standin(mode="mq", verbose=True, **access) as standin:
        yield standin
        leaks_check(standin)


@pytest.fixture(name="mq")
def mq_fixture(mq_shared):
    mq_shared.cut()
    for type_ in ("R", "W", "RW"):
        for age in ("old", "new"):
            mq_shared.add_token(f"tok-{age}-{type_}", type_, 3600 if age == "old" else 7200)
    mq_shared.start_mark = mq_shared.mark()
    return mq_shared


ID, USER = "GID_Test@@@0001", "Token|YYYYY|mqtt-xxxxx"


@vectors("apsaramq-token")
def test_token_passwords(vector):
    given, expected = vector["inputs"], vector["expected"]
    parsed = mqtokens.password_parse(expected["password"].encode())
    assert "|".join(f"{t}|{text}" for t, text in parsed.items()) == given["tokens"]
    assert signing.mq_username_parse(expected["username"]) == ["Token", given["accessKeyId"], given["instanceId"]]


@pytest.mark.parametrize("text", ["", "R", "R|", "R|a|W", "X|a", "R|a|R|b", "r|a", "R|a|W|", "|R|a"])
def test_bad_token_passwords(text):
    with pytest.raises(signing.Refused) as e:
        mqtokens.password_parse(text.encode())
    assert e.value.code == 4


def test_token_permissions(mq):
    with RawClient(mq) as c:
        assert c.login(ID, USER, "R|tok-old-R|W|tok-old-W")[0] == 0
        assert c.subscribe(("parent/#", 1)) == [1]
        c.publish("parent/x", b"echo", 0)
        assert message(c) == ("parent/x", b"echo")
    for password, code in (("R|tok-old-R", 5), ("W|tok-old-W", 5)):
        with RawClient(mq) as c:
            assert c.login(ID, USER, password)[0] == 0
            c.send(subscribe_packet(1, ("a", 0))) if password[0] == "W" else c.publish("a")
            topic, body = message(c)
            assert topic == "$SYS/tokenInvalidNotice" and json.loads(body) == {"code": code, "type": password[0]}
            assert c.closed()
    assert mq.wait_event("disconnect", after=mq.start_mark, reason="token")


def test_token_resources(mq):
    mq.add_token("tok-narrow", "RW", 3600, ["parent/mine/#"])
    with RawClient(mq) as c:
        assert c.login(ID, USER, "RW|tok-narrow")[0] == 0
        assert c.subscribe(("parent/mine/a", 0)) == [0]
        c.publish("parent/other")
        assert json.loads(message(c)[1]) == {"code": 4, "type": "RW"}
        assert c.closed()


def test_token_refusals(mq):
    assert refused(mq, (ID, USER, "R|tok-forged"), "tcp") == (5, "unknown token")
    assert refused(mq, (ID, USER, "RW|tok-old-R"), "tcp")[0] == 5
    assert refused(mq, (ID, USER, "R|tok-old-R|W|tok-forged"), "tcp")[0] == 5
    assert refused(mq, (ID, "Token|Z|mqtt-xxxxx", "R|tok-old-R"), "tcp")[0] == 5
    assert refused(mq, (ID, "Token|YYYYY", "R|tok-old-R"), "tcp")[0] == 4
    mq.revoke_token("tok-old-R")
    assert refused(mq, (ID, USER, "R|tok-old-R"), "tcp") == (5, "revoked token")
    mq.advance(3600)
    assert refused(mq, (ID, USER, "W|tok-old-W"), "tcp") == (5, "expired token")


def test_token_ends(mq):
    with RawClient(mq) as c:
        c.login(ID, USER, "RW|tok-old-RW")
        mq.advance(3301)
        topic, body = message(c)
        notice = json.loads(body)
        assert topic == "$SYS/tokenExpireNotice" and notice["type"] == "RW"
        assert 290 < notice["expireTime"] / 1000 - mq.now() < 300
        mq.advance(300)
        topic, body = message(c)
        assert topic == "$SYS/tokenInvalidNotice" and json.loads(body) == {"code": 2, "type": "RW"}
        assert c.closed()


def test_token_upload(mq):
    with RawClient(mq) as c:
        c.login(ID, USER, "RW|tok-old-RW")
        c.publish("$SYS/uploadToken", b'{"token": "tok-new-RW", "type": "RW"}', mid=7)
        assert c.packet() == (0x40, b"\x00\x07")
        mq.advance(4000)
        c.send(b"\xc0\x00")
        assert c.packet() == (0xD0, b"")
        assert not mq.events("token-notice", after=mq.start_mark)
        mq.advance(3000)
        assert message(c)[0] == "$SYS/tokenExpireNotice"
        e = mq.wait_event("token-upload", after=mq.start_mark)
        assert e["taken"] and e["type"] == "RW" and e["mid"] == 7


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ('{"token": "tok-forged", "type": "RW"}', 1), ('{"token": "tok-new-R", "type": "RW"}', 5),
        ('{"token": "tok-new-R"}', None), ("[]", None), ("nonsense", None), ("\xff", None),
    ],
)  # fmt: skip
def test_bad_upload(mq, payload, code):
    with RawClient(mq) as c:
        c.login(ID, USER, "RW|tok-old-RW")
        c.publish("$SYS/uploadToken", payload.encode("latin-1"))
        if code:
            assert json.loads(message(c)[1])["code"] == code
        assert c.closed()


def test_other_token_makes_up(mq):
    with RawClient(mq) as c:
        c.login(ID, USER, "R|tok-old-R|RW|tok-new-RW")
        mq.set(token_notice=0)
        mq.advance(3700)
        assert message(c)[0] == "$SYS/tokenExpireNotice"
        assert c.subscribe(("a", 0)) == [0]
        mq.set(token_notice=300)


def test_revoked_and_invalidated(mq):
    with RawClient(mq) as c:
        c.login(ID, USER, "W|tok-old-W")
        mq.revoke_token("tok-old-W")
        assert json.loads(message(c)[1]) == {"code": 3, "type": "W"}
        assert c.closed()
    with RawClient(mq) as c:
        c.login(ID, USER, "R|tok-old-R")
        assert mq.invalidate_tokens(-1, "R") == 1
        assert json.loads(message(c)[1]) == {"code": -1, "type": "R"}
        assert c.closed()


def test_token_arguments(mq):
    for wrong in (("x|y", "R"), ("", "R"), ("x", "WR")):
        with pytest.raises(ControlError):
            mq.add_token(*wrong, 60)


# The clock


def test_clock(cloud):
    before = cloud.now()
    cloud.advance(1000)
    assert 1000 <= cloud.now() - before < 1010
    cloud.advance(-1000)
    assert cloud.now() - before < 10
