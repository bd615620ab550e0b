# SPDX-License-Identifier: Apache-2.0
"""AliwareMQ / ApsaraMQ for MQTT: signatures, device credentials and tokens that end while the connection goes on."""

import json
import os

import pytest

from harness import modes
from harness.modes import MQ_DOWN, MQ_UP

SIGNED = {"mq-signature": "Signature", "mq-device": "DeviceCredential"}
FIRST, SECOND = "LzMT+XLFl5uHt0K1First", "LzMT+XLFl5uHt0K2Second"
EXPIRES, INVALID = "$SYS/tokenExpireNotice", "$SYS/tokenInvalidNotice"


@pytest.fixture
def cloud(world):
    return modes.mq_cloud(world)


def with_file(world, cloud, token=None, **changes):
    """A daemon whose tokens are in a file; the first one ends in ten minutes."""
    cloud.add_token(FIRST, "RW", 600)
    write_tokens(world, token or "RW|" + FIRST)
    identity = {"token_file": world.path("tokens")}
    return modes.mq(world, cloud, "mq-token", identity=identity, **changes)


def write_tokens(world, text):
    with open(world.path("tokens.new"), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text + "\n")
    os.rename(world.path("tokens.new"), world.path("tokens"))


# Signatures


@pytest.mark.parametrize("auth", SIGNED)
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
def test_signature_lets_the_client_in(world, cloud, auth, tls):
    daemon = modes.mq(world, cloud, auth, identity={"access_key_secret": modes.ACCESS_SECRET})
    if not tls:
        daemon.config["cloud"].update(endpoint="localhost:%d" % cloud.tcp_port, tls={"enable": False})
    modes.works(daemon.start(), cloud, MQ_UP, MQ_DOWN)
    assert modes.how(cloud) == [SIGNED[auth]]
    assert cloud.events("connect")[0]["client_id"] == "%s@@@%s" % (modes.GROUP, modes.MEMBER)


@pytest.mark.parametrize("auth", SIGNED)
@pytest.mark.parametrize("code", [4, 5])
def test_wrong_secret_is_named(world, auth, code):
    cloud = modes.mq_cloud(world, auth_code=code)
    daemon = modes.mq(world, cloud, auth, identity={"access_key_secret": modes.WRONG_SECRET}).start()
    word = {4: "refused-credentials", 5: "refused-not-authorized"}[code]
    modes.expect_denied(world, daemon, word, "CONNACK %d" % code, "secret")


@pytest.mark.parametrize("wrong", [{"identity": {"access_key_id": "LTAInobody"}}, {"cloud": {"instance_id": "post-x"}}])
def test_wrong_account_or_instance_is_named(world, cloud, wrong):
    identity = {"access_key_secret": modes.ACCESS_SECRET}
    daemon = modes.mq(world, cloud, "mq-signature", identity=identity)
    for group, changes in wrong.items():
        daemon.config[group].update(changes)
    modes.expect_denied(world, daemon.start(), "refused-not-authorized", "CONNACK 5")


# Tokens


@pytest.mark.parametrize("types", [["RW"], ["R", "W"], ["W", "R"]])
def test_tokens_let_the_client_in(world, cloud, types):
    for type_ in types:
        cloud.add_token("token-" + type_, type_, 600)
    token = "|".join("%s|token-%s" % (type_, type_) for type_ in types)
    daemon = modes.mq(world, cloud, "mq-token", identity={"token": token}).start()
    modes.works(daemon, cloud, MQ_UP, MQ_DOWN)


def test_unknown_token_is_refused(world, cloud):
    daemon = modes.mq(world, cloud, "mq-token", identity={"token": "RW|nobodys"}).start()
    modes.expect_denied(world, daemon, "refused-not-authorized", "CONNACK 5")


def test_new_token_of_the_file_is_uploaded_when_the_old_one_ends(world, cloud):
    daemon = with_file(world, cloud).start()
    daemon.wait_online()
    cloud.add_token(SECOND, "RW", 7200)
    write_tokens(world, "RW|" + SECOND)
    cloud.advance(400)
    upload = cloud.wait_event("token-upload", type="RW")
    assert upload["taken"]
    cloud.advance(400)
    modes.works(daemon, cloud, MQ_UP, MQ_DOWN)
    assert len(cloud.events("connect")) == 1, "on the same connection"
    daemon.wait_log("Uploaded 1 new token")


def test_every_token_of_the_file_is_uploaded(world, cloud):
    daemon = with_file(world, cloud).start()
    daemon.wait_online()
    for type_ in "RW":
        cloud.add_token(SECOND + type_, type_, 7200)
    write_tokens(world, "R|%sR|W|%sW" % (SECOND, SECOND))
    cloud.advance(400)
    for type_ in "RW":
        assert cloud.wait_event("token-upload", type=type_)["taken"]
    daemon.wait_log("Uploaded 2 new tokens")


def test_new_token_of_the_file_is_used_to_connect_again(world, cloud):
    daemon = with_file(world, cloud).start()
    daemon.wait_online()
    cloud.add_token(SECOND, "RW", 7200)
    cloud.revoke_token(FIRST)
    write_tokens(world, "RW|" + SECOND)
    daemon.wait_log("it was revoked")
    daemon.wait_log("Lost the connection")
    modes.works(daemon, cloud, MQ_UP, MQ_DOWN)


