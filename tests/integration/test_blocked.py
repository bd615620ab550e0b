# SPDX-License-Identifier: Apache-2.0
"""Whatever the connection to the cloud hangs in, the socket answers and the daemon stops."""

import os
import time

import pytest

from harness.place import SilentListener
from harness.topics import DOWN, UP

BOX = os.path.join(os.path.dirname(__file__), "harness/box.py")


def hang_in_connack(world, _hole):
    cloud = world.cloud(answer="silence")
    daemon = world.device(cloud).start()
    cloud.wait_event("connect")
    return daemon


def hang_in_tls(world, hole):
    cloud = world.cloud(blackhole=True)
    return world.device(cloud, tls=True).start()


def hang_in_tcp(world, hole):
    cloud = world.cloud()
    daemon = world.device(cloud, tls=False)
    daemon.config["cloud"]["endpoint"] = "127.0.0.1:%d" % hole.port
    return daemon.start()


def hang_in_dns(world, _hole):
    if os.system("%s silent /bin/true >/dev/null 2>&1" % BOX) != 0:
        pytest.skip("network namespaces are not allowed here")
    cloud = world.cloud()
    daemon = world.device(cloud, tls=False)
    daemon.config["cloud"]["endpoint"] = "host.example.com:1883"
    daemon.wrapper = [BOX, "silent"]
    return daemon.start()


@pytest.fixture(params=[hang_in_dns, hang_in_tcp, hang_in_tls, hang_in_connack],
                ids=["dns", "tcp", "tls", "connack"])  # fmt: skip
def daemon(request, world):
    hole = SilentListener()
    yield request.param(world, hole)
    hole.close()


def test_socket_answers_at_once_while_the_connection_hangs(daemon):
    client = daemon.client()
    slowest = 0.0
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        began = time.monotonic()
        assert client.status()["state"] == "connecting"
        assert client.publish(UP, "x", qos=1)["code"] == "offline"
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.02)
    assert client.subscribe(DOWN)["pending"] is True
    assert slowest < 0.5


def test_sigterm_ends_it_within_5_seconds_while_the_connection_hangs(daemon):
    assert daemon.status()["state"] == "connecting"
    status, seconds = daemon.stop(15)
    assert status == 0
    assert seconds < 5
