# SPDX-License-Identifier: Apache-2.0
"""The HTTPS services: authentication, registration, and every way to answer badly."""

import http.client
import json
import os
import socket
import ssl
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

# pylint: disable=wrong-import-position
from standin import form, webapi  # noqa: E402
from standin.control import ControlError, Standin  # noqa: E402
from standin.rawclient import RawClient, credentials  # noqa: E402
from standin.webclient import FORM, auth_fields, authenticate, post, register, register_fields  # noqa: E402

with open(os.path.join(HERE, "..", "data", "sign-vectors.json"), encoding="utf-8") as file:
    VECTORS = json.load(file)["vectors"]

PRODUCT_SECRET = "7jluWm1zql7bt8qK"
WEEK = 7 * 86400
RESET = {
    "http_answer": None, "http_code": None, "http_count": None, "http_status": 200, "http_error_status": 200,
    "http_type": "application/json;charset=UTF-8", "http_length": "given", "http_delay": 0, "http_rate": None,
    "http_size": 1 << 20, "http_cert": "good", "http_refuse_tls": False, "http_refuse": False, "blackhole": False,
    "resource_key": "resources", "resource_host": None, "resource_port": None,
}  # fmt: skip


@pytest.fixture(scope="module", name="shared")
def shared_fixture():
    with Standin(product_secret=PRODUCT_SECRET, connects_per_minute=0, verbose=True) as standin:
        yield standin
        with open(standin.log, encoding="utf-8") as log:
            lines = log.read()
        assert "Traceback" not in lines and "http-request" in lines
        for secret in standin.secrets():
            assert secret not in lines and secret not in repr(standin.events())


@pytest.fixture(name="cloud")
def cloud_fixture(shared):
    shared.set(**RESET)
    shared.cut()
    shared.add_product(shared.identity["product_key"], PRODUCT_SECRET)
    shared.add_identity(**shared.identity)
    shared.start_mark = shared.mark()
    return shared


def vectors(mode):
    chosen = [v for v in VECTORS if v["mode"] == mode]
    assert chosen
    return pytest.mark.parametrize("vector", chosen, ids=[v["id"] for v in chosen])


def token_login(cloud, data, client_id="mac-1", transport="tls", password=None):
    with RawClient(cloud, transport) as c:
        return c.login(client_id, data["iotId"], password or data["iotToken"])[0]


# Known answers


@vectors("https-auth-devicename")
def test_auth_known_answers(vector):
    given, expected = vector["inputs"], vector["expected"]
    fields = {k: v for k, v in given.items() if k != "deviceSecret" and v is not None}
    content = webapi.auth_content(fields)
    assert content == expected["signContent"]
    method = given.get("signmethod") or "hmacmd5"
    assert webapi.sign_fits(method, given["deviceSecret"], content, expected["sign"].upper())


@vectors("https-dynreg")
def test_register_known_answers(vector):
    given, expected = vector["inputs"], vector["expected"]
    fields = form.parse(expected["body"].encode())
    content = f"deviceName{fields['deviceName']}productKey{fields['productKey']}random{fields['random']}"
    assert content == expected["signContent"]
    assert webapi.sign_fits(given["signMethod"].lower(), given["productSecret"], content, fields["sign"])


# Forms


def test_form():
    assert form.parse(b"a=x%40y%3a%c3%A9&b=&c=1+2%2B") == {"a": "x@y:\u00e9", "b": "", "c": "1 2+"}


@pytest.mark.parametrize(
    "body", [b"", b"a", b"a=1&", b"=1", b"a=1&a=2", b"a=%4", b"a=%zz", b"a=%ff", b"a=\xc3", b"a= b"]
)
def test_bad_form(cloud, body):
    with pytest.raises(form.BadForm):
        form.parse(body)
    assert authenticate(cloud, body).code == 460


# Authentication


