# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the configuration is read again, and only what changed in it is touched."""

import os
import signal

import pytest

from harness import conf
from harness.place import await_true
from harness.topics import OWN, UP

NO_LIMIT = {"cloud": {"limits": {"connects_per_minute": 0}}}


def reload(daemon, **changes):
    """Writes the changed file, sends the signal, and waits until the daemon is done with it."""
    if isinstance(daemon.config, dict):
        daemon.config = conf.merged(daemon.config, changes)
    daemon.write_config()
    return again(daemon)


def again(daemon):
    mark, seen = daemon.mark(), len(daemon.notified)
    daemon.process.send_signal(signal.SIGHUP)
    daemon._wait(daemon.notified, "RELOADING=1\nMONOTONIC_USEC=[0-9]+", None, seen)
    daemon._wait(daemon.notified, "READY=1", None, seen)
    return daemon.wait_log("EVENT=reload", since=mark)


def connects(cloud):
    return len(cloud.events("connect"))


def test_nothing_new_is_said_and_touches_nothing(world, cloud):
    daemon = world.online(cloud)
    line = reload(daemon)
    assert "EVENT=reloaded" in line and "nothing in it has changed" in line
    assert connects(cloud) == 1
    assert daemon.client().publish(UP, "x", qos=1)["state"] == "delivered"


def test_programs_and_connection_stay_while_limits_change(world, generous):
    daemon = world.online(generous)
    client = daemon.client()
    client.status()
    line = reload(daemon, cloud={"limits": {"qos1_per_second": 2}}, local={"max_clients": 1})
    assert "cloud.limits.qos1_per_second" in line and "local.max_clients" in line
    assert connects(generous) == 1
    assert client.publish(UP, "x", qos=1)["state"] == "delivered"
    assert daemon.client().expect("error", code="quota"), "one is the most now"


def test_limits_hold_from_then_on(world, generous):
    daemon = world.online(generous, **NO_LIMIT)
    client = daemon.client()
    reload(daemon, cloud={"limits": {"qos1_per_second": 5}})
    mark = generous.mark()
    ids = [client.send(UP, str(i), qos=1) for i in range(12)]
    for number in ids:
        client.expect(id=number, seconds=20)
    times = [event["t"] for event in generous.events("publish", after=mark)]
    assert times[-1] - times[0] >= 2, "twelve at five a second"


def test_bad_file_changes_nothing_and_says_why_once(world, cloud):
    daemon = world.online(cloud)
    client = daemon.client()
    good = daemon.config
    mark = daemon.mark()
    line = reload(daemon, cloud={"keepalive": 5}, local={"max_clients": 0})
    assert "EVENT=reload-failed" in line
    errors = [text for text in daemon.lines[mark:] if "EVENT=config-invalid" in text]
    assert len(errors) == 2
    assert any("cloud.keepalive" in text for text in errors)
    assert connects(cloud) == 1
    assert client.publish(UP, "x", qos=1)["state"] == "delivered"
    daemon.config = good
    assert "nothing in it has changed" in reload(daemon)


def test_broken_syntax_and_a_missing_file_are_survived(world, cloud):
    daemon = world.online(cloud)
    good, daemon.config = daemon.config, "identity: {"
    assert "EVENT=reload-failed" in reload(daemon)
    os.unlink(daemon.config_path)
    assert "EVENT=reload-failed" in again(daemon)
    daemon.config = good
    assert "EVENT=reloaded" in reload(daemon)
    assert connects(cloud) == 1


def test_keepalive_takes_one_new_connection(world, cloud):
    daemon = world.online(cloud)
    client = daemon.client()
    client.watch()
    line = reload(daemon, cloud={"keepalive": 120})
    assert "cloud.keepalive" in line and "anew" in line
    client.state("offline", reason="reloaded")
    client.state("online")
    assert [event["keepalive"] for event in cloud.events("connect")] == [300, 120]
    assert cloud.wait_event("disconnect")["reason"] == "client", "a farewell, and no cut"


