# SPDX-License-Identifier: Apache-2.0
"""What the daemon signs or shows itself: cloud.auth = "device" and "plain", with right and wrong proofs."""

import os
import subprocess

import pytest

from harness import modes

METHODS = ["hmacmd5", "hmacsha1", "hmacsha256"]
TIMES = ["now", "none", "2524608000000"]


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("timestamp", TIMES)
def test_device_signs(world, generous, tls, method, timestamp):
    changes = {"cloud": {"sign_method": method, "timestamp": timestamp}}
    config = modes.conf.merged(modes.device(world, generous).config, changes)
    if not tls:
        config["cloud"].update(endpoint="localhost:%d" % generous.tcp_port, tls={"enable": False})
    modes.works(world.daemon(config).start(), generous)
    params = generous.events("connect")[0]["params"]
    assert params["securemode"] == ("2" if tls else "3")
    assert params["signmethod"] == method
    if timestamp == "now":
        assert int(params["timestamp"]) > 1_600_000_000_000
    else:
        assert params.get("timestamp") == (None if timestamp == "none" else timestamp)


def test_tcp_must_be_asked_for(world, generous):
    """Without a word on it there is TLS, which a port for TCP does not speak."""
    endpoint = "localhost:%d" % generous.tcp_port
    daemon = modes.device(world, generous, cloud={"endpoint": endpoint}).start()
    daemon.wait_state("offline", reason="tls-failed", seconds=20)
    assert not generous.events("connect")


def test_undocumented_hash_is_refused_with_the_reason(world, generous):
    daemon = modes.device(world, generous, cloud={"sign_method": "sha256"}).spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "sign_method", "sha256")


# Any broker

PASSWORD = "pw-9f3c-of-the-gateway"


@pytest.fixture
def broker(world):
    return world.cloud(mode="plain", users={"gateway": PASSWORD})


def plain(world, broker, /, **changes):
    identity = {"client_id": "gateway-1", "username": "gateway", "password": PASSWORD}
    config = modes.configuration(world, broker, "plain", identity=identity)
    return world.daemon(modes.conf.merged(config, changes))


def test_user_name_and_password_let_the_client_in(world, broker):
    modes.works(plain(world, broker).start(), broker, "any/up", "any/down")


@pytest.mark.parametrize("wrong", [{"password": "pw-wrong-wrong"}, {"username": "nobody"}, {"username": None, "password": None}])
def test_wrong_user_is_named(world, broker, wrong):
    daemon = plain(world, broker, identity=wrong).start()
    state = daemon.wait_state("offline")
    assert state["reason"] in ("refused-credentials", "refused-not-authorized")
    assert "product_key" not in state["message"], "that is no word of this mode"


def show(certs, name):
    return {
        "certificate_file": os.path.join(certs, name + ".pem"),
        "key_file": os.path.join(certs, name + ".key"),
    }


@pytest.fixture
def picky(world, broker):
    """A real broker that wants a certificate of the test CA."""
    certs = os.path.dirname(broker.ca_file) if os.path.exists(broker.ca_file) else broker.certs
    tls = type("Tls", (), {})()
    tls.root, tls.certificate, tls.key = (os.path.join(certs, n) for n in ("ca.pem", "good.pem", "good.key"))
    tls.certs = certs
    mosquitto = world.mosquitto(tls, more="require_certificate true\nuse_identity_as_username true\n")
    mosquitto.ca_file, mosquitto.certs = tls.root, certs
    mosquitto.tcp_port = mosquitto.port
    return mosquitto


def with_certificate(world, picky, name):
    return plain(
        world,
        picky,
        identity={"username": None, "password": None},
        cloud={"tls": show(picky.certs, name)} if name else {},
    )


def test_client_certificate_lets_the_client_in(world, picky):
    daemon = with_certificate(world, picky, "client").start()
    daemon.wait_online()
    client = daemon.client()
    client.subscribe("x/#")
    assert client.publish("x/y", "there and back", qos=1)["state"] == "delivered"
    assert client.message()["payload"] == "there and back"


@pytest.mark.parametrize("name", ["untrusted", None])
def test_wrong_client_certificate_is_named(world, picky, name):
    daemon = with_certificate(world, picky, name).start()
    # TLS 1.3's server refuses after the client's side of the handshake is over.
    daemon.wait_state("offline", reason="tls-client-certificate")


def test_certificate_without_its_key_is_an_error_of_the_configuration(world, broker):
    tls = {"certificate_file": os.path.join(broker.certs, "client.pem")}
    daemon = plain(world, broker, cloud={"tls": tls}).spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "certificate_file", "each other")


def test_key_that_everybody_can_read_is_an_error_of_the_configuration(world, broker):
    for end in ("pem", "key"):
        path = world.path("mine." + end)
        subprocess.run(["cp", os.path.join(broker.certs, "client." + end), path], check=True)
        os.chmod(path, 0o644)
    daemon = plain(world, broker, cloud={"tls": show(world.directory, "mine")}).spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "key_file", "chmod")
