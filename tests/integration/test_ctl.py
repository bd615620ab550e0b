# SPDX-License-Identifier: Apache-2.0
"""iotlinkctl: what it prints, and its exit status: 0 done, 1 refused, 64 usage, 69 no daemon."""

import json
import os
import re

import pytest

from harness import conf
from harness.ctl import DONE, NO_DAEMON, REFUSED, USAGE
from harness.place import PATIENCE, await_true
from harness.topics import DOWN, OWN, PAYLOADS, UP


@pytest.fixture
def daemon(world, cloud):
    return world.online(cloud, tls=False)


@pytest.fixture
def ctl(world, daemon):
    return world.ctl(daemon.socket_path)


@pytest.fixture
def lone(world):
    """iotlinkctl without a daemon."""
    return world.ctl(world.path("nobody"))


def config_file(world, **changes):
    path = world.path("test.conf")
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(conf.file_text(conf.merged(conf.device("127.0.0.1:1883", world.socket), changes)))
    return path


def test_status_says_online(ctl):
    done = ctl.run("status")
    assert done.returncode == DONE, done.stderr
    assert "online" in done.stdout


def test_status_as_json_is_one_object(ctl):
    assert ctl.json("status")["state"] == "online"


def test_status_tells_the_last_refusal_in_words(world, cloud):
    cloud.set(connack=5)
    daemon = world.device(cloud).start()
    daemon.wait_state("offline", reason="refused-not-authorized")
    done = world.ctl(daemon.socket_path).run("status")
    assert done.returncode == DONE
    assert "not authorized" in done.stdout


@pytest.mark.parametrize("qos,receipt", [(0, "sent"), (1, "delivered")])
def test_pub_sends_its_argument_and_prints_the_receipt(ctl, cloud, qos, receipt):
    done = ctl.run("pub", "--qos", str(qos), UP, "21.5")
    assert done.returncode == DONE, done.stderr
    assert receipt in done.stdout
    event = cloud.wait_event("publish")
    assert (event["topic"], event["payload"], event["qos"]) == (UP, b"21.5", qos)


def test_pub_receipt_as_json(ctl):
    assert ctl.json("pub", "--qos", "1", UP, "x")["state"] == "delivered"


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=["none", "dash"])
@pytest.mark.parametrize("kind", PAYLOADS)
def test_pub_takes_stdin(ctl, cloud, arguments, kind):
    done = ctl.run("pub", "--qos", "1", UP, *arguments, stdin=PAYLOADS[kind])
    assert done.returncode == DONE, done.stderr
    assert cloud.wait_event("publish")["payload"] == PAYLOADS[kind]


def test_pub_takes_a_file(world, ctl, cloud):
    path = world.path("payload")
    with open(path, "wb") as file:
        file.write(PAYLOADS["256-KiB-binary"])
    done = ctl.run("pub", "--qos", "1", "--file", path, UP)
    assert done.returncode == DONE, done.stderr
    assert cloud.wait_event("publish")["payload"] == PAYLOADS["256-KiB-binary"]


def test_pub_of_a_missing_file_fails_by_name(world, ctl):
    done = ctl.run("pub", "--file", world.path("none"), UP)
    assert done.returncode == REFUSED
    assert "none" in done.stderr


def test_pub_lines_sends_one_message_a_line(ctl, cloud):
    done = ctl.run("pub", "--qos", "1", "--lines", UP, stdin="one\n\nthree\nlast without end")
    assert done.returncode == DONE, done.stderr
    cloud.wait_event("publish", count=4)
    payloads = [e["payload"] for e in cloud.events("publish")]
    assert payloads == [b"one", b"", b"three", b"last without end"]


def test_pub_lines_shows_its_progress_while_receipts_are_awaited(world, ctl, cloud):
    path = world.path("lines")
    with open(path, "w", encoding="ascii") as file:
        file.write("one\ntwo\nthree\n")
    cloud.set(puback="none")
    child = ctl.spawn("pub", "--lines", "--file", path, "--wait", "delivered", UP, terminal=True)
    # Again and again, though nothing happens; how long it takes, nobody knows.
    child.wait_output(r"(\r\x1b\[K3 lines, 0/s, 3 awaited){2}\r", name="errors")
    cloud.set(puback="normal")
    cloud.cut()
    assert child.wait_exit(20 * PATIENCE) == DONE
    assert child.output == b"3 delivered\n"
    assert child.errors.endswith(b"\r\x1b[K")


