# SPDX-License-Identifier: Apache-2.0
"""Which roots are trusted: fallback from one (root, port) to the next, expiry told in time, the wrong root named."""

import os
import shutil
import subprocess

import pytest

from harness import modes
from harness.place import free_port
from harness.roots import root_until


@pytest.fixture
def cloud(world):
    return world.cloud(limits=False)


def stranger(cloud):
    return os.path.join(cloud.certs, "other-ca.pem")


def with_roots(world, server, /, *roots, **changes):
    """Without a port of its own, the endpoint is where each root's port says."""
    pairs = [{"file": file, "port": port} for file, port in roots]
    changes = modes.conf.merged(
        {"cloud": {"endpoint": "localhost", "tls": {"roots": pairs}}}, changes
    )
    return modes.device(world, server, **changes)


# One after the other


def test_first_root_is_used_when_it_fits(world, cloud):
    daemon = with_roots(world, cloud, (cloud.ca_file, cloud.tls_port), (stranger(cloud), free_port()))
    modes.works(daemon.start(), cloud)
    assert len(cloud.events("open")) == 1


def test_next_pair_is_tried_at_once_when_the_first_port_refuses(world, cloud):
    reconnect = {"min": 1, "max": 300}
    daemon = with_roots(
        world, cloud, (stranger(cloud), free_port()), (cloud.ca_file, cloud.tls_port), cloud={"reconnect": reconnect}
    ).start()
    daemon.wait_online(5)
    assert daemon.status()["endpoint"] == "localhost:%d" % cloud.tls_port


def test_next_pair_is_tried_at_once_when_the_first_root_is_not_the_servers(world, cloud):
    daemon = with_roots(
        world, cloud, (stranger(cloud), cloud.tls_port), (cloud.ca_file, cloud.tls_port)
    ).start()
    daemon.wait_online(5)
    modes.works(daemon, cloud)


def test_pair_that_works_is_kept(world, cloud):
    daemon = with_roots(
        world, cloud, (stranger(cloud), cloud.tls_port), (cloud.ca_file, cloud.tls_port)
    ).start()
    daemon.wait_online()
    mark = cloud.mark()
    cloud.cut()
    cloud.wait_event("connack", code=0, after=mark)
    assert not cloud.events("tls-failed", after=mark)


def test_goes_back_to_the_first_pair_when_the_second_fails_later(world, cloud):
    copy = world.path("copy.pem")
    shutil.copy(cloud.ca_file, copy)
    daemon = with_roots(
        world, cloud, (cloud.ca_file, free_port()), (copy, cloud.tls_port), (cloud.ca_file, cloud.tls_port)
    ).start()
    daemon.wait_online()
    shutil.copy(stranger(cloud), copy)
    mark = cloud.mark()
    cloud.cut()
    cloud.wait_event("connack", code=0, after=mark)


def test_whole_round_in_vain_is_a_failure_of_trust(world, cloud):
    pairs = (stranger(cloud), cloud.tls_port), (stranger(cloud), cloud.tls_port)
    daemon = with_roots(world, cloud, *pairs).start()
    client = daemon.client()
    state = client.watch()
    while state.get("retry_in", 0) < 5:  # no hurry then: a person must look
        state = client.expect("state")
    assert state["reason"] == "tls-untrusted-root"
    assert daemon.status()["connects"] == 2
    modes.expect_logged(daemon, "not trusted here", "belong together")


def test_port_of_the_endpoint_wins_over_the_roots(world, cloud):
    daemon = with_roots(
        world,
        cloud,
        (cloud.ca_file, free_port()),
        cloud={"endpoint": "localhost:%d" % cloud.tls_port},
    )
    daemon.start().wait_online()


def test_nothing_is_sent_to_a_server_of_another_root(world, cloud):
    daemon = with_roots(world, cloud, (stranger(cloud), cloud.tls_port)).start()
    modes.expect_denied(world, daemon, "tls-untrusted-root", "not trusted here")
    assert not cloud.events("connect")


# Their end


@pytest.mark.parametrize("days", [30, 89])
def test_root_that_ends_soon_is_told_of(world, cloud, days):
    root = root_until(world, cloud, days)
    daemon = with_roots(world, cloud, (root, cloud.tls_port)).start()
    modes.expect_logged(
        daemon, "root certificate", root, "expires in %d days" % days, "cloud.tls.roots"
    )
    daemon.wait_online()
    assert daemon.status()["root_days"] == days
    assert "%d days" % days in world.ctl().run("status").stdout


def test_root_that_lasts_is_no_news(world, cloud):
    daemon = with_roots(world, cloud, (root_until(world, cloud, 91), cloud.tls_port)).start()
    daemon.wait_online()
    assert daemon.status()["root_days"] == 91
    assert "root certificate" not in daemon.log.lower()


def test_root_that_ends_soon_is_told_of_once(world, cloud):
    root = root_until(world, cloud, 30)
    daemon = with_roots(world, cloud, (root, cloud.tls_port)).start()
    daemon.wait_online()
    for _ in range(2):
        mark = cloud.mark()
        cloud.cut()
        cloud.wait_event("connack", code=0, after=mark)
    assert len([line for line in daemon.log.split("\n") if "A root certificate" in line]) == 1


def test_expired_root_is_named_and_nothing_is_sent(world, cloud):
    root = root_until(world, cloud, -2)
    daemon = with_roots(world, cloud, (root, cloud.tls_port)).start()
    modes.expect_logged(daemon, "a root certificate", root, "has expired", "cloud.tls.roots")
    daemon.wait_state("offline", reason="tls-root-expired")
    assert daemon.status()["root_days"] < 0
    assert not cloud.events("connect")


def test_expired_root_gives_way_to_the_next(world, cloud):
    daemon = with_roots(
        world,
        cloud,
        (root_until(world, cloud, -2), cloud.tls_port),
        (cloud.ca_file, cloud.tls_port),
    ).start()
    daemon.wait_online(5)
    modes.works(daemon, cloud)


def test_file_that_is_no_root_is_an_error_of_the_configuration(world, cloud):
    path = world.path("none.pem")
    with open(path, "w", encoding="ascii") as file:
        file.write("hello\n")
    daemon = with_roots(world, cloud, (path, cloud.tls_port)).spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "PEM", path)


@pytest.mark.parametrize("name", ["aliyun-iot-root-ca.pem", "globalsign-roots.pem"])
def test_shipped_roots_last_a_while(name):
    path = os.path.join(os.path.dirname(__file__), "../../conf/roots", name)
    done = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-checkend", str(90 * 86400)], check=False
    )
    assert done.returncode == 0
