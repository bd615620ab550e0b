# SPDX-License-Identifier: Apache-2.0
"""In no mode, at debug level, with anything going wrong, does a secret or what is made of it appear anywhere."""

import base64
import hashlib
import hmac

import pytest

from harness import modes

# Each mode's way from one failure after another to being online.

PW = "pw-9f3c-of-the-gateway"
FIRST, SECOND = "LzMT+XLFl5uHt0K1First", "LzMT+XLFl5uHt0K2Second"

# What is seen of a program's environment and arguments before it becomes iotlink-auth.
WITNESS = "tr '\\0' '\\n' </proc/$$/environ >>%s\ntr '\\0' '\\n' </proc/$$/cmdline >>%s\nexec %s\n"


def witness(world):
    seen = world.path("seen")
    return modes.script(world, WITNESS % (seen, seen, modes.HELPER))


def soon(cloud, daemon):
    """Waits for the next failure, lets the cloud be good again, and waits for the connection."""
    daemon.wait_state("offline")
    cloud.set(http_code=None, http_answer=None, connack=None, answer=None, http_cert="good")
    daemon.wait_online()


def run_device(world):
    cloud = world.cloud(limits=False, connack=3)
    daemon = modes.device(world, cloud).start(**modes.DEBUG)
    soon(cloud, daemon)
    cloud.set(connack=5)
    cloud.cut()
    daemon.wait_state("offline", reason="refused-not-authorized")
    return cloud, daemon


def run_https(world):
    cloud = world.cloud(limits=False, http_answer="truncated")
    daemon = modes.https(world, cloud, cloud={"command": witness(world)}).start(**modes.DEBUG)
    soon(cloud, daemon)
    cloud.advance(8 * 86400)
    mark = cloud.mark()
    cloud.cut()
    cloud.wait_event("connack", code=3, after=mark)
    cloud.wait_event("connack", code=0, after=mark)
    return cloud, daemon


def run_https_refused(world):
    cloud = world.cloud(limits=False, http_code=401)
    daemon = modes.https(world, cloud, cloud={"command": witness(world)}).start(**modes.DEBUG)
    daemon.wait_state("offline", reason="auth-refused")
    return cloud, daemon


def run_register(world, via="https"):
    cloud = modes.unregistered(world, http_answer="cut")
    if via == "mqtt":
        cloud.set(connack=3)
    daemon = modes.register(world, cloud, via, cloud={"command": witness(world)})
    soon(cloud, daemon.start(**modes.DEBUG))
    cloud.set(connack=4)
    cloud.cut()
    daemon.wait_state("offline", reason="refused-credentials")
    return cloud, daemon


def run_register_mqtt(world):
    return run_register(world, "mqtt")


def run_register_refused(world):
    cloud = modes.unregistered(world, http_code=6289)
    daemon = modes.register(world, cloud, "https", cloud={"command": witness(world)})
    daemon.start(**modes.DEBUG).wait_state("offline", reason="auth-refused")
    return cloud, daemon


def run_free(world):
    cloud = modes.unregistered(world, connack=3)
    daemon = modes.register_free(world, cloud, cloud={"command": witness(world)})
    soon(cloud, daemon.start(**modes.DEBUG))
    cloud.set(connack=5)
    cloud.cut()
    daemon.wait_state("offline", reason="refused-not-authorized")
    return cloud, daemon


def run_signed(world, auth):
    cloud = modes.mq_cloud(world, connack=3)
    identity = {"access_key_secret": modes.ACCESS_SECRET}
    daemon = modes.mq(world, cloud, auth, identity=identity).start(**modes.DEBUG)
    soon(cloud, daemon)
    return cloud, daemon


def run_mq_signature(world):
    return run_signed(world, "mq-signature")


def run_mq_device(world):
    return run_signed(world, "mq-device")


def run_mq_token(world):
    cloud = modes.mq_cloud(world)
    cloud.add_token(FIRST, "RW", 600)
    path = world.path("tokens")

    def write(token):
        with open(path, "w", encoding="ascii", opener=modes.private) as file:
            file.write("RW|%s\n" % token)

    write(FIRST)
    daemon = modes.mq(world, cloud, "mq-token", identity={"token_file": path}).start(**modes.DEBUG)
    daemon.wait_online()
    cloud.add_token(SECOND, "RW", 7200)
    write(SECOND)
    cloud.advance(400)
    cloud.wait_event("token-upload")
    mark = cloud.mark()
    cloud.revoke_token(SECOND)
    cloud.wait_event("connack", code=5, after=mark)
    daemon.wait_state("offline")
    return cloud, daemon