def test_pub_lines_shows_no_progress_in_a_file(ctl, cloud):
    done = ctl.run("pub", "--lines", UP, stdin="one\ntwo\n")
    assert done.stderr == ""


def test_pub_over_256_kib_is_refused_in_words(ctl):
    done = ctl.run("pub", UP, stdin=b"x" * 262145)
    assert done.returncode == REFUSED
    assert "262144" in done.stderr or "256 KiB" in done.stderr


def test_pub_to_a_bad_topic_is_refused_in_words(ctl):
    done = ctl.run("pub", OWN + "/#", "x")
    assert done.returncode == REFUSED
    assert "#" in done.stderr


def test_pub_offline_is_refused(world, cloud):
    cloud.set(refuse=True)
    daemon = world.device(cloud).start()
    done = world.ctl(daemon.socket_path).run("pub", UP, "x")
    assert done.returncode == REFUSED
    assert "offline" in done.stderr or "no connection" in done.stderr


def test_sub_prints_payloads_and_ends_after_so_many(ctl, cloud):
    child = ctl.spawn("sub", "-C", "2", OWN + "/cmd/+")
    cloud.wait_event("subscribe")
    cloud.publish(OWN + "/cmd/a", b"one")
    cloud.publish(OWN + "/cmd/b", b"two")
    assert child.wait_exit() == DONE
    assert child.output == b"one\ntwo\n"


def test_sub_verbose_prints_topics_too(ctl, cloud):
    child = ctl.spawn("sub", "-v", "-C", "1", DOWN)
    cloud.wait_event("subscribe")
    cloud.publish(DOWN, b"one")
    assert child.wait_exit() == DONE
    assert child.output == DOWN.encode() + b" one\n"


def wait_subscribed(cloud, count):
    """However many SUBSCRIBE packets it takes."""
    last, names = 0, set()
    while len(names) < count:
        last = cloud.wait_event("subscribe", after=last)
        names |= {name for name, _ in last["filters"]}


def test_sub_takes_many_filters(ctl, cloud):
    child = ctl.spawn("sub", "-C", "2", OWN + "/a", OWN + "/b")
    wait_subscribed(cloud, 2)
    cloud.publish(OWN + "/a", b"one")
    cloud.publish(OWN + "/b", b"two")
    assert child.wait_exit() == DONE
    assert sorted(child.output.split()) == [b"one", b"two"]


def test_sub_as_json_prints_one_object_a_line(ctl, cloud):
    child = ctl.spawn("--json", "sub", "-C", "1", DOWN)
    cloud.wait_event("subscribe")
    cloud.publish(DOWN, b"\xff")
    assert child.wait_exit() == DONE
    message = json.loads(child.output)
    assert (message["topic"], message["payload_b64"]) == (DOWN, "/w==")


def test_sub_prints_each_message_at_once(ctl, cloud):
    child = ctl.spawn("sub", DOWN)
    cloud.wait_event("subscribe")
    cloud.publish(DOWN, b"one")
    child.wait_output("one\n")
    child.interrupt()
    child.wait_exit()


def test_sub_that_the_cloud_rejects_fails(ctl, cloud):
    cloud.set(suback={"*": 0x80})
    done = ctl.run("sub", DOWN)
    assert done.returncode == REFUSED
    assert DOWN in done.stderr


def test_sub_durable_keeps_what_comes_meanwhile_until_unsub(world, cloud):
    os.mkdir(world.path("state"), 0o700)
    daemon = world.online(cloud, local={"state": world.path("state")})
    ctl = world.ctl(daemon.socket_path)
    durable = ["--durable", "meter"]
    child = ctl.spawn("sub", *durable, "-C", "1", DOWN)
    cloud.wait_event("subscribe")
    cloud.publish(DOWN, b"one")
    assert child.wait_exit() == DONE
    assert child.output == b"one\n"
    await_true(lambda: daemon.status()["inbox"] == 0, what="that one is done")
    cloud.publish(DOWN, b"two")
    await_true(lambda: daemon.status()["inbox"] == 1, what="that two is kept")
    done = ctl.run("sub", *durable, "-C", "1", DOWN)
    assert (done.returncode, done.stdout) == (DONE, "two\n")

    done = ctl.run("unsub", *durable, DOWN)
    assert (done.returncode, done.stdout) == (DONE, "unsubscribed %s\n" % DOWN)
    assert daemon.status()["durable_clients"] == 0
    done = ctl.run("unsub", *durable, DOWN)
    assert done.returncode == REFUSED and "bad-request" in done.stderr
    assert ctl.run("unsub", DOWN).returncode == USAGE


