# SPDX-License-Identifier: Apache-2.0
"""From an identity to online."""

import os

import pytest


def test_goes_online_over_tls(world, cloud):
    daemon = world.device(cloud, tls=True).start()
    assert cloud.wait_event("tls")["version"] in ("TLSv1.2", "TLSv1.3")
    cloud.wait_event("connack", code=0)
    assert daemon.wait_online()["state"] == "online"
    assert daemon.status()["state"] == "online"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_status_tells_the_version_of_tls(world, cloud, version):
    cloud.set(tls_min=version[4:], tls_max=version[4:])
    daemon = world.device(cloud, tls=True).start()
    daemon.wait_online()
    assert daemon.status()["tls_version"] == version


def test_goes_online_over_tcp_when_asked(world, cloud):
    daemon = world.device(cloud, tls=False).start()
    assert cloud.wait_event("open")["transport"] == "tcp"
    cloud.wait_event("connack", code=0)
    daemon.wait_online()


def test_sends_the_host_name_as_sni(world, cloud):
    world.online(cloud)
    assert cloud.wait_event("tls")["sni"] == "localhost"


@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
def test_signs_with_each_method(world, cloud, method):
    world.online(cloud, cloud={"sign_method": method})
    connect = cloud.wait_event("connect")
    assert connect["params"]["signmethod"] == method


def test_connects_with_what_the_configuration_says(world, cloud):
    world.online(cloud, tls=False, cloud={"keepalive": 77}, identity={"client_id": "meter-7"})
    connect = cloud.wait_event("connect")
    assert connect["id"] == "meter-7"
    assert connect["keepalive"] == 77
    assert connect["params"]["securemode"] == "3"
    assert not connect["clean"], "the session is kept"


def test_uses_product_key_and_device_name_as_the_client_id(world, cloud):
    world.online(cloud)
    connect = cloud.wait_event("connect")
    assert connect["id"] == "a1X2bEnP82z.example1"
    assert connect["username"] == "example1&a1X2bEnP82z"
    assert connect["params"]["securemode"] == "2"
    assert connect["keepalive"] == 300


@pytest.mark.parametrize("timestamp", ["none", "789"])
def test_timestamp_can_be_left_out_or_fixed(world, cloud, timestamp):
    world.online(cloud, cloud={"timestamp": timestamp})
    params = cloud.wait_event("connect")["params"]
    assert params.get("timestamp") == (None if timestamp == "none" else timestamp)


def test_signs_afresh_at_each_attempt(world, generous):
    limits = {"cloud": {"limits": {"connects_per_minute": 0}}}
    daemon = world.online(generous, **limits)
    first = generous.wait_event("connect")
    generous.cut()
    second = generous.wait_event("connect", after=first)
    assert second["params"]["timestamp"] > first["params"]["timestamp"]
    daemon.wait_online()


def test_secret_comes_from_a_file_of_its_own(world, cloud):
    path = world.path("device.secret")
    with open(path, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(cloud.identity["device_secret"] + "\n")
    changes = {"device_secret": None, "device_secret_file": path}
    world.online(cloud, identity=changes)


def test_secret_comes_from_a_systemd_credential(world, cloud):
    directory = world.path("credentials")
    os.mkdir(directory, 0o700)
    with open(os.path.join(directory, "device_secret"), "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o400)
        file.write(cloud.identity["device_secret"])
    daemon = world.device(cloud, identity={"device_secret": None})
    daemon.start(CREDENTIALS_DIRECTORY=directory)
    daemon.wait_online()


def test_tries_the_next_root_when_the_first_is_not_the_servers(world, cloud):
    roots = os.path.join(os.path.dirname(__file__), "../../conf/roots/aliyun-iot-root-ca.pem")
    pair = [{"file": os.path.realpath(roots)}, {"file": cloud.ca_file}]
    world.online(cloud, cloud={"tls": {"roots": pair}})


def test_hello_says_who_serves_and_how_it_is(world, cloud):
    daemon = world.online(cloud)
    reply = daemon.client().hello("meter")
    assert reply["op"] == "hello"
    assert reply["server"] == "iotlinkd"
    assert reply["protocol"] == 1
    assert reply["state"] == "online"
    assert reply["max_payload"] == 262144
    assert reply["version"]


def test_status_tells_since_when_it_is_online(world, cloud):
    daemon = world.online(cloud)
    status = daemon.status()
    assert status["op"] == "status"
    assert status["since"] > 0
    assert status["backlog"] == 0


def test_each_state_change_reaches_the_log_once(world, cloud):
    daemon = world.online(cloud)
    daemon.stop()
    online = [line for line in daemon.log.split("\n") if "online" in line.lower()]
    assert len(online) == 1, online


@pytest.mark.parametrize("kind", ["mq-signature", "mq-device"])
def test_signs_for_aliwaremq(world, kind):
    key = "LTAI0123" if kind == "mq-signature" else "DC.0123"
    cloud = world.cloud(mode="mq", access_key=key, access_secret="secret-of-mq", instance_id="post-cn-1")
    identity = {
        "product_key": None,
        "device_name": None,
        "device_secret": None,
        "access_key_id": key,
        "access_key_secret": "secret-of-mq",
        "group_id": "GID_gateways",
        "device_id": "gw1",
    }
    daemon = world.device(cloud, identity=identity, cloud={"auth": kind, "instance_id": "post-cn-1"})
    daemon.start()
    daemon.wait_online()
    assert cloud.wait_event("connect")["client_id"] == "GID_gateways@@@gw1"
    assert daemon.client().publish("parent/sub", "x", qos=1)["state"] == "delivered"
    assert cloud.wait_event("publish")["topic"] == "parent/sub"


@pytest.mark.parametrize("password,word", [("right", None), ("wrong", "refused-")])
def test_plain_mode_takes_a_user_name_and_password(world, password, word):
    cloud = world.cloud(mode="plain", users={"gateway": "right"})
    identity = {
        "product_key": None,
        "device_name": None,
        "device_secret": None,
        "client_id": "gw1",
        "username": "gateway",
        "password": password,
    }
    daemon = world.device(cloud, identity=identity, cloud={"auth": "plain"}).start()
    if word:
        assert daemon.wait_state("offline")["reason"].startswith(word)
    else:
        daemon.wait_online()


def test_plain_mode_can_show_a_client_certificate(world):
    cloud = world.cloud(mode="plain")
    identity = {"product_key": None, "device_name": None, "device_secret": None, "client_id": "gw1"}
    tls = {
        "certificate_file": os.path.join(cloud.certs, "client.pem"),
        "key_file": os.path.join(cloud.certs, "client.key"),
    }
    world.device(cloud, identity=identity, cloud={"auth": "plain", "tls": tls}).start()
    assert cloud.wait_event("tls")["client_cert"] == "standin client"
