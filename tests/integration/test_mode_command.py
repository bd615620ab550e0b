# SPDX-License-Identifier: Apache-2.0
"""cloud.auth = "command": credentials from any program, good and bad ones."""

import os

import pytest

from harness import modes
from harness.place import await_true

USERS = {"gateway": "pw-9f3c-first", "second": "pw-77aa-second"}


@pytest.fixture
def cloud(world):
    return world.cloud(mode="plain", users=USERS)


def asked(world, cloud, text, /, **changes):
    """A daemon whose command is a script of @text, which finds the request in $request."""
    request = world.path("request")
    path = modes.script(world, "request=%s\ncat >$request\n%s" % (request, text))
    config = modes.configuration(world, cloud, "command", cloud={"command": path})
    config = modes.conf.merged(config, {"identity": {"client_id": "gateway-1"}})
    return world.daemon(modes.conf.merged(config, changes))


def says(*lines):
    return "cat <<'END'\n%s\nEND\n" % "\n".join(lines)


GOOD = says("result=ok", "username=gateway", "password=" + USERS["gateway"])


def request_of(world):
    with open(world.path("request"), encoding="utf-8") as file:
        text = file.read()
    assert text.endswith("\n\n")
    return dict(line.split("=", 1) for line in text.strip().split("\n"))


def test_credentials_of_a_script_let_the_client_in(world, cloud):
    daemon = asked(world, cloud, GOOD).start()
    modes.works(daemon, cloud, "a/up", "a/down")
    assert cloud.events("connect")[0]["client_id"] == "gateway-1"
    request = request_of(world)
    assert request["protocol"] == "1"
    assert request["auth"] == "command"
    assert request["reason"] == "start"
    assert request["client_id"] == "gateway-1"
    assert request["host"] == "localhost"
    assert request["port"] == str(cloud.tls_port)
    assert request["broker_root_file"] == cloud.ca_file
    assert "secret" not in request


def test_command_is_told_all_that_is_configured(world, cloud):
    daemon = asked(
        world,
        cloud,
        GOOD,
        identity={
            "product_key": "a1X2bEnP82z",
            "device_name": "gw",
            "device_secret": modes.DEVICE_SECRET,
        },
        cloud={"region": "cn-shanghai", "sign_method": "hmacsha1", "timestamp": "789"},
    ).start()
    daemon.wait_online()
    expected = {
        "product_key": "a1X2bEnP82z",
        "device_name": "gw",
        "secret": modes.DEVICE_SECRET,
        "region": "cn-shanghai",
        "sign_method": "hmacsha1",
        "timestamp": "789",
    }
    request = request_of(world)
    assert {name: request.get(name) for name in expected} == expected


def test_client_id_host_and_port_of_the_answer_count(world, cloud):
    daemon = asked(
        world,
        cloud,
        says(
            "result=ok",
            "client_id=from|the|script",
            "username=gateway",
            "password=" + USERS["gateway"],
            "host=127.0.0.1",
            "port=%d" % cloud.tls_port,
            "later_versions=say more",
        ),
        cloud={"endpoint": "localhost:1"},
    ).start()
    daemon.wait_online()
    assert cloud.events("connect")[0]["client_id"] == "from|the|script"
    assert daemon.status()["endpoint"] == "127.0.0.1:%d" % cloud.tls_port


def test_nowhere_to_connect_is_explained(world, cloud):
    daemon = asked(world, cloud, GOOD, cloud={"endpoint": None}).start()
    modes.expect_denied(world, daemon, "auth-refused", "cloud.endpoint")


def test_command_has_no_arguments_and_only_three_open_files(world, cloud):
    text = "echo $# >$request.n\nls /proc/self/fd >$request.fds\n" + GOOD
    asked(world, cloud, text).start().wait_online()
    with open(world.path("request.n"), encoding="ascii") as file:
        assert file.read().strip() == "0"
    with open(world.path("request.fds"), encoding="ascii") as file:
        assert len(file.read().split()) <= 4, "and the directory's own"


def test_what_it_says_on_standard_error_is_logged(world, cloud):
    daemon = asked(world, cloud, "echo one >&2\necho two >&2\n" + GOOD).start()
    daemon.wait_online()
    daemon.wait_log("says: one")
    daemon.wait_log("says: two")


