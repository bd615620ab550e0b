# SPDX-License-Identifier: Apache-2.0
"""iotlinkctl sign for every mode: what it computes lets a stranger in, what it shows is no secret unless asked for."""

import base64
import hashlib
import hmac
import json

import pytest

from harness import modes
from standin.rawclient import RawClient

TOKENS = "R|LzMT+XLFtokenR|W|LzMT+XLFtokenW"
PASSWORD = "pw-9f3c-of-the-gateway"


def signing(world, cloud):
    """The modes whose password is known without asking anybody, with the secret of each."""
    secret = {"access_key_secret": modes.ACCESS_SECRET}
    user = {"client_id": "gateway-1", "username": "gateway", "password": PASSWORD}
    return {
        "device": (modes.device(world, cloud), modes.DEVICE_SECRET),
        "mq-signature": (modes.mq(world, cloud, "mq-signature", identity=secret), modes.ACCESS_SECRET),
        "mq-device": (modes.mq(world, cloud, "mq-device", identity=secret), modes.ACCESS_SECRET),
        "mq-token": (modes.mq(world, cloud, "mq-token", identity={"token": TOKENS}), "tokenW"),
        "plain": (
            world.daemon(modes.configuration(world, cloud, "plain", identity=user)),
            PASSWORD,
        ),
    }


def asking(world, cloud):
    """Those whose password a program gives, with the secret it is given and words of the explanation."""
    script = modes.script(world, "exit 1\n")
    command = modes.configuration(world, cloud, "command", cloud={"command": script})
    command["identity"]["client_id"] = "gateway-1"
    return {
        "https": (modes.https(world, cloud), modes.DEVICE_SECRET, ["clientId", "iotToken"]),
        "register": (modes.register(world, cloud, "https"), modes.PRODUCT_SECRET, ["random", "product secret"]),
        "register-free": (modes.register_free(world, cloud), modes.PRODUCT_SECRET, ["connwl", "device token"]),
        "command": (world.daemon(command), "no secret", [script]),
    }


def sign(world, daemon, *arguments):
    daemon.write_config()
    return world.ctl().run("sign", "--config", daemon.config_path, *arguments)


def signed(world, daemon, *arguments):
    daemon.write_config()
    return world.ctl().json("sign", "--config", daemon.config_path, *arguments)


SIGNING = ["device", "mq-signature", "mq-device", "mq-token", "plain"]
ASKING = ["https", "register", "register-free", "command"]


@pytest.mark.parametrize("mode", SIGNING)
def test_json_names_all_that_goes_into_connect(world, cloud, mode):
    daemon, secret = signing(world, cloud)[mode]
    shown = signed(world, daemon)
    assert set(shown) >= {"host", "port", "tls", "client_id", "username", "password", "content"}
    assert (shown["host"], shown["port"], shown["tls"]) == ("localhost", cloud.tls_port, True)
    assert set(shown["password"]) == {"*"}
    assert secret not in json.dumps(shown)


@pytest.mark.parametrize("mode", SIGNING)
def test_secret_is_shown_only_when_asked_for(world, cloud, mode):
    daemon, secret = signing(world, cloud)[mode]
    password = signed(world, daemon, "--show-secret")["password"]
    assert password and set(password) != {"*"}
    for arguments in ([], ["--explain"], ["--json"], ["--json", "--explain"]):
        done = sign(world, daemon, *arguments)
        assert done.returncode == 0
        assert secret not in done.stdout + done.stderr
        if mode != "device":  # whose time goes on
            assert password not in done.stdout + done.stderr


@pytest.mark.parametrize("mode", SIGNING)
def test_each_step_is_explained(world, cloud, mode):
    daemon, _ = signing(world, cloud)[mode]
    text = sign(world, daemon, "--explain").stdout
    shown = signed(world, daemon)
    for word in ('auth = "%s"' % mode, shown["username"], "CONNECT", "Endpoint", "localhost"):
        assert word in text, (word, text)
    if shown["content"] and mode != "device":
        assert shown["content"] in text


@pytest.mark.parametrize("mode", ASKING)
def test_steps_before_a_program_answers_are_explained(world, cloud, mode):
    daemon, secret, words = asking(world, cloud)[mode]
    done = sign(world, daemon, "--explain")
    assert done.returncode == 0
    for word in ('auth = "%s"' % mode, *words):
        assert word in done.stdout, (word, done.stdout)
    assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize("mode", ASKING)
@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "json"])
def test_there_is_nothing_to_sign_before_a_program_answers(world, cloud, mode, arguments):
    daemon, secret, _ = asking(world, cloud)[mode]
    done = sign(world, daemon, *arguments)
    assert done.returncode == 1
    assert "--explain" in done.stderr
    assert secret not in done.stdout + done.stderr


def test_signature_of_aliwaremq_is_the_documented_one(world, cloud):
    daemon, _ = signing(world, cloud)["mq-signature"]
    shown = signed(world, daemon, "--show-secret")
    digest = hmac.new(modes.ACCESS_SECRET.encode(), shown["client_id"].encode(), hashlib.sha1).digest()
    assert shown["password"] == base64.b64encode(digest).decode()
    assert shown["content"] == shown["client_id"]


def test_what_is_shown_lets_a_stranger_in(world, cloud):
    daemon, _ = signing(world, cloud)["device"]
    shown = signed(world, daemon, "--show-secret")
    with RawClient(cloud, "tls") as client:
        client.login(shown["client_id"], shown["username"], shown["password"])
        assert cloud.wait_event("connack")["code"] == 0