@pytest.mark.parametrize("content", ["", "RW", "X|token", "RW|", "RW|a|RW|b|", "secret-without-type"])
def test_file_that_holds_no_token_is_told_of_and_the_connection_goes_on(world, cloud, content):
    daemon = with_file(world, cloud).start()
    daemon.wait_online()
    write_tokens(world, content)
    cloud.advance(400)
    line = daemon.wait_log("token_file|tokens")
    assert content not in line or len(content) < 4
    assert daemon.status()["state"] == "online"
    assert not cloud.events("token-upload")


def test_file_that_others_can_read_is_not_used(world, cloud):
    daemon = with_file(world, cloud).start()
    daemon.wait_online()
    os.chmod(world.path("tokens"), 0o644)
    cloud.advance(400)
    modes.expect_logged(daemon, "chmod|read", world.path("tokens"))
    assert not cloud.events("token-upload")


def test_without_a_source_of_tokens_the_end_is_told_of(world, cloud):
    cloud.add_token(FIRST, "RW", 600)
    daemon = modes.mq(world, cloud, "mq-token", identity={"token": "RW|" + FIRST}).start()
    daemon.wait_online()
    cloud.advance(400)
    modes.expect_logged(daemon, "token ends soon", "identity.token_file", "cloud.command")


def token_command(world):
    """A command that gives what stands in the file "tokens" and writes down why it was asked."""
    return modes.script(
        world,
        "grep ^reason= >>%s\nprintf 'result=ok\\npassword='\ncat %s\n"
        % (world.path("reasons"), world.path("tokens")),
    )


def reasons(world):
    with open(world.path("reasons"), encoding="ascii") as file:
        return [line.strip()[len("reason=") :] for line in file]


def test_command_gives_the_tokens(world, cloud):
    cloud.add_token(FIRST, "RW", 600)
    write_tokens(world, "RW|" + FIRST)
    daemon = modes.mq(world, cloud, "mq-token", cloud={"command": token_command(world)}).start()
    modes.works(daemon, cloud, MQ_UP, MQ_DOWN)
    cloud.add_token(SECOND, "RW", 7200)
    write_tokens(world, "RW|" + SECOND)
    cloud.advance(400)
    assert cloud.wait_event("token-upload")["taken"]
    assert reasons(world) == ["start", "expired"]
    assert len(cloud.events("connect")) == 1


def test_command_is_asked_again_when_its_token_is_refused(world, cloud):
    write_tokens(world, "RW|" + FIRST)
    cloud.set(auth_code=4)
    daemon = modes.mq(world, cloud, "mq-token", cloud={"command": token_command(world)}).start()
    daemon.wait_state("offline", reason="refused-credentials")
    assert reasons(world) == ["start"]


def test_command_that_gives_no_token_for_the_upload_harms_nothing(world, cloud):
    cloud.add_token(FIRST, "RW", 600)
    once = world.path("once")
    command = modes.script(
        world,
        "cat >/dev/null\necho result=ok\nif mkdir %s 2>/dev/null; then echo 'password=RW|%s'; fi\n"
        % (once, FIRST),
    )
    daemon = modes.mq(world, cloud, "mq-token", cloud={"command": command}).start()
    daemon.wait_online()
    cloud.advance(400)
    modes.expect_logged(daemon, "incomplete|no new credentials", "incomplete")
    assert daemon.status()["state"] == "online"


def test_command_that_gives_no_token_at_all_is_told_of(world, cloud):
    command = modes.script(world, "cat >/dev/null\necho result=ok\n")
    daemon = modes.mq(world, cloud, "mq-token", cloud={"command": command}).start()
    modes.expect_denied(world, daemon, "auth-unreachable", "incomplete")


WORDS = {
    1: "forged", 2: "expired", 3: "revoked", 4: "other topics", 5: "permission", 8: "signature",
    -1: "account", 99: "no reason that is known",
}  # fmt: skip


def test_each_notice_of_an_invalid_token_is_explained(world, cloud):
    cloud.add_token(FIRST, "RW", 600)
    daemon = modes.mq(world, cloud, "mq-token", identity={"token": "RW|" + FIRST}).start()
    daemon.wait_online()
    for code, word in WORDS.items():
        mark = daemon.mark()
        cloud.publish(INVALID, json.dumps({"code": code, "type": "RW"}), force=True)
        modes.expect_logged(daemon, "does not accept the token", word, "get a new token", since=mark)


@pytest.mark.parametrize("payload", [b"", b"{", b'{"code":', b'{"code":-', b"\x00\xff", b'"code"' * 9999])
def test_notice_that_is_none_harms_nothing(world, cloud, payload):
    cloud.add_token(FIRST, "RW", 600)
    daemon = modes.mq(world, cloud, "mq-token", identity={"token": "RW|" + FIRST}).start()
    daemon.wait_online()
    for topic in (INVALID, EXPIRES):
        cloud.publish(topic, payload, force=True)
    modes.expect_logged(daemon, "does not accept the token", "no reason that is known")
    modes.works(daemon, cloud, MQ_UP, MQ_DOWN)


def test_notices_do_not_reach_programs_and_nobody_can_fake_an_upload(world, cloud):
    cloud.add_token(FIRST, "RW", 600)
    daemon = modes.mq(world, cloud, "mq-token", identity={"token": "RW|" + FIRST}).start()
    daemon.wait_online()
    client = daemon.client()
    client.subscribe("#")
    cloud.publish(INVALID, '{"code":3}', force=True)
    daemon.wait_log("it was revoked")
    assert not [m for m in client.sync() if m["op"] == "msg"]