# Failures

FAILURES = {
    "exit-1": ("echo no key in slot 3 >&2\nexit 1\n", "status 1", "no key in slot 3"),
    "exit-after-answer": (GOOD + "exit 3\n", "status 3", ""),
    "killed": ("kill -9 $$\n", "signal 9", ""),
    "silence": ("exit 0\n", "docs/CREDENTIAL-COMMAND.md", ""),
    "words": ("echo Hello, world\n", "docs/CREDENTIAL-COMMAND.md", ""),
    "no-result": ("echo username=gateway\n", "docs/CREDENTIAL-COMMAND.md", ""),
    "unknown-result": ("echo result=maybe\n", "docs/CREDENTIAL-COMMAND.md", ""),
    "bad-port": (says("result=ok", "host=x", "port=65536"), "docs/CREDENTIAL-COMMAND.md", ""),
    "bad-expiry": (says("result=ok", "expires_in=-1"), "docs/CREDENTIAL-COMMAND.md", ""),
    "carriage-returns": ("printf 'result=ok\\r\\n'\n", "docs/CREDENTIAL-COMMAND.md", ""),
    "binary": ("head -c 4096 /dev/urandom\n", "docs/CREDENTIAL-COMMAND.md", ""),
    "zeros": ("head -c 4096 /dev/zero\n", "docs/CREDENTIAL-COMMAND.md", ""),
    "too-much": ("head -c 1048576 /dev/zero\n", "64 KiB", ""),
    "endless": ("yes result=ok\n", "64 KiB", ""),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failure_is_named_and_tried_again_soon(world, cloud, kind):
    text, *words = FAILURES[kind]
    daemon = asked(world, cloud, text).start()
    state = modes.expect_denied(world, daemon, "auth-unreachable", world.path("command"), *words)
    assert state["retry_in"] <= 5
    modes.script(world, "cat >/dev/null\n" + GOOD, "better")
    os.rename(world.path("better"), world.path("command"))
    daemon.wait_online()


def test_flood_on_standard_error_is_no_answer_and_no_harm(world, cloud):
    daemon = asked(world, cloud, "yes | head -c 300000 >&2\n" + GOOD).start()
    daemon.wait_online()
    assert len(daemon.log.split("\n")) < 2000, "the journal is not a place for floods"


def test_refusal_is_named_and_tried_again_slowly(world, cloud):
    text = says("result=refused", "code=17", "message=The card is locked. Enter the PUK.")
    daemon = asked(world, cloud, text).start()
    state = modes.expect_denied(
        world, daemon, "auth-refused", "code 17", "The card is locked. Enter the PUK"
    )
    assert state["retry_in"] >= 10
    assert not cloud.events("connect")


def test_passing_trouble_is_named_and_tried_again_soon(world, cloud):
    text = says("result=temporary", "message=The token service restarts.")
    state = modes.expect_denied(
        world, asked(world, cloud, text).start(), "auth-unreachable", "The token service restarts"
    )
    assert state["retry_in"] <= 5


def test_message_is_one_line_for_people(world, cloud):
    text = "printf 'result=refused\\nmessage=a\\033[31mb\\tc%0500d\\n' 7\n"
    daemon = asked(world, cloud, text).start()
    daemon.wait_state("offline", reason="auth-refused")
    assert "\033" not in daemon.log and "\033" not in world.ctl().run("status").stdout


@pytest.mark.parametrize(
    "path,word", [("bin/credentials", "full path"), ("", ""), ("/nowhere/at/all", "No such file"), ("/tmp", "regular file")]
)
def test_command_that_cannot_be_is_an_error_of_the_configuration(world, cloud, path, word):
    daemon = asked(world, cloud, GOOD, cloud={"command": path}).spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "cloud.command", word)


@pytest.mark.parametrize("mode,word", [(0o644, "chmod"), (0o777, "every user can change it")])
def test_command_of_the_wrong_mode_is_an_error_of_the_configuration(world, cloud, mode, word):
    daemon = asked(world, cloud, GOOD)
    os.chmod(world.path("command"), mode)
    daemon.spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "cloud.command", word)


