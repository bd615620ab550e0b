# SPDX-License-Identifier: Apache-2.0
"""Everything that keeps a daemon from going online has a word of its own, and advice."""

import os
import re
import shutil
import socket

import pytest

from harness.place import SilentListener, await_true, words

BOX = os.path.join(os.path.dirname(__file__), "harness/box.py")


def expect_refusal(daemon, word, advice, seconds=None):
    """@daemon says why it is not online: in the state, the status and (once) in the log."""
    state = daemon.wait_state("offline", seconds, reason=word)
    assert state.get("retry_in", 0) >= 0
    line = daemon.wait_log(advice)
    status = daemon.status()
    assert status["state"] != "online"
    assert word in str(status), status
    return state, line


def start_boxed(world, daemon, mode):
    """Starts @daemon in a network of its own; skips where that is not allowed."""
    probe = world.path("box")
    if os.system("%s %s /bin/true >%s 2>&1" % (BOX, mode, probe)) != 0:
        with open(probe, encoding="utf-8") as file:
            pytest.skip("network namespaces are not allowed here: " + file.read().strip())
    daemon.wrapper = [BOX, mode]
    return daemon.start()


def boxed_device(world, endpoint, **changes):
    cloud = world.cloud()
    daemon = world.device(cloud, tls=False)
    daemon.config["cloud"]["endpoint"] = endpoint
    daemon.config["cloud"].update(changes)
    return daemon


def test_wrong_secret_is_named_connack_5(world):
    cloud = world.cloud(auth_code=5)
    daemon = world.device(cloud, identity={"device_secret": "0123456789abcdef0123456789abcdef"})
    expect_refusal(daemon.start(), "refused-not-authorized", "secret")


def test_wrong_secret_is_named_connack_4(world):
    cloud = world.cloud(auth_code=4)
    daemon = world.device(cloud, identity={"device_secret": "0123456789abcdef0123456789abcdef"})
    expect_refusal(daemon.start(), "refused-credentials", "secret")


def test_unknown_device_is_named(world, cloud):
    daemon = world.device(cloud, identity={"device_name": "nobody"})
    expect_refusal(daemon.start(), "refused-not-authorized", "device")


def test_refused_keepalive_is_named_connack_2(world):
    cloud = world.cloud(keepalive_min=60)
    daemon = world.device(cloud, cloud={"keepalive": 30})
    expect_refusal(daemon.start(), "refused-client-id", "keepalive")


def test_refused_protocol_is_named_connack_1(world):
    cloud = world.cloud(connack=1)
    expect_refusal(world.device(cloud).start(), "refused-protocol", "endpoint")


def test_unavailable_service_is_named_connack_3(world):
    cloud = world.cloud(connack=3)
    expect_refusal(world.device(cloud).start(), "refused-unavailable", "passes")


def test_undefined_connack_code_is_named(world):
    cloud = world.cloud(connack=77)
    expect_refusal(world.device(cloud).start(), "refused-other", "MQTT 3.1.1")


def test_refused_credentials_are_retried_slowly(world):
    cloud = world.cloud(limits=False)
    daemon = world.device(
        cloud,
        identity={"device_secret": "0123456789abcdef0123456789abcdef"},
        cloud={"reconnect": {"min": 1, "max": 300}, "limits": {"connects_per_minute": 0}},
    )
    state, _ = expect_refusal(daemon.start(), "refused-not-authorized", "secret")
    assert state["retry_in"] >= 10, "refused credentials: no hurry"


def test_network_trouble_is_retried_soon(world, generous):
    generous.set(refuse=True)
    daemon = world.device(generous, cloud={"reconnect": {"min": 1, "max": 300}}).start()
    state, _ = expect_refusal(daemon, "tcp-refused", "port")
    assert state["retry_in"] <= 5
    generous.set(refuse=False)
    daemon.wait_online()


def test_unknown_host_is_named(world):
    daemon = boxed_device(world, "no-such-host.example.com:1883")
    start_boxed(world, daemon, "nxdomain")
    expect_refusal(daemon, "dns-unknown-host", "region|endpoint")


def test_failing_name_server_is_named(world):
    daemon = boxed_device(world, "host.example.com:1883")
    start_boxed(world, daemon, "servfail")
    expect_refusal(daemon, "dns-failure", "resolv.conf")


def test_missing_route_is_named(world):
    daemon = boxed_device(world, "192.0.2.1:1883")
    start_boxed(world, daemon, "nxdomain")
    expect_refusal(daemon, "network-unreachable", "route")


def test_refused_port_is_named(world, cloud):
    cloud.set(refuse=True)
    expect_refusal(world.device(cloud).start(), "tcp-refused", "port")


def test_port_that_never_answers_is_named(world, cloud):
    hole = SilentListener()
    daemon = world.device(cloud, tls=False, cloud={"connect_timeout": 5})
    daemon.config["cloud"]["endpoint"] = "127.0.0.1:%d" % hole.port
    expect_refusal(daemon.start(), "tcp-timeout", "firewall", seconds=15)
    hole.close()


def test_untrusted_root_is_named(world, cloud):
    cloud.set(cert="untrusted")
    expect_refusal(world.device(cloud).start(), "tls-untrusted-root", "root")


def test_expired_certificate_is_named(world, cloud):
    cloud.set(cert="expired")
    expect_refusal(world.device(cloud).start(), "tls-expired", "clock")


def test_certificate_of_the_future_is_named(world, cloud):
    cloud.set(cert="future")
    expect_refusal(world.device(cloud).start(), "tls-not-yet-valid", "clock")


def test_wrong_host_name_is_named(world, cloud):
    cloud.set(cert="wrong-host")
    expect_refusal(world.device(cloud).start(), "tls-wrong-host", "host name")