@pytest.mark.parametrize("more", [{}, {"signmethod": "hmacsha1", "timestamp": "789"}, {"signmethod": "hmacsha256"}])
def test_authenticates(cloud, more):
    answer = authenticate(cloud, **more)
    assert answer.status == 200 and answer.code == 200 and answer.json["message"]
    assert answer.data["resources"]["mqtt"] == {"host": "127.0.0.1", "port": cloud.tls_port}
    assert len(answer.data["iotId"]) == 20 and len(answer.data["iotToken"]) == 32
    assert token_login(cloud, answer.data) == 0
    e = cloud.wait_event("http-request", after=cloud.start_mark)
    assert e["fields"]["clientId"] == "00-11@x" and "sign" not in e["fields"]
    assert e["identity"] == "example1&a1X2bEnP82z" and e["path"] == "/auth/devicename"
    assert cloud.wait_event("http-answer", after=e)["code"] == 200
    assert cloud.wait_event("http-disconnect", after=e)["reason"] == "answered"
    assert cloud.wait_event("connack", after=e)["how"] == "token"


def test_upper_case_and_encoded_names(cloud):
    cloud.add_identity("K", "a@b:c", "0e1f2a")
    fields = auth_fields(cloud, "0e1f2a", productKey="K", deviceName="a@b:c")
    assert authenticate(cloud, {**fields, "sign": fields["sign"].upper()}).code == 200


def test_auth_refusals(cloud):
    good = auth_fields(cloud, timestamp="1")
    for name in webapi.AUTH_NEEDED:
        assert authenticate(cloud, {k: v for k, v in good.items() if k != name}).code == 460
        assert authenticate(cloud, {**good, name: ""}).code == 460
    assert authenticate(cloud, {**good, "timestamp": "2"}).code == 401
    assert authenticate(cloud, {**good, "extra": "signed too"}).code == 401
    assert authenticate(cloud, {**good, "version": "other", "resources": ""}).code == 200
    assert authenticate(cloud, {**good, "timestamp": "now"}).code == 460
    assert authenticate(cloud, secret="wrong").code == 401
    assert authenticate(cloud, {**good, "signmethod": "sha256"}).code == 460
    assert authenticate(cloud, clientId="x" * 64).code == 200
    assert authenticate(cloud, clientId="x" * 65).code == 460
    assert authenticate(cloud, deviceName="stranger").code == 5001
    assert post(cloud, "/auth/devicename", good, content_type="application/json").code == 460
    assert post(cloud, "/auth/devicename", good, content_type=FORM + "; charset=utf-8").code == 200
    careless = {**good, "deviceSecret": cloud.identity["device_secret"]}
    assert authenticate(cloud, careless).code == 401
    assert post(cloud, "/auth/devicename?" + cloud.identity["device_secret"], good).status == 404
    cloud.add_identity("a1X2bEnP82z", "chip", "0e1f2a", auth_type="id2")
    assert authenticate(cloud, deviceName="chip", secret="0e1f2a").code == 6200
    cloud.add_identity("a1X2bEnP82z", "bare")
    assert authenticate(cloud, deviceName="bare", secret="0e1f2a").code == 6200


def test_http_refusals(cloud):
    good = auth_fields(cloud)
    assert post(cloud, "/auth", good).status == 404
    assert post(cloud, "/auth/devicename", good, method="PUT").status == 405
    assert post(cloud, "/auth/devicename", b"a=" + b"x" * (64 << 10)).status == 413


def raw_tls(cloud):
    context = ssl.create_default_context(cafile=cloud.ca_file)
    plain = socket.create_connection(("127.0.0.1", cloud.https_port), 5)
    return context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"), (b"POST /auth/devicename HTTP/1.1\r\n\r\n", b"400"),
        (b"POST /auth/devicename HTTP/1.1\r\nHost: h\r\n\r\n", b"411"), (b"POST / HTTP/1.1\r\nHost\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", b"501"), (b"x" * 17000, b"431"),
    ],
)  # fmt: skip
def test_bad_requests(cloud, head, status):
    with raw_tls(cloud) as s:
        s.sendall(head)
        assert s.recv(100).split(b" ")[1] == status


def test_request_in_pieces(cloud):
    with raw_tls(cloud) as s:
        for byte in b"POST /auth/devicename HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b":
            s.sendall(bytes((byte,)))
        assert s.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    assert cloud.wait_event("http-answer", after=cloud.start_mark)["code"] == 460


def test_resources(cloud):
    cloud.set(resource_key="Resources ")
    assert "Resources " in authenticate(cloud).data
    cloud.set(resource_host="else.where", resource_port="1883")
    assert authenticate(cloud).data["Resources "]["mqtt"] == {"host": "else.where", "port": "1883"}
    assert authenticate(cloud, resources="").data.keys() == {"iotId", "iotToken"}
    cloud.set(resource_key=None)
    assert authenticate(cloud).data.keys() == {"iotId", "iotToken"}


