# SPDX-License-Identifier: Apache-2.0
"""iotlink-auth over HTTPS: authentication of a device and registration."""

import os
import pty
import subprocess

import pytest
from harness import helper
from harness.place import free_port

BOX = os.path.join(os.path.dirname(__file__), "harness/box.py")
PRODUCT_SECRET = "7jluWm1zql7bt8qK"
METHODS = ("hmacmd5", "hmacsha1", "hmacsha256")


@pytest.fixture
def cloud(world):
    return world.cloud(product_secret=PRODUCT_SECRET)


def request(cloud, **changes):
    """What the daemon would ask for with auth = https."""
    fields = {
        "protocol": 1,
        "auth": "https",
        "reason": "start",
        "product_key": cloud.identity["product_key"],
        "device_name": cloud.identity["device_name"],
        "client_id": "%(product_key)s.%(device_name)s" % cloud.identity,
        "secret": cloud.identity["device_secret"],
        "sign_method": "hmacsha256",
        "timestamp": "1700000000000",
        "auth_url": cloud.auth_url,
        "root_file": cloud.ca_file,
    }
    return {**fields, **changes}


def register(cloud, **changes):
    changes = {"auth": "register", "auth_via": "https", "secret": PRODUCT_SECRET, **changes}
    return request(cloud, **changes)


def refused(cloud, fields, result, words, code=None, **environment):
    answer = helper.ask(fields, **environment)
    assert answer["result"] == result, answer
    assert answer.get("code") == (None if code is None else str(code))
    assert words in answer["message"]
    for secret in [*cloud.secrets(), fields["secret"]]:
        assert secret not in answer["message"]
    return answer


# Credentials


@pytest.mark.parametrize("method", METHODS)
def test_a_token_and_where_to_use_it(cloud, method):
    answer = helper.ask(request(cloud, sign_method=method))
    assert answer["result"] == "ok"
    assert answer["client_id"] == "a1X2bEnP82z.example1"
    assert {answer["username"], answer["password"]} <= set(cloud.secrets()) | {answer["username"]}
    assert answer["host"] == "127.0.0.1"
    assert answer["port"] == str(cloud.tls_port)
    assert answer["expires_in"] == "604800"
    event = cloud.wait_event("http-request")
    assert event["method"] == "POST"
    assert event["content_type"] == "application/x-www-form-urlencoded"
    assert event["fields"]["signmethod"] == method


def test_without_a_timestamp(cloud):
    assert helper.ask(request(cloud, timestamp=None))["result"] == "ok"
    assert "timestamp" not in cloud.wait_event("http-request")["fields"]


def test_names_that_a_form_must_encode(cloud):
    cloud.add_identity("a1X2bEnP82z", "a@b:c.d-e_f", "its-secret")
    fields = request(cloud, device_name="a@b:c.d-e_f", client_id="a&b=c d+%é", secret="its-secret")
    assert helper.ask(fields)["result"] == "ok"
    assert cloud.wait_event("http-request")["fields"]["clientId"] == "a&b=c d+%é"


@pytest.mark.parametrize("key", ["resources", " RESOURCES", None])
def test_spellings_of_resources(cloud, key):
    cloud.set(resource_key=key)
    answer = helper.ask(request(cloud))
    assert answer["result"] == "ok"
    assert ("host" in answer) == ("port" in answer) == (key is not None)


@pytest.mark.parametrize("length", ["none", "chunked"])
def test_framings_of_the_body(cloud, length):
    cloud.set(http_length=length)
    assert helper.ask(request(cloud))["result"] == "ok"


@pytest.mark.parametrize("method", METHODS)
def test_registration(cloud, method):
    answer = helper.ask(register(cloud, sign_method=method))
    assert answer["result"] == "ok"
    assert set(answer) == {"result", "device_secret"}
    assert answer["device_secret"] == cloud.device()["secret"]


def test_no_random_twice(cloud):
    for _ in range(3):
        assert helper.ask(register(cloud))["result"] == "ok"
    randoms = {event["fields"]["random"] for event in cloud.events("http-request")}
    assert len(randoms) == 3