@pytest.mark.parametrize("how", ["mode", "gone", "interpreter"])
def test_command_that_cannot_be_run_any_more_is_named(world, cloud, how):
    daemon = asked(world, cloud, says("result=ok", "username=gateway", "password=wrong")).start()
    cloud.wait_event("connack")
    path = world.path("command")
    if how == "mode":
        os.chmod(path, 0o644)
    elif how == "gone":
        os.unlink(path)
    else:
        modes.script(world, "", "command")
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/no/such/shell\n")
    world.daemons[0].stop()
    daemon = world.daemon(daemon.config, "again")
    daemon.config["cloud"]["command"] = path
    if how == "interpreter":
        daemon.start()
        modes.expect_denied(world, daemon, "auth-unreachable", path)
        modes.script(world, "cat >/dev/null\n" + GOOD, "better")
        os.rename(world.path("better"), path)
        daemon.wait_online()
    else:
        daemon.spawn()
        assert daemon.wait_exit() == 78


def test_command_that_hangs_neither_stops_the_daemon_nor_outlives_it(world, cloud):
    daemon = asked(world, cloud, "echo $$ >$request.pid\nexec sleep 1000\n").start()
    await_true(lambda: os.path.exists(world.path("request.pid")) and os.path.getsize(world.path("request.pid")))
    with open(world.path("request.pid"), encoding="ascii") as file:
        pid = int(file.read())
    assert daemon.status()["state"] == "connecting"
    status, seconds = daemon.stop()
    assert (status, seconds < 5) == (0, True)
    assert not os.path.exists("/proc/%d" % pid)


# Renewal

COUNT = "n=$(cat $request.n 2>/dev/null || echo 0)\nn=$((n + 1))\necho $n >$request.n\ngrep ^reason= $request >>$request.reasons\n"


def reasons(world):
    with open(world.path("request.reasons"), encoding="ascii") as file:
        return [line.strip()[len("reason=") :] for line in file]


def test_credentials_that_end_are_renewed_while_the_connection_goes_on(world, cloud):
    answer = says("result=ok", "username=gateway", "password=" + USERS["gateway"], "expires_in=1")
    daemon = asked(world, cloud, COUNT + answer).start()
    daemon.wait_online()
    await_true(lambda: len(reasons(world)) >= 2, what="a renewal")
    assert reasons(world)[:2] == ["start", "expired"]
    assert len(cloud.events("connect")) == 1
    assert daemon.status()["state"] == "online"


def test_renewal_that_fails_is_told_of_and_the_connection_goes_on(world, cloud):
    text = COUNT + "[ $n = 1 ] || { echo result=refused; echo 'message=No more.'; exit 0; }\n"
    text += says("result=ok", "username=gateway", "password=" + USERS["gateway"], "expires_in=1")
    daemon = asked(world, cloud, text).start()
    daemon.wait_online()
    modes.expect_logged(daemon, "no new credentials", "No more.", "goes on")
    assert daemon.status()["state"] == "online"


def test_refused_credentials_are_replaced(world, cloud):
    cloud.set(connack=3, connack_count=1)
    daemon = asked(world, cloud, COUNT + GOOD).start()
    daemon.wait_online()
    assert reasons(world) == ["start", "refused"]


def test_credentials_without_an_end_are_kept(world, cloud):
    daemon = asked(world, cloud, COUNT + GOOD).start()
    daemon.wait_online()
    mark = cloud.mark()
    cloud.cut()
    cloud.wait_event("connack", code=0, after=mark)
    assert reasons(world) == ["start"]


def test_new_credentials_are_used_for_the_next_connection(world, cloud):
    text = COUNT + "[ $n = 1 ] && u=gateway p=%s || u=second p=%s\n" % tuple(USERS.values())
    text += 'printf "result=ok\\nusername=$u\\npassword=$p\\nexpires_in=1\\n"\n'
    daemon = asked(world, cloud, text).start()
    daemon.wait_online()
    await_true(lambda: len(reasons(world)) >= 2, what="a renewal")
    mark = cloud.mark()
    cloud.cut()
    cloud.wait_event("connect", after=mark, username="second")
    cloud.wait_event("connack", after=mark, code=0)