# What the token is good for


def test_token_connect(cloud):
    data = authenticate(cloud).data
    assert token_login(cloud, data, "x|securemode=-1|") == 0
    assert token_login(cloud, data, "x|securemode=0|", "tcp") == 0
    assert token_login(cloud, data, "x|securemode=-1|", "tcp") == 2
    assert token_login(cloud, data, "x|securemode=2|") == 2
    assert token_login(cloud, data, "x", "tcp") == 2
    assert token_login(cloud, data, "x" * 65) == 2
    assert token_login(cloud, data, password="0" * 32) == 3
    assert token_login(cloud, {**data, "iotId": "nobody"}) == 3
    cloud.remove_identity("a1X2bEnP82z", "example1")
    assert token_login(cloud, data) == 3


def test_token_works_as_the_device(cloud):
    data = authenticate(cloud).data
    with RawClient(cloud, "tls") as c:
        assert c.login("x", data["iotId"], data["iotToken"])[0] == 0
        c.publish("/a1X2bEnP82z/example1/user/x", b"1")
        assert c.packet()[0] == 0x40
        assert token_login(cloud, authenticate(cloud).data) == 0  # another token, the same device
        assert c.closed()
    cloud.wait_event("disconnect", after=cloud.start_mark, reason="kicked", identity="example1&a1X2bEnP82z")
    with RawClient(cloud, "tls") as c:
        assert c.login("x", data["iotId"], data["iotToken"], keepalive=10)[0] == 2


def test_token_ends(cloud):
    data = authenticate(cloud).data
    cloud.advance(WEEK - 10)
    assert token_login(cloud, data) == 0
    cloud.advance(10)
    assert token_login(cloud, data) == 3
    fresh = authenticate(cloud).data
    assert token_login(cloud, fresh) == 0
    cloud.drop_iot_tokens()
    assert token_login(cloud, fresh) == 3


# Registration


def device_login(cloud, secret):
    with RawClient(cloud) as c:
        return c.login(*credentials({**cloud.identity, "device_secret": secret}))[0]


def test_registers(cloud):
    secrets = [register(cloud, method=m).data["deviceSecret"] for m in ("hmacmd5", "hmacsha1", "hmacsha256")]
    assert len({*secrets, cloud.identity["device_secret"]}) == 4
    assert cloud.device()["secret"] == secrets[-1] and not cloud.device()["activated"]
    assert device_login(cloud, secrets[0]) == 5
    assert device_login(cloud, cloud.identity["device_secret"]) == 5
    assert device_login(cloud, secrets[-1]) == 0
    assert cloud.device()["activated"]
    assert register(cloud).code == 6289
    cloud.reset_device("a1X2bEnP82z", "example1")
    assert register(cloud).code == 200
    assert secrets[-1] in cloud.secrets() and PRODUCT_SECRET in cloud.secrets()


def test_activated_over_https_too(cloud):
    secret = register(cloud).data["deviceSecret"]
    data = authenticate(cloud, secret=secret).data
    assert register(cloud).code == 200
    assert token_login(cloud, data) == 0
    assert register(cloud).code == 6289


def test_register_refusals(cloud):
    good = register_fields(cloud)
    for name in webapi.REGISTER_NEEDED:
        assert register(cloud, {k: v for k, v in good.items() if k != name}).code == 460
    assert register(cloud, {**good, "signMethod": "sha256"}).code == 6292
    assert register(cloud, {**good, "signMethod": "HmacSHA256"}).code == 200
    assert register(cloud, {**good, "random": "other"}).code == 6600
    assert register(cloud, secret="wrong").code == 6600
    assert register(cloud, product_key="nosuch").code == 6250
    assert register(cloud, device_name="nosuch").code == 6100
    cloud.add_product("a1X2bEnP82z", PRODUCT_SECRET, dynamic=False)
    assert register(cloud).code == 6288
    cloud.add_product("a1X2bEnP82z", PRODUCT_SECRET)
    cloud.add_identity("a1X2bEnP82z", "bare")
    assert register(cloud, device_name="bare").code == 200


# Misbehavior


