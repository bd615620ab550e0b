# SPDX-License-Identifier: Apache-2.0
"""What waits on disk, seen and dropped with iotlinkctl."""

import json
import os
import re

import pytest

from harness import conf
from harness.ctl import DONE, REFUSED, USAGE
from harness.place import await_true
from harness.topics import OWN, UP

FREE = conf.unlimited()
NOBODY = 65534


@pytest.fixture
def state(world):
    path = world.path("state")
    os.mkdir(path, 0o700)
    return path


@pytest.fixture
def daemon(world, generous, state):
    """Offline, with a store."""
    generous.set(refuse=True)
    return world.device(generous, **conf.merged(FREE, {"local": {"state": state}})).start()


@pytest.fixture
def ctl(world, daemon):
    return world.ctl(daemon.socket_path)


def store(daemon, topic, count, **more):
    """Publishes so many; their receipts."""
    client = daemon.client()
    ids = [client.send(topic, str(i), qos=1, **more) for i in range(count)]
    answers = [client.expect(id=number) for number in ids]
    assert all(answer["state"] == "stored" for answer in answers), answers
    return [answer["receipt"] for answer in answers]


def listed(ctl, *arguments):
    done = ctl.run("--json", "spool", "list", *arguments)
    assert done.returncode == DONE, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_pub_tells_the_receipt_that_list_shows(ctl):
    done = ctl.run("pub", UP, "21.5")
    receipt = re.fullmatch(r"stored, receipt (\d+)\n", done.stdout).group(1)
    done = ctl.run("spool", "list")
    assert done.returncode == DONE
    head, line, total = done.stdout.splitlines()
    assert head.split() == ["RECEIPT", "AGE", "TTL", "LEFT", "BYTES", "TOPIC"]
    assert re.fullmatch(r" *%s +\d+ s +- +4  %s" % (receipt, UP), line)
    assert total == "1 message, 4 bytes"


def test_list_as_json_has_one_object_a_line(daemon, ctl):
    (receipt,) = store(daemon, UP, 1, ttl=600)
    (message,) = listed(ctl)
    assert 590 < message.pop("expires_in") <= 600
    assert message.pop("accepted") > 1_600_000_000
    assert message == {"receipt": receipt, "topic": UP, "size": 1}


def test_list_of_nothing(ctl):
    done = ctl.run("spool", "list")
    assert (done.returncode, done.stdout) == (DONE, "0 messages, 0 bytes\n")


def test_list_goes_through_all_pages(daemon, ctl):
    receipts = store(daemon, UP, 2500)
    assert [message["receipt"] for message in listed(ctl)] == receipts
    assert [message["receipt"] for message in listed(ctl, "--limit", "1001")] == receipts[:1001]
    done = ctl.run("spool", "list", "--limit", "2")
    assert done.stdout.splitlines()[-1] == "2 messages, 2 bytes, and more"
    done = ctl.run("spool", "list", "--limit", "2500")
    assert "and more" not in done.stdout


def test_filters_are_of_names_in_the_cloud(world, generous, state):
    generous.set(refuse=True)
    routes = [{"local": "telemetry/#", "remote": OWN + "/t/#", "direction": "up"}]
    daemon = world.device(
        generous, **conf.merged(FREE, {"local": {"state": state}, "routes": routes})
    ).start()
    store(daemon, "telemetry/a/1", 2)
    store(daemon, "telemetry/b/1", 3)
    ctl = world.ctl(daemon.socket_path)
    assert {message["topic"] for message in listed(ctl, OWN + "/t/a/#")} == {OWN + "/t/a/1"}
    assert listed(ctl, "telemetry/#") == []
    done = ctl.run("spool", "drop", "--yes", OWN + "/t/+/1")
    assert (done.returncode, done.stdout) == (DONE, "dropped 5 messages\n")
    assert listed(ctl) == []


