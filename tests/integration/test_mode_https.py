# SPDX-License-Identifier: Apache-2.0
"""cloud.auth = "https": the daemon gets a token for the device's secret from iotlink-auth, and explains what goes wrong."""

import pytest

from harness import modes
from harness.place import free_port


@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
def test_token_lets_the_device_in(world, generous, method):
    daemon = modes.https(world, generous, cloud={"sign_method": method}).start()
    modes.works(daemon, generous)
    assert modes.how(generous) == ["token"]
    request = generous.wait_event("http-request")
    assert request["path"] == "/auth/devicename"
    assert request["fields"]["signmethod"] == method


@pytest.mark.parametrize("timestamp", ["now", "none", "789"])
def test_timestamp_is_sent_as_configured(world, generous, timestamp):
    daemon = modes.https(world, generous, cloud={"timestamp": timestamp}).start()
    daemon.wait_online()
    sent = generous.wait_event("http-request")["fields"].get("timestamp")
    if timestamp == "now":
        assert int(sent) > 1_600_000_000_000
    else:
        assert sent == (None if timestamp == "none" else timestamp)



def test_answers_host_and_port_are_used(world, generous):
    daemon = modes.https(world, generous, cloud={"endpoint": "localhost:%d" % free_port()}).start()
    daemon.wait_online()
    assert daemon.status()["endpoint"] == "127.0.0.1:%d" % generous.tls_port


@pytest.mark.parametrize("key", ["Resources ", "resources", "RESOURCES"])
def test_answers_keys_are_found_however_they_are_written(world, generous, key):
    generous.set(resource_key=key)
    daemon = modes.https(world, generous, cloud={"endpoint": "localhost:%d" % free_port()}).start()
    daemon.wait_online()


def test_answer_without_resources_leads_to_the_endpoint(world, generous):
    generous.set(resource_key=None)
    daemon = modes.https(world, generous).start()
    daemon.wait_online()
    assert daemon.status()["endpoint"] == "localhost:%d" % generous.tls_port


# What the service refuses