def test_a_base_url_may_end_in_a_slash(cloud):
    assert helper.ask(request(cloud, auth_url=cloud.auth_url + "//"))["result"] == "ok"


# What the service refuses


def test_wrong_secret(cloud):
    refused(cloud, request(cloud, secret="not-the-secret"), "refused", "device secret", 401)
    refused(cloud, register(cloud, secret="not-the-secret"), "refused", "product secret", 6600)


def test_unknown_devices_and_products(cloud):
    refused(cloud, request(cloud, device_name="nobody"), "refused", "no such device", 5001)
    refused(cloud, register(cloud, device_name="nobody"), "refused", "Create it", 6100)
    refused(cloud, register(cloud, product_key="a1None"), "refused", "product_key", 6250)


def test_switched_off_and_activated(cloud):
    cloud.add_identity("a1X2bEnP82z", "example1", "x" * 32, activated=True)
    refused(cloud, register(cloud), "refused", "already activated", 6289)
    cloud.add_product("a1X2bEnP82z", PRODUCT_SECRET, dynamic=False)
    refused(cloud, register(cloud), "refused", "switched off", 6288)


@pytest.mark.parametrize(
    "code, result",
    [(401, "refused"), (460, "refused"), (500, "temporary"), (5001, "refused"), (6200, "refused"),
     (6100, "refused"), (6250, "refused"), (6288, "refused"), (6289, "refused"), (6292, "refused"),
     (6600, "refused")],
)  # fmt: skip
def test_every_code(cloud, code, result):
    cloud.set(http_code=code)
    for fields in request(cloud), register(cloud):
        answer = refused(cloud, fields, result, "code %d" % code, code)
        assert "the server says: " in answer["message"]


def test_code_and_status_together(cloud):
    cloud.set(http_error_status=403)
    refused(cloud, request(cloud, secret="not-the-secret"), "refused", "code 401", 401)


@pytest.mark.parametrize(
    "status, result",
    [(302, "refused"), (400, "refused"), (401, "refused"), (404, "refused"), (429, "temporary"),
     (500, "temporary"), (503, "temporary")],
)  # fmt: skip
def test_status(cloud, status, result):
    cloud.set(http_status=status)
    refused(cloud, request(cloud), result, "HTTP status %d" % status)


# What is no answer


@pytest.mark.parametrize(
    "how, result, words",
    [("garbage", "temporary", "something else than HTTP"),
     ("binary", "temporary", "not what the authentication service sends"),
     ("empty", "temporary", "not what the authentication service sends"),
     ("html", "temporary", "captive portal"),
     ("truncated", "temporary", "not what the authentication service sends"),
     ("cut", "temporary", "ended before"),
     ("redirect", "refused", "redirects elsewhere"),
     ("oversized", "temporary", "too large")],
)  # fmt: skip
@pytest.mark.parametrize("length", ["given", "none", "chunked"])
def test_bad_answers(cloud, how, result, words, length):
    if how == "cut" and length == "none":
        words = ""  # then nothing tells a cut answer from half of one
    cloud.set(http_answer=how, http_length=length)
    refused(cloud, request(cloud), result, words)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [{"http_answer": "silence"}, {"http_rate": 1}])
def test_slow_answers(cloud, trouble):
    cloud.set(**trouble)
    refused(cloud, request(cloud), "temporary", "in time")


@pytest.mark.parametrize(
    "cert, result, words",
    [("expired", "refused", "has expired"), ("future", "temporary", "clock is behind"),
     ("wrong-host", "refused", "another host name"), ("untrusted", "refused", "not trusted")],
)  # fmt: skip
def test_bad_certificates(cloud, cert, result, words):
    cloud.set(http_cert=cert)
    refused(cloud, request(cloud), result, words)
    assert not cloud.events("http-request")