@pytest.mark.parametrize("code", [401, 460, 500, 5001, 6200, 6100, 6250, 6288, 6289, 6292, 6600, 9999])
def test_forced_codes(cloud, code):
    cloud.set(http_code=code, http_count=1, http_error_status=403)
    answer = authenticate(cloud)
    assert answer.status == 403 and answer.code == code and "data" not in answer.json
    assert authenticate(cloud).code == 200


def test_statuses(cloud):
    for status in (204, 429, 500, 503):
        cloud.set(http_status=status, http_count=1)
        assert authenticate(cloud).status == status
    assert authenticate(cloud).status == 200


def bad(cloud, **settings):
    cloud.set(**settings)
    return authenticate(cloud)


def test_bad_bodies(cloud):
    assert bad(cloud, http_answer="empty").body == b""
    assert b"<html>" in bad(cloud, http_answer="html").body
    for how in ("truncated", "binary"):
        answer = bad(cloud, http_answer=how)
        assert answer.status == 200
        with pytest.raises(ValueError):
            assert answer.json
    answer = bad(cloud, http_answer="redirect", http_location="https://x.example/")
    assert answer.status == 302 and answer.headers["Location"] == "https://x.example/"
    answer = bad(cloud, http_answer=None, http_type="text/plain")
    assert answer.headers["Content-Type"] == "text/plain" and answer.code == 200


@pytest.mark.parametrize("length", ["given", "none", "chunked"])
def test_oversized(cloud, length):
    answer = bad(cloud, http_answer="oversized", http_length=length, http_size=300000)
    assert len(answer.body) > 300000 and answer.code == 200
    assert bad(cloud, http_answer=None).data["iotId"]


@pytest.mark.parametrize("length", ["given", "chunked"])
def test_cut(cloud, length):
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError)):
        bad(cloud, http_answer="cut", http_length=length)


def test_garbage_and_silence(cloud):
    with pytest.raises((http.client.HTTPException, OSError)):
        bad(cloud, http_answer="garbage")
    cloud.set(http_answer="silence")
    with raw_tls(cloud) as s:
        s.sendall(b"POST /auth/devicename HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b")
        assert cloud.wait_event("http-answer", after=cloud.start_mark, how="silence")["status"] is None
        s.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            s.recv(1)


def test_slow_body(cloud):
    cloud.set(http_rate=1000)
    with raw_tls(cloud) as s:
        s.sendall(b"POST /auth/devicename HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b")
        pieces = 0
        while s.recv(1000):
            pieces += 1
        assert pieces > 2


def test_tls_troubles(cloud):
    with pytest.raises(OSError):
        bad(cloud, http_refuse_tls=True, http_count=1)
    assert authenticate(cloud).code == 200
    for cert in ("expired", "future", "wrong-host", "untrusted"):
        with pytest.raises(ssl.SSLCertVerificationError):
            bad(cloud, http_cert=cert)
    assert cloud.events("http-tls-failed", after=cloud.start_mark)
    assert token_login(cloud, bad(cloud, http_cert="good").data) == 0


def test_plain_is_refused(cloud):
    with socket.create_connection(("127.0.0.1", cloud.https_port), 5) as s:
        s.sendall(b"POST /auth/devicename HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b")
        assert b"HTTP" not in s.recv(100)
    assert cloud.wait_event("http-tls-failed", after=cloud.start_mark)["reason"]


def test_refuse(cloud):
    cloud.set(http_refuse=True)
    with pytest.raises(ConnectionRefusedError):
        authenticate(cloud)
    assert device_login(cloud, cloud.identity["device_secret"]) == 0
    assert bad(cloud, http_refuse=False).code == 200


def test_settings_are_checked(cloud):
    for wrong in ({"http_answer": "x"}, {"http_status": 99}, {"http_rate": 0}, {"http_cert": "x"}, {"http_length": 1}):
        with pytest.raises(ControlError):
            cloud.set(**wrong)


def test_token_counts_for_its_device(cloud):
    cloud.set(connects_per_minute=2)
    cloud.add_identity("a1X2bEnP82z", "counted", "8c1f00")
    logins = [authenticate(cloud, deviceName="counted", secret="8c1f00").data for _ in range(3)]
    assert [token_login(cloud, data) for data in logins[:2]] == [0, 0]
    with pytest.raises(EOFError):
        token_login(cloud, logins[2])
    cloud.wait_event("violation", after=cloud.start_mark, rule="connect-rate", identity="counted&a1X2bEnP82z")
    cloud.set(connects_per_minute=0)
