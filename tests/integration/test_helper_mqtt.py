# SPDX-License-Identifier: Apache-2.0
"""iotlink-auth over MQTT: registration, with and without a device that was created before."""

import json
import os
import subprocess

import pytest
from harness import helper
from harness.place import await_true, free_port

BOX = os.path.join(os.path.dirname(__file__), "harness/box.py")
PRODUCT_SECRET = "7jluWm1zql7bt8qK"
ACCEPTED = b"\x20\x02\x00\x00"


@pytest.fixture
def cloud(world):
    return world.cloud(product_secret=PRODUCT_SECRET, limits=False)


@pytest.fixture
def broker(cloud):
    """Starts brokers that say what the stand-in never would."""
    brokers = []

    def begin(reply, **options):
        brokers.append(helper.Broker(cloud.certs, reply, **options))
        return brokers[-1]

    yield begin
    for started in brokers:
        started.stop()


def request(cloud, **changes):
    fields = {
        "protocol": 1,
        "auth": "register",
        "auth_via": "mqtt",
        "product_key": cloud.identity["product_key"],
        "device_name": cloud.identity["device_name"],
        "client_id": "%(product_key)s.%(device_name)s" % cloud.identity,
        "secret": PRODUCT_SECRET,
        "sign_method": "hmacsha256",
        "host": "localhost",
        "port": cloud.tls_port,
        "broker_root_file": cloud.ca_file,
    }
    return {**fields, **changes}


def refused(cloud, fields, result, words, code=None):
    answer = helper.ask(fields)
    assert answer["result"] == result, answer
    assert answer.get("code") == (None if code is None else str(code))
    assert words in answer["message"]
    for secret in [*cloud.secrets(), fields["secret"]]:
        assert secret not in answer["message"]


def publish(topic, payload):
    payload = json.dumps(payload).encode() if not isinstance(payload, bytes) else payload
    topic = topic.encode()
    body = len(topic).to_bytes(2, "big") + topic + payload
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (128 if size else 0)])
        if not size:
            return b"\x30" + length + body


OURS = {"productKey": "a1X2bEnP82z", "deviceName": "example1"}
SECRET = {**OURS, "deviceSecret": "the-new-secret"}


# Credentials


@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
@pytest.mark.parametrize("instance", [None, "iot-060a0bgd"])
def test_register(cloud, method, instance):
    answer = helper.ask(request(cloud, sign_method=method, instance_id=instance))
    assert answer["result"] == "ok"
    assert set(answer) == {"result", "device_secret"}
    assert answer["device_secret"] == cloud.device()["secret"]
    params = cloud.wait_event("connect")["params"]
    assert params["securemode"] == "2"
    assert params["authType"] == "register"
    assert params["signmethod"] == method
    assert params.get("instanceId") == instance
    assert "timestamp" not in params
    assert len(params["random"]) == 16


@pytest.mark.parametrize("topic", ["/ext/register", "/ext/regnwl"])
@pytest.mark.parametrize("instance", [None, "iot-060a0bgd"])
def test_register_free(cloud, topic, instance):
    cloud.set(regnwl_topic=topic)
    answer = helper.ask(request(cloud, auth="register-free", instance_id=instance))
    assert answer["result"] == "ok"
    assert set(answer) == {"result", "client_id", "device_token"}
    assert cloud.device()["clones"] == {answer["client_id"]: answer["device_token"]}
    params = cloud.wait_event("connect")["params"]
    assert params["securemode"] == ("-2" if instance else "2")
    assert params["authType"] == "regnwl"


@pytest.mark.parametrize("qos", [0, 1])
def test_hangs_up_and_subscribes_to_nothing(cloud, qos):
    cloud.set(register_qos=qos)
    assert helper.ask(request(cloud))["result"] == "ok"
    connect = cloud.wait_event("connect")
    assert connect["clean"] and connect["keepalive"] > 0
    end = cloud.wait_event("disconnect", conn=connect["conn"])
    assert end["reason"] == "client"
    assert not cloud.events("subscribe") and not cloud.events("violation")
    assert cloud.wait_event("tls", conn=connect["conn"])["sni"] == "localhost"


def test_proxies_are_for_https(cloud):
    proxy = "http://127.0.0.1:%d" % free_port()
    answer = helper.ask(request(cloud), https_proxy=proxy, http_proxy=proxy, ALL_PROXY=proxy)
    assert answer["result"] == "ok"


def test_no_traces(cloud, world):
    trace = world.path("trace")
    environment = {"MQTT_C_CLIENT_TRACE": trace, "MQTT_C_CLIENT_TRACE_LEVEL": "PROTOCOL"}
    assert helper.ask(request(cloud), **environment)["result"] == "ok"
    assert not os.path.exists(trace)


# What the platform refuses


def test_wrong_product_secret(cloud):
    refused(cloud, request(cloud, secret="not-it"), "refused", "product secret", 4)


@pytest.mark.parametrize(
    "code, result",
    [(1, "refused"), (2, "refused"), (3, "temporary"), (4, "refused"), (5, "refused"),
     (99, "refused")],
)  # fmt: skip
def test_every_connack(cloud, code, result):
    cloud.set(connack=code)
    refused(cloud, request(cloud), result, "CONNACK %d" % code, code)
    refused(cloud, request(cloud, auth="register-free"), result, "CONNACK %d" % code, code)


