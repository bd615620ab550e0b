# SPDX-License-Identifier: Apache-2.0
"""The secret, and what is made of it, appears nowhere."""

import hashlib
import hmac
import os
import re

import pytest

from harness import conf
from harness.topics import DOWN, UP

DEBUG = {"DEBUG_INVOCATION": "1", "IOTLINK_DEBUG": "1", "SYSTEMD_LOG_LEVEL": "debug"}


def passwords(cloud):
    """Every password that the daemon can have sent, computed here from what the cloud saw."""
    secret = cloud.identity["device_secret"].encode()
    for event in cloud.events("connect"):
        content = "clientId%sdeviceName%sproductKey%s" % (
            event["id"],
            cloud.identity["device_name"],
            cloud.identity["product_key"],
        )
        stamp = event["params"].get("timestamp")
        content += "timestamp" + stamp if stamp else ""
        digest = getattr(hashlib, event["params"]["signmethod"][len("hmac") :])
        yield hmac.new(secret, content.encode(), digest).hexdigest()


def assert_clean(text, cloud):
    lowered = text.lower()
    assert cloud.identity["device_secret"].lower() not in lowered
    found = list(passwords(cloud))
    assert found, "the test must know a password to look for"
    for password in found:
        assert password not in lowered


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
def test_log_at_debug_level_holds_no_secret(world, generous, tls):
    daemon = world.device(generous, tls=tls, cloud={"limits": {"connects_per_minute": 0}})
    daemon.start(**DEBUG)
    daemon.wait_online()
    client = daemon.client()
    client.watch()
    client.publish(UP, "x", qos=1)
    client.subscribe(DOWN)
    generous.set(connack=5, connack_count=1)
    generous.cut()
    client.state("offline", reason="refused-not-authorized", seconds=20)
    daemon.stop()
    assert daemon.log
    assert_clean(daemon.log + "".join(daemon.notified), generous)


def test_socket_tells_no_secret(world, cloud):
    daemon = world.online(cloud)
    client = daemon.client()
    client.hello()
    client.watch()
    client.write(b'{"op":"fly"}\n')
    client.sync()
    assert_clean(repr(client.history), cloud)


def test_process_list_holds_no_secret(world, cloud):
    daemon = world.online(cloud)
    for name in ("cmdline", "environ"):
        with open("/proc/%d/%s" % (daemon.pid, name), "rb") as file:
            assert_clean(file.read().decode("utf-8", "replace"), cloud)


def test_process_leaves_no_core_dump_and_cannot_be_traced(world, cloud):
    daemon = world.online(cloud)
    with open("/proc/%d/limits" % daemon.pid, encoding="ascii") as file:
        limit = re.search(r"Max core file size\s+(\d+)", file.read())
    owner = os.stat("/proc/%d/mem" % daemon.pid).st_uid
    assert (limit and limit.group(1) == "0") or owner == 0 and dumpable_off(daemon)


def dumpable_off(daemon):
    # A process that is not dumpable has its /proc files owned by root whoever runs it.
    with open("/proc/%d/coredump_filter" % daemon.pid, encoding="ascii") as file:
        return file.read().strip() in ("", "00000000")


def test_public_config_with_a_secret_in_it_is_not_repeated_in_errors(world, cloud):
    daemon = world.device(cloud, cloud={"keepalive": 5})
    daemon.spawn()
    assert daemon.wait_exit() == 78
    assert conf.DEVICE_SECRET not in daemon.log
    assert cloud.identity["device_secret"] not in daemon.log