def test_sub_durable_without_a_store_is_refused(ctl):
    done = ctl.run("sub", "--durable", "meter", DOWN)
    assert done.returncode == REFUSED
    assert "store" in done.stderr


def test_watch_prints_each_change(ctl, cloud):
    child = ctl.spawn("watch")
    child.wait_output("online")
    cloud.cut()
    child.wait_output("offline")


def test_watch_as_json(ctl):
    child = ctl.spawn("--json", "watch")
    found = child.wait_output(r"^(\{.*\})\n")
    assert json.loads(found.group(1))["state"] == "online"


def test_end_of_the_daemon_ends_a_watcher(ctl, daemon):
    child = ctl.spawn("watch")
    child.wait_output("online")
    daemon.stop()
    assert child.wait_exit() in (REFUSED, NO_DAEMON)


@pytest.mark.parametrize("command", [["status"], ["pub", "t", "x"], ["sub", "t"], ["watch"]])
def test_no_daemon_is_69_and_names_the_socket(world, lone, command):
    done = lone.run(*command)
    assert done.returncode == NO_DAEMON
    assert world.path("nobody") in done.stderr


@pytest.mark.parametrize(
    "command",
    [[], ["fly"], ["pub"], ["sub"], ["status", "extra"], ["pub", "--qos", "7", "t", "x"], ["--fast"],
     ["sub", "-C", "x", "t"], ["pub", "--file", "f", "t", "payload"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_64(lone, command):
    done = lone.run(*command)
    assert done.returncode == USAGE, (done.returncode, done.stderr)
    assert done.stderr


def test_help_and_version_are_no_errors(lone):
    assert "pub" in lone.run("--help").stdout
    assert lone.run("--version").returncode == DONE


def test_sign_gives_what_the_platform_takes(world, lone):
    """The vendor's own sample identity and its published result."""
    path = config_file(
        world,
        identity={
            "device_name": "example1",
            "device_secret": "ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe",
        },
        cloud={"timestamp": "2524608000000", "sign_method": "hmacsha256"},
    )
    answer = lone.json("sign", "--config", path, "--show-secret")
    assert answer["username"] == "example1&a1X2bEnP82z"
    assert answer["password"] == "B8CE8F1D706DD3C61D13BFD9855DEF7E321B785084CA9C93F0169A2B46785DD2"
    assert answer["client_id"].startswith("a1X2bEnP82z.example1|")
    assert (answer["host"], answer["port"], answer["tls"]) == ("127.0.0.1", 1883, False)


def test_sign_masks_the_password_unless_asked(world, lone):
    path = config_file(world, cloud={"timestamp": "789"})
    shown = lone.json("sign", "--config", path, "--show-secret")["password"]
    for arguments in ([], ["--explain"], ["--json"]):
        done = lone.run(*[a for a in arguments if a == "--json"], "sign", "--config", path,
                        *[a for a in arguments if a != "--json"])  # fmt: skip
        assert done.returncode == DONE, done.stderr
        assert shown not in done.stdout
        assert conf.DEVICE_SECRET not in done.stdout + done.stderr


def test_sign_explain_shows_the_signed_text(world, lone):
    path = config_file(world, cloud={"timestamp": "789"})
    done = lone.run("sign", "--config", path, "--explain")
    content = "clientIda1X2bEnP82z.gateway1deviceNamegateway1productKeya1X2bEnP82ztimestamp789"
    assert content in done.stdout


def test_check_accepts_a_good_file_and_says_what_it_means(world, lone):
    done = lone.run("check", config_file(world))
    assert done.returncode == DONE, done.stderr
    assert re.search(r"127\.0\.0\.1\b.*\b1883", done.stdout)


def test_check_refuses_a_bad_file_with_all_errors(world, lone):
    done = lone.run("check", config_file(world, cloud={"keepalive": 29, "color": "red"}))
    assert done.returncode == REFUSED
    assert "keepalive" in done.stderr and "color" in done.stderr


def test_check_says_the_same_as_the_daemon(world, lone):
    from harness.daemon import run_to_exit

    path = config_file(world, cloud={"keepalive": 29, "color": "red"})
    by_ctl = [line for line in lone.run("check", path).stderr.split("\n") if path in line]
    by_daemon = [line for line in run_to_exit(path, "--check").stderr.split("\n") if path in line]
    assert by_ctl == by_daemon and by_ctl