# What is no answer


@pytest.mark.parametrize(
    "cert, result, words",
    [("expired", "refused", "has expired"), ("future", "temporary", "clock is behind"),
     ("wrong-host", "refused", "another host name"), ("untrusted", "refused", "not trusted")],
)  # fmt: skip
def test_bad_certificates(cloud, cert, result, words):
    cloud.set(cert=cert)
    refused(cloud, request(cloud), result, words)
    assert not cloud.events("connect")


def test_roots(cloud):
    refused(cloud, request(cloud, broker_root_file=None), "refused", "not trusted")
    refused(cloud, request(cloud, broker_root_file="/nonexistent"), "refused", "unusable")


def test_never_in_the_clear(cloud):
    refused(cloud, request(cloud, port=cloud.tcp_port), "temporary", "TLS handshake")
    assert not cloud.events("connect")


def test_nobody_listens(cloud):
    refused(cloud, request(cloud, port=free_port()), "temporary", "no TCP connection")
    cloud.set(refuse_tls=True)
    refused(cloud, request(cloud), "temporary", "TLS handshake")


def test_no_such_name(cloud):
    boxed = [BOX, "nxdomain"]
    if subprocess.run([*boxed, "/bin/true"], check=False).returncode == 125:
        pytest.skip("no network namespaces here")
    for changes, host in (
        ({"region": "cn-nowhere"}, "a1X2bEnP82z.iot-as-mqtt.cn-nowhere.aliyuncs.com"),
        ({"region": "cn-nowhere", "instance_id": "iot-1"}, "iot-1.mqtt.iothub.aliyuncs.com"),
    ):
        fields = request(cloud, host=None, port=None, **changes)
        answer = helper.ask(fields, boxed, PATH="/usr/bin:/bin")
        assert answer["result"] == "temporary"
        assert answer["message"].startswith(host + ": the host name could not be")


def test_nothing_says_where(cloud):
    refused(cloud, request(cloud, host=None), "refused", "Set cloud.region")


@pytest.mark.parametrize("how", ["garbage", "http"])
def test_garbage_for_connack(cloud, how):
    cloud.set(answer=how)
    refused(cloud, request(cloud), "temporary", "")


@pytest.mark.slow
def test_a_silent_broker(cloud):
    cloud.set(answer="silence")
    refused(cloud, request(cloud), "temporary", "did not answer CONNECT")


def test_closed_before_the_reply(cloud):
    cloud.set(register_give=False)
    process = helper.start()
    process.stdin.write(helper.text_of(request(cloud)))
    process.stdin.flush()
    process.stdin.close()
    process.stdin = None
    cloud.wait_event("connack", code=0)
    cloud.advance(16)
    answer = helper.finish(process)
    assert answer["result"] == "temporary"
    assert "closed the connection before" in answer["message"]


@pytest.mark.slow
def test_no_reply_at_all(cloud):
    cloud.set(register_give=False, register_linger=120)
    refused(cloud, request(cloud), "temporary", "sent nothing")


# What only a strange broker says


def test_reply_right_behind_connack(cloud, broker):
    strange = broker(ACCEPTED + publish("/ext/register", SECRET))
    answer = helper.ask(request(cloud, port=strange.port))
    assert answer == {"result": "ok", "device_secret": "the-new-secret"}
    await_true(lambda: strange.received == b"\xe0\x00", what="DISCONNECT")


def test_other_messages_are_passed_over(cloud, broker):
    noise = publish("/ext/other", SECRET | {"deviceSecret": "no"}) + publish("/ext/registers", b"")
    strange = broker(ACCEPTED + noise + publish("/ext/regnwl", SECRET))
    answer = helper.ask(request(cloud, port=strange.port))
    assert answer == {"result": "ok", "device_secret": "the-new-secret"}


@pytest.mark.parametrize(
    "payload, result, words",
    [(b"", "temporary", "not JSON"),
     (b"\x00\xff garbage", "temporary", "not JSON"),
     (b"{" + b" " * 70000 + b"}", "temporary", "not JSON"),
     (OURS, "temporary", "lacks"),
     ({**OURS, "deviceSecret": "a\nresult=ok"}, "temporary", "lacks"),
     ({**SECRET, "deviceName": "example2"}, "refused", "another device"),
     ({**OURS, "clientId": "c", "deviceToken": "t"}, "temporary", "cloud.auth")],
)  # fmt: skip
def test_strange_replies(cloud, broker, payload, result, words):
    strange = broker(ACCEPTED + publish("/ext/register", payload))
    refused(cloud, request(cloud, port=strange.port), result, words)


def test_a_code_for_a_reply(cloud, broker):
    payload = {"code": 6289, "message": "told %s so" % PRODUCT_SECRET}
    strange = broker(ACCEPTED + publish("/ext/register", payload))
    refused(cloud, request(cloud, port=strange.port), "refused", "already activated", 6289)


def test_cut_in_the_reply(cloud, broker):
    whole = ACCEPTED + publish("/ext/register", SECRET)
    for size in 2, 4, 6, len(whole) - 1:
        strange = broker(whole[:size], close=True)
        refused(cloud, request(cloud, port=strange.port), "temporary", "")