def test_nothing_is_sent_to_a_server_that_is_not_trusted(world, cloud):
    cloud.set(cert="wrong-host")
    expect_refusal(world.device(cloud).start(), "tls-wrong-host", "host name")
    assert not cloud.events("connect"), "no CONNECT, no password"


def test_old_tls_is_refused(world, cloud):
    cloud.set(tls_min="1.0", tls_max="1.1")
    expect_refusal(world.device(cloud).start(), "tls-version", "TLS 1.2")


def test_tls_1_3_can_be_demanded(world, cloud):
    cloud.set(tls_max="1.2")
    daemon = world.device(cloud, cloud={"tls": {"min_version": "1.3"}})
    # Whoever wakes OpenSSL before the minimum is set makes the setting mean nothing.
    expect_refusal(daemon.start(), "tls-version", "min_version")
    assert not cloud.events("connect"), "no CONNECT, no password"


def test_tls_1_3_is_enough_where_it_is_demanded(world, cloud):
    world.online(cloud, cloud={"tls": {"min_version": "1.3"}})
    assert cloud.wait_event("tls")["version"] == "TLSv1.3"


def test_broken_tls_handshake_is_named(world, cloud):
    cloud.set(refuse_tls=True)
    expect_refusal(world.device(cloud).start(), "tls-failed", "TLS")


def test_missing_root_file_is_named(world, cloud):
    copy = world.path("root.pem")
    shutil.copy(cloud.ca_file, copy)
    daemon = world.device(cloud, cloud={"tls": {"roots": [{"file": copy}]}})
    daemon.start()
    daemon.wait_online()
    os.unlink(copy)
    cloud.cut()
    expect_refusal(daemon, "tls-root-unreadable", "roots")


def test_tls_against_a_plain_port_is_named(world, cloud):
    daemon = world.device(cloud, tls=True)
    daemon.config["cloud"]["endpoint"] = "localhost:%d" % cloud.tcp_port
    daemon.start()
    expect_refusal(daemon, "tls-failed", "plain TCP", seconds=20)


def test_plain_tcp_against_a_tls_port_is_named(world, cloud):
    daemon = world.device(cloud, tls=False)
    daemon.config["cloud"]["endpoint"] = "localhost:%d" % cloud.tls_port
    daemon.start()
    expect_refusal(daemon, "tls-wanted", "tls.enable", seconds=20)


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
def test_captive_portal_is_named(world, cloud, tls):
    cloud.set(answer="http")
    daemon = world.device(cloud, tls=tls).start()
    expect_refusal(daemon, "captive-portal", "HTTP/1.1 302 Found.*captive portal")


def test_garbage_in_place_of_connack_is_named(world, cloud):
    cloud.set(answer="garbage")
    daemon = world.device(cloud, cloud={"connect_timeout": 5}).start()
    # Random bytes can be no packet, or look like one whose end the library waits for.
    state = daemon.wait_state("offline", 15)
    assert state["reason"] in ("bad-answer", "no-answer")
    daemon.wait_log("MQTT")


def test_silence_in_place_of_connack_is_named(world, cloud):
    cloud.set(answer="silence")
    daemon = world.device(cloud, cloud={"connect_timeout": 5}).start()
    expect_refusal(daemon, "no-answer", "broker", seconds=15)


def test_goes_online_as_soon_as_the_fault_is_gone(world, generous):
    generous.set(connack=3, connack_count=2)
    daemon = world.device(generous, cloud={"limits": {"connects_per_minute": 0}}).start()
    daemon.wait_online(15)
    assert len(generous.events("connack", code=3)) == 2


def test_fault_that_repeats_is_not_repeated_in_the_log(world, generous):
    generous.set(refuse=True)
    daemon = world.device(generous, cloud={"limits": {"connects_per_minute": 0}}).start()
    watcher = daemon.client()
    watcher.say(op="watch")
    for _ in range(4):
        watcher.state("offline", reason="tcp-refused", seconds=15)
        watcher.expect("state", state="connecting", seconds=15)
    lines = [line for line in daemon.log.split("\n") if re.search("tcp-refused|accepts conn", line)]
    assert 1 <= len(lines) <= 2, lines


def kicked_again_and_again(cloud, watcher, times=8):
    """Kicks the device each time it is online until it suspects a twin."""
    for _ in range(times):
        state = watcher.expect("state", seconds=20)
        while state["state"] != "online":
            if state.get("reason") == "twin":
                return state
            state = watcher.expect("state", seconds=20)
        cloud.kick()
    raise AssertionError("no word of a twin after %d kicks" % times)


def test_twin_identity_is_named_loudly_and_not_fought(world, generous):
    daemon = world.device(generous, cloud={"limits": {"connects_per_minute": 0}}).start()
    watcher = daemon.client()
    watcher.say(op="watch")
    state = kicked_again_and_again(generous, watcher)
    assert state["retry_in"] >= 60, "fighting a twin harms both"
    daemon.wait_log("same identity")


def test_two_daemons_with_one_identity_notice_each_other(world, generous):
    limits = {"cloud": {"limits": {"connects_per_minute": 0}}}
    one = world.device(generous, name="one", **limits)
    other = world.device(generous, name="two", **limits)
    other.config["local"] = {"socket": world.path("s2")}
    one.start()
    one.wait_online()
    other.start()
    await_true(
        lambda: any("same identity" in words(daemon.log) for daemon in (one, other)),
        seconds=40,
        what="one of them noticing",
    )


def test_host_that_resolves_to_ipv6_first_is_reached(world, cloud):
    addresses = {item[0] for item in socket.getaddrinfo("localhost", 1)}
    if socket.AF_INET6 not in addresses:
        pytest.skip("localhost has no IPv6 address here")
    world.online(cloud)