REFUSALS = {
    401: ("auth-refused", "the signature is wrong", "device secret"),
    460: ("auth-refused", "a parameter is missing or malformed", "identity.product_key"),
    500: ("auth-unreachable", "the service has an internal error", "This passes"),
    5001: ("auth-refused", "the service knows no such device", "identity.device_name"),
    6200: ("auth-refused", "does not use this way to authenticate", "cloud.auth"),
    4711: ("auth-refused", "a code that is not documented", "4711"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_each_code_is_explained(world, generous, code):
    reason, cause, advice = REFUSALS[code]
    generous.set(http_code=code)
    daemon = modes.https(world, generous).start()
    state = modes.expect_denied(world, daemon, reason, "code %d" % code, cause, advice)
    if reason == "auth-refused":
        assert state["retry_in"] >= 10, "only a person can change this"
    else:
        assert state["retry_in"] <= 5
    assert not generous.events("connect")


def test_entry_says_each_thing_once(world, generous):
    generous.set(http_code=401)
    line = modes.https(world, generous).start().wait_log("no credentials")
    assert line.count("401") == 1, line
    assert "?" not in line and ".)" not in line and "PORT=0" not in line, line


def test_wrong_secret_is_named(world, generous):
    daemon = modes.https(world, generous, identity={"device_secret": modes.WRONG_SECRET}).start()
    modes.expect_denied(world, daemon, "auth-refused", "code 401", "device secret")


def test_unknown_device_is_named(world, generous):
    daemon = modes.https(world, generous, identity={"device_name": "nobody"}).start()
    modes.expect_denied(world, daemon, "auth-refused", "code 5001", "identity.device_name")


def test_unknown_product_is_named(world, generous):
    daemon = modes.https(world, generous, identity={"product_key": "a1ZZZZZZZZZ"}).start()
    modes.expect_denied(world, daemon, "auth-refused", "code 5001", "identity.product_key")


def test_device_that_proves_itself_in_another_way_is_named(world, generous):
    generous.add_identity(generous.identity["product_key"], "x509", None, auth_type="x509")
    daemon = modes.https(world, generous, identity={"device_name": "x509"}).start()
    modes.expect_denied(world, daemon, "auth-refused", "code 6200", "cloud.auth")


def test_servers_own_words_are_shown(world, generous):
    generous.set(http_code=401)
    daemon = modes.https(world, generous).start()
    modes.expect_denied(world, daemon, "auth-refused", "the server says: ")


# What is in the way

ANSWERS = {
    "garbage": ("something else than HTTP", "authentication service"),
    "binary": ("not what the authentication service sends", "captive portal"),
    "empty": ("not what the authentication service sends", "captive portal"),
    "html": ("not what the authentication service sends", "captive portal"),
    "truncated": ("not what the authentication service sends", "captive portal"),
    "cut": ("the connection ended before the answer did", ""),
    "oversized": ("too large", "authentication service"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer_that_is_none_is_named_and_overcome(world, generous, answer):
    generous.set(http_answer=answer, http_count=1)
    daemon = modes.https(world, generous).start()
    modes.expect_logged(daemon, "no credentials", *ANSWERS[answer])
    daemon.wait_online()


@pytest.mark.parametrize("length", ["none", "chunked"])
def test_oversized_answer_is_not_swallowed_however_its_length_is_told(world, generous, length):
    generous.set(http_answer="oversized", http_length=length, http_count=1)
    daemon = modes.https(world, generous).start()
    modes.expect_logged(daemon, "no credentials", "too large")
    daemon.wait_online()


def test_redirect_is_not_followed(world, generous):
    generous.set(http_answer="redirect")
    daemon = modes.https(world, generous).start()
    modes.expect_denied(world, daemon, "auth-refused", "redirects elsewhere", "cloud.auth_url")
    assert len(generous.events("http-request")) == 1


def test_slow_answer_is_waited_for(world, generous):
    generous.set(http_rate=400)
    modes.https(world, generous).start().wait_online()


def test_daemon_serves_while_it_waits_for_the_answer(world, generous):
    generous.set(http_answer="silence")
    daemon = modes.https(world, generous).start()
    generous.wait_event("http-request")
    status = daemon.status()
    assert status["state"] == "connecting"
    assert daemon.stop()[0] == 0, "and its end does not wait for it"


def test_service_that_was_deaf_for_a_while_is_enough(world, generous):
    generous.set(blackhole=True)
    daemon = modes.https(world, generous).start()
    assert daemon.status()["state"] == "connecting"
    generous.set(blackhole=False)
    daemon.wait_online()


def test_refused_port_is_named(world, generous):
    generous.set(http_refuse=True)
    daemon = modes.https(world, generous).start()
    modes.expect_denied(world, daemon, "auth-unreachable", "no TCP connection", "firewalls")
    generous.set(http_refuse=False)
    daemon.wait_online()


def test_unknown_host_is_named(world, generous):
    daemon = modes.https(world, generous, cloud={"auth_url": "https://no-such-host.invalid"}).start()
    modes.expect_denied(world, daemon, "auth-unreachable", "could not be resolved", "cloud.region")


CERTIFICATES = {
    "untrusted": ("auth-refused", "a root that is not trusted here", "root"),
    "expired": ("auth-refused", "has expired", "clock"),
    "future": ("auth-unreachable", "not valid yet", "clock"),
    "wrong-host": ("auth-refused", "another host name", "host name"),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_server_that_is_not_trusted_gets_no_request(world, generous, kind):
    generous.set(http_cert=kind)
    daemon = modes.https(world, generous).start()
    modes.expect_denied(world, daemon, *CERTIFICATES[kind])
    assert not generous.events("http-request")


def test_broken_handshake_is_named(world, generous):
    generous.set(http_refuse_tls=True)
    daemon = modes.https(world, generous).start()
    modes.expect_denied(world, daemon, "auth-unreachable", "TLS handshake failed", "TLS 1.2")


# The token's end

WEEK = 7 * 86400


def test_token_is_used_again_for_the_next_connection(world, generous):
    daemon = modes.https(world, generous).start()
    daemon.wait_online()
    mark = generous.mark()
    generous.cut()
    generous.wait_event("connack", code=0, after=mark)
    assert len(generous.events("http-request")) == 1


def test_token_that_ended_is_renewed_at_the_next_attempt(world, generous):
    daemon = modes.https(world, generous).start()
    daemon.wait_online()
    mark = generous.mark()
    generous.advance(WEEK + 60)
    generous.cut()
    refused = generous.wait_event("connack", code=3, after=mark)
    generous.wait_event("connack", code=0, after=refused)
    assert len(generous.events("http-request")) == 2
    modes.works(daemon, generous)


@pytest.mark.parametrize("code", [3, 4, 5])
def test_refused_token_is_not_used_again(world, generous, code):
    generous.set(connack=code, connack_count=1)
    daemon = modes.https(world, generous).start()
    generous.wait_event("connack", code=code)
    state = daemon.wait_state("offline")
    if code == 3:
        daemon.wait_online()
        assert len(generous.events("http-request")) == 2
    else:
        assert state["reason"].startswith("refused-")


def test_dropped_tokens_are_replaced(world, generous):
    generous.set(iot_token_seconds=60)
    daemon = modes.https(world, generous).start()
    daemon.wait_online()
    mark = generous.mark()
    generous.drop_iot_tokens()
    generous.cut()
    generous.wait_event("connack", code=3, after=mark)
    generous.wait_event("connack", code=0, after=mark)
    modes.works(daemon, generous)