def test_new_secret_in_its_file_is_a_new_connection(world, generous):
    secret = world.path("secret")
    with open(secret, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(generous.identity["device_secret"])
    daemon = world.online(
        generous, identity={"device_secret": None, "device_secret_file": secret}
    )
    with open(secret, "w", encoding="ascii") as file:
        file.write("0" * 32)
    client = daemon.client()
    client.watch()
    assert "the secret" in reload(daemon)
    client.state("offline", reason="refused-not-authorized")
    with open(secret, "w", encoding="ascii") as file:
        file.write(generous.identity["device_secret"])
    # Refusals wait half a minute and more; new credentials don't.
    again(daemon)
    client.state("online")
    assert "0" * 32 not in daemon.log


def test_another_device_takes_over(world, generous):
    generous.add_identity(generous.identity["product_key"], "another1", "1" * 32)
    daemon = world.online(generous)
    line = reload(daemon, identity={"device_name": "another1", "device_secret": "1" * 32})
    assert "identity.device_name" in line
    generous.wait_event("connect", id="%s.another1" % generous.identity["product_key"])
    daemon.wait_online()


def test_what_waits_goes_over_the_new_connection(world, generous):
    os.mkdir(world.path("state"), 0o700)
    daemon = world.online(generous, local={"state": world.path("state")}, **NO_LIMIT)
    generous.set(answer="silence")
    generous.cut()
    daemon.wait_state("offline")
    client = daemon.client()
    for number in range(20):
        assert client.publish(UP, str(number), qos=1)["state"] == "stored"
    generous.set(answer=None)
    reload(daemon, cloud={"keepalive": 200})
    generous.wait_event("publish", count=20, timeout=20)
    assert [event["payload"] for event in generous.events("publish")] == [
        b"%d" % number for number in range(20)
    ]


def test_store_takes_more_or_less_from_then_on(world, generous):
    os.mkdir(world.path("state"), 0o700)
    generous.set(answer="silence")
    daemon = world.device(
        generous, local={"state": world.path("state")}, store={"max_messages": 2}
    ).start()
    client = daemon.client()
    assert client.publish(UP, "1", qos=1)["state"] == "stored"
    assert client.publish(UP, "2", qos=1)["state"] == "stored"
    assert client.publish(UP, "3", qos=1)["code"] == "full"
    assert "store.max_messages" in reload(daemon, store={"max_messages": 3})
    assert client.publish(UP, "4", qos=1)["state"] == "stored"
    assert client.publish(UP, "5", qos=1)["code"] == "full"
    reload(daemon, store={"max_messages": 1})
    assert client.publish(UP, "6", qos=1)["code"] == "full"
    generous.set(answer=None)
    reload(daemon, cloud={"keepalive": 60})
    generous.wait_event("publish", count=3, timeout=20)
    assert [event["payload"] for event in generous.events("publish")] == [b"1", b"2", b"4"]


def test_routes_for_publishes_change_at_once(world, cloud):
    daemon = world.online(cloud, routes=[{"local": "a", "remote": UP}])
    client = daemon.client()
    assert client.publish("a", "1", qos=1)["state"] == "delivered"
    line = reload(daemon, routes=[{"local": "b", "remote": OWN + "/other"}])
    assert "routes" in line
    assert client.publish("a", "2", qos=1)["code"] == "bad-topic"
    assert client.publish("b", "3", qos=1)["state"] == "delivered"
    assert cloud.events("publish")[-1]["topic"] == OWN + "/other"
    assert connects(cloud) == 1


def down(name):
    return OWN + "/" + name


def routes(*pairs):
    return [{"local": a, "remote": down(b), "direction": "down"} for a, b in pairs]


def test_subscriptions_go_through_the_new_routes(world, generous):
    daemon = world.online(generous, routes=routes(("a/#", "old/#"), ("b/#", "same/#")))
    client = daemon.client()
    client.subscribe("a/x")
    client.subscribe("b/x")
    mark = generous.mark()
    reload(daemon, routes=routes(("a/#", "new/#"), ("b/#", "same/#")))
    generous.wait_event("subscribe", after=mark)
    generous.wait_event("unsubscribe", after=mark)
    asked = [e for e in generous.events(after=mark) if "subscribe" in e["kind"]]
    assert [e["kind"] for e in asked if e["kind"] == "subscribe"] == ["subscribe"]
    assert len([e for e in asked if e["kind"] == "unsubscribe"]) == 1
    generous.publish(down("new/x"), "1")
    generous.publish(down("same/x"), "2")
    assert client.message()["topic"] == "a/x"
    assert client.message()["topic"] == "b/x"
    assert connects(generous) == 1


def test_program_that_no_route_serves_any_more_is_told(world, generous):
    daemon = world.online(generous, routes=routes(("a/#", "a/#"), ("b/#", "b/#")))
    client = daemon.client()
    client.subscribe("a/x")
    client.subscribe("b/x")
    reload(daemon, routes=routes(("b/#", "b/#")))
    error = client.expect("error", code="bad-topic")
    assert error["filter"] == "a/x" and "id" not in error
    generous.publish(down("b/x"), "2")
    assert client.message()["topic"] == "b/x"


def test_durable_subscription_goes_through_the_new_routes(world, generous):
    os.mkdir(world.path("state"), 0o700)
    daemon = world.online(
        generous, routes=routes(("a/#", "old/#")), local={"state": world.path("state")}
    )
    client = daemon.client()
    client.hello("meter")
    assert client.ask("sub", filter="a/x", qos=1, durable=True)["state"] == "subscribed"
    client.close()
    mark = generous.mark()
    reload(daemon, routes=routes(("c/#", "c/#")))
    generous.wait_event("unsubscribe", after=mark)
    daemon.wait_log("gets no messages by the configuration")
    reload(daemon, routes=routes(("a/#", "new/#")))
    generous.wait_event("subscribe", after=mark)
    generous.publish(down("new/x"), "kept", qos=1)
    later = daemon.client()
    later.hello("meter")
    assert later.ask("sub", filter="a/x", qos=1, durable=True)["state"] == "subscribed"
    assert later.message()["payload"] == "kept"


def test_what_takes_a_restart_is_named(world, cloud):
    daemon = world.online(cloud)
    client = daemon.client()
    line = reload(daemon, local={"socket": world.path("elsewhere")})
    assert "nothing else" in line
    warning = daemon.wait_log("takes a restart")
    assert "local.socket" in warning
    assert not os.path.exists(world.path("elsewhere"))
    assert client.publish(UP, "x", qos=1)["state"] == "delivered"


def test_reload_in_the_middle_of_an_attempt(world, generous):
    generous.set(answer="silence")
    daemon = world.device(generous).start()
    generous.wait_event("connect")
    generous.set(answer=None)
    reload(daemon, cloud={"keepalive": 60})
    daemon.wait_online()
    assert generous.events("connect")[-1]["keepalive"] == 60


def test_reload_while_a_command_is_asked(world, generous):
    """What the old configuration's program says later is of no interest any more."""
    slow, quick = world.path("slow"), world.path("quick")
    answer = "printf 'result=ok\\nusername=u\\npassword=p\\n'"
    for path, text in ((slow, "sleep 60; " + answer), (quick, answer)):
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\ncat >/dev/null\n%s\n" % text)
        os.chmod(path, 0o755)
    daemon = world.device(
        generous,
        cloud={"auth": "command", "command": slow},
        identity={"device_secret": None, "product_key": None, "device_name": None, "client_id": "c"},
    ).start()
    children = "/proc/{0}/task/{0}/children".format(daemon.pid)
    await_true(lambda: open(children, encoding="ascii").read().split())
    reload(daemon, cloud={"command": quick})
    generous.wait_event("connect", timeout=20)


@pytest.mark.parametrize("pause", [0, 0.05, 0.3])
def test_stop_right_after_a_reload(world, cloud, pause):
    daemon = world.online(cloud)
    daemon.config = conf.merged(daemon.config, {"cloud": {"keepalive": 60}})
    daemon.write_config()
    daemon.process.send_signal(signal.SIGHUP)
    signal.sigtimedwait([], pause)
    status, seconds = daemon.stop()
    assert (status, seconds < 5) == (0, True)


def test_many_reloads_in_a_row(world, generous):
    daemon = world.online(generous, **NO_LIMIT)
    client = daemon.client()
    for number in range(60):
        daemon.config = conf.merged(daemon.config, {"cloud": {"keepalive": 60 + number}})
        daemon.write_config()
        daemon.process.send_signal(signal.SIGHUP)
        client.send(UP, str(number), qos=0)
    daemon.wait_log("cloud.keepalive")
    again(daemon)
    daemon.wait_online()
    assert client.publish(UP, "x", qos=1)["op"] == "ack"