def test_a_drop_is_for_good_and_the_rest_is_delivered(world, daemon, ctl, generous, state):
    store(daemon, UP, 10)
    store(daemon, OWN + "/camera", 1000)
    waiting = daemon.client()
    number = waiting.send(OWN + "/camera", "last", qos=1, wait="delivered")
    await_true(lambda: len(listed(ctl)) == 1011, what="all on disk")
    done = ctl.run("--json", "spool", "drop", "--yes", OWN + "/camera")
    assert done.returncode == DONE
    assert json.loads(done.stdout)["count"] == 1001
    answer = waiting.expect(id=number)
    assert (answer["op"], answer["code"]) == ("error", "full")
    assert "administrator" in answer["message"]
    entry = daemon.wait_log("EVENT=spool-cleared")
    assert "uid 0" in entry and OWN + "/camera" in entry and "1001" in entry

    daemon.stop()
    daemon = world.device(
        generous, name="again", **conf.merged(FREE, {"local": {"state": state}})
    ).start()
    assert len(listed(world.ctl(daemon.socket_path))) == 10
    generous.set(refuse=False)
    generous.wait_event("publish", count=10, timeout=30)
    await_true(lambda: daemon.client().status()["backlog"] == 0, what="an empty backlog")
    assert {event["topic"] for event in generous.events("publish")} == {UP}


def test_one_is_dropped_by_its_receipt(daemon, ctl):
    receipts = store(daemon, UP, 3)
    done = ctl.run("spool", "drop", "--yes", "--receipt", str(receipts[1]))
    assert (done.returncode, done.stdout) == (DONE, "dropped 1 message\n")
    assert [message["receipt"] for message in listed(ctl)] == [receipts[0], receipts[2]]
    done = ctl.run("spool", "drop", "--yes", "--receipt", str(receipts[1]))
    assert (done.returncode, done.stdout) == (REFUSED, "")
    done = ctl.run("receipt", str(receipts[1]))
    assert done.returncode == REFUSED and "full" in done.stderr
    done = ctl.run("receipt", str(receipts[0]))
    assert (done.returncode, done.stdout) == (DONE, "stored\n")


def test_a_receipt_waits_for_the_delivery(daemon, ctl, generous):
    (receipt,) = store(daemon, UP, 1)
    child = ctl.spawn("receipt", str(receipt), "--wait", "delivered")
    generous.set(refuse=False)
    assert child.wait_exit(30) == DONE
    assert child.output == b"delivered\n"


def test_an_unknown_receipt_is_refused(ctl):
    done = ctl.run("receipt", "123456789")
    assert done.returncode == REFUSED and "bad-request" in done.stderr


def test_drop_all_of_nothing_is_done(ctl):
    done = ctl.run("spool", "drop", "--all", "--yes")
    assert done.returncode == DONE


@pytest.mark.parametrize(
    "arguments",
    [["eat"], ["drop"], ["drop", "--yes"], ["drop", "--all", "a", "--yes"], ["drop", "--all"],
     ["drop", "a", "--receipt", "1", "--yes"], ["list", "--all"], ["list", "--yes"],
     ["drop", "--limit", "1", "--all", "--yes"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_64(ctl, arguments):
    done = ctl.run("spool", *arguments)
    assert done.returncode == USAGE, done.stderr


def test_without_a_store_it_says_so(world, generous):
    daemon = world.online(generous, local={"state": world.path("missing")})
    done = world.ctl(daemon.socket_path).run("spool", "list")
    assert done.returncode == REFUSED
    assert "store" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_others_may_look_but_not_drop(world, daemon):
    receipts = store(daemon, UP, 1)
    os.chmod(world.directory, 0o755)
    os.chmod(daemon.socket_path, 0o666)
    os.seteuid(NOBODY)
    try:
        client = daemon.client()
    finally:
        os.seteuid(0)
    answer = client.ask("spool", action="drop", filter="#")
    assert (answer["op"], answer["code"]) == ("error", "denied")
    assert "root" in answer["message"]
    answer = client.ask("spool", action="list")
    assert [message["receipt"] for message in answer["messages"]] == receipts
    assert answer["more"] is False