def run_plain(world):
    cloud = world.cloud(mode="plain", users={"gateway": PW}, connack=3)
    identity = {"client_id": "gateway-1", "username": "gateway", "password": PW}
    daemon = world.daemon(modes.configuration(world, cloud, "plain", identity=identity))
    soon(cloud, daemon.start(**modes.DEBUG))
    return cloud, daemon


def run_command(world):
    cloud = world.cloud(mode="plain", users={"gateway": PW})
    once = world.path("once")
    answer = "result=ok\\nusername=gateway\\npassword=%s\\n" % PW
    path = modes.script(
        world,
        "cat >/dev/null\nif mkdir %s.1 2>/dev/null; then printf '%sthis is no line\\n'; exit; fi\n"
        "if mkdir %s.2 2>/dev/null; then printf '%s'; exit 1; fi\nprintf '%s'\n"
        % (once, answer, once, answer, answer),
    )
    daemon = world.daemon(modes.configuration(world, cloud, "command", cloud={"command": path}))
    daemon.config["identity"]["client_id"] = "gateway-1"
    daemon.start(**modes.DEBUG)
    daemon.wait_online(15)
    return cloud, daemon


RUNS = {
    name[len("run_") :]: value
    for name, value in list(globals().items())
    if name.startswith("run_") and name != "run_signed"
}


def hexed(secret, method, content):
    digest = getattr(hashlib, method[len("hmac") :])
    return hmac.new(secret.encode(), content.encode(), digest).hexdigest()


def signatures(cloud, secrets):
    """Every signature that can have been made, from what the cloud has seen and any secret there was."""
    for event in cloud.events("connect"):
        params = event.get("params") or {}
        if "@@@" in event["client_id"]:
            digest = hmac.new(modes.ACCESS_SECRET.encode(), event["client_id"].encode(), hashlib.sha1)
            yield base64.b64encode(digest.digest()).decode()
        if "signmethod" not in params:
            continue
        name, product = event["username"].split("&")
        contents = ["clientId%sdeviceName%sproductKey%s" % (event["id"], name, product)]
        if "timestamp" in params:
            contents = [contents[0] + "timestamp" + params["timestamp"]]
        if "random" in params:
            contents = ["deviceName%sproductKey%srandom%s" % (name, product, params["random"])]
        for secret in secrets:
            yield hexed(secret, params["signmethod"], contents[0])
    for event in cloud.events("http-request"):
        fields = dict(event["fields"])
        method = (fields.pop("signmethod", None) or fields.pop("signMethod")).lower()
        for name in ("version", "resources"):
            fields.pop(name, None)
        content = "".join(name + fields[name] for name in sorted(fields))
        for secret in secrets:
            yield hexed(secret, method, content)


def output_of(world, daemon):
    """All that anybody can see of it."""
    ctl = world.ctl()
    texts = [daemon.log, "".join(daemon.notified)]
    for name in ("cmdline", "environ"):
        with open("/proc/%d/%s" % (daemon.pid, name), "rb") as file:
            texts.append(file.read().decode("utf-8", "replace"))
    for arguments in (
        ["status"],
        ["--json", "status"],
        ["check", daemon.config_path],
        ["sign", "--config", daemon.config_path],
        ["sign", "--config", daemon.config_path, "--explain"],
        ["--json", "sign", "--config", daemon.config_path],
    ):
        done = ctl.run(*arguments)
        texts += [done.stdout, done.stderr]
    client = daemon.client()
    client.hello()
    client.watch()
    client.sync()
    texts.append(repr(client.history))
    try:
        with open(world.path("seen"), encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
        assert len(texts[-1]) > 20, "the witness saw nothing"
    except FileNotFoundError:
        pass
    return texts


@pytest.mark.parametrize("mode", RUNS)
def test_nothing_shows_a_secret(world, mode):
    cloud, daemon = RUNS[mode](world)
    texts = output_of(world, daemon)
    secrets = {modes.DEVICE_SECRET, modes.PRODUCT_SECRET, modes.ACCESS_SECRET, PW, FIRST, SECOND}
    secrets |= {secret for secret in cloud.secrets() if secret}
    made = set(signatures(cloud, secrets))
    # Ids are no secrets, and too short ones would be found everywhere.
    for secret in secrets | made:
        assert len(secret) >= 8
        for text in texts:
            assert secret.lower() not in text.lower(), (mode, secret, text)
    if mode not in ("plain", "command", "mq_token"):
        assert made, "the test must know a signature to look for"