def test_roots(cloud, world):
    with open(world.path("garbage.pem"), "wb") as file:
        file.write(b"no certificate\n")
    refused(cloud, request(cloud, root_file=None), "refused", "not trusted")
    refused(cloud, request(cloud, root_file=world.path("none")), "refused", "unusable")
    refused(cloud, request(cloud, root_file=world.path("garbage.pem")), "refused", "unusable")
    assert not cloud.events("http-request")


def test_interrupted_handshake(cloud):
    cloud.set(http_refuse_tls=True)
    refused(cloud, request(cloud), "temporary", "TLS handshake")


def test_nobody_listens(cloud):
    cloud.set(http_refuse=True)
    refused(cloud, request(cloud), "temporary", "no TCP connection")


@pytest.mark.parametrize("mode", ["nxdomain", "servfail"])
def test_no_such_name(cloud, mode):
    boxed = [BOX, mode]
    if subprocess.run([*boxed, "/bin/true"], check=False).returncode == 125:
        pytest.skip("no network namespaces here")
    fields = request(cloud, auth_url=None, region="cn-nowhere")
    answer = helper.ask(fields, boxed, PATH="/usr/bin:/bin")
    assert answer["result"] == "temporary"
    assert "iot-auth.cn-nowhere.aliyuncs.com: the host name could not be" in answer["message"]


def test_neither_region_nor_url(cloud):
    refused(cloud, request(cloud, auth_url=None), "refused", "Set cloud.region")


def test_a_proxy_from_the_environment(cloud):
    proxy = "http://127.0.0.1:%d" % free_port()
    refused(cloud, request(cloud), "temporary", "https_proxy", https_proxy=proxy)
    answer = helper.ask(request(cloud), https_proxy=proxy, no_proxy="127.0.0.1")
    assert answer["result"] == "ok"


def test_no_keys_for_eavesdroppers(cloud, world):
    assert helper.ask(request(cloud), SSLKEYLOGFILE=world.path("keys"))["result"] == "ok"
    assert not os.path.exists(world.path("keys"))


# The program


def test_unusable_requests(cloud):
    for changes, words in (
        ({"protocol": 2}, "protocol"),
        ({"auth": "command"}, "auth"),
        ({"secret": None}, "secret is missing"),
        ({"auth_url": "http://127.0.0.1"}, "https://"),
        ({"auth": "register-free", "auth_via": "https"}, "MQTT only"),
        ({"sign_method": "sha256"}, "sign_method"),
    ):
        answer = helper.ask(request(cloud, **changes))
        assert answer["result"] == "refused"
        assert words in answer["message"]
        assert cloud.identity["device_secret"] not in answer["message"]
    assert not cloud.events("http-request")


def test_requests_that_are_no_text():
    for text in "", "\n", "protocol=1\n", "x" * 100000, "=\n\n":
        assert helper.finish(helper.start(), text)["result"] == "refused"


def usage(*arguments, **options):
    options = {"stdin": subprocess.DEVNULL, **options}
    return subprocess.run(
        [helper.BINARY, *arguments], capture_output=True, text=True, timeout=helper.SECONDS, check=False,
        **options,
    )  # fmt: skip


def test_usage():
    assert usage("--version").stdout.startswith("iotlink-auth ")
    assert "REQUEST" in usage("--help").stdout
    for arguments in ["my-secret"], ["--help", "x"], ["--what"]:
        done = usage(*arguments)
        assert (done.returncode, done.stdout) == (64, "")
        assert "takes no arguments" in done.stderr and "secret" not in done.stderr


def test_terminals_are_for_people():
    leader, follower = pty.openpty()
    try:
        done = usage(stdin=follower)
    finally:
        os.close(leader)
        os.close(follower)
    assert (done.returncode, done.stdout) == (64, "")
    assert "terminal" in done.stderr


def test_nobody_reads_the_answer(cloud):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [helper.BINARY], stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    _, err = process.communicate(helper.text_of(register(cloud)), timeout=helper.SECONDS)
    assert process.returncode != 0
    assert cloud.device()["secret"] not in err
