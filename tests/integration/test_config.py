# SPDX-License-Identifier: Apache-2.0
"""A wrong configuration is refused as a whole, with every error named."""

import os
import re

import pytest

from harness import conf
from harness.daemon import run_to_exit

EX_CONFIG = 78


def write(world, config, mode=0o600):
    path = world.path("test.conf")
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(config if isinstance(config, str) else conf.file_text(config))
    return path


def good(world, **changes):
    return conf.merged(conf.device("127.0.0.1:1883", world.socket), changes)


def refused(world, config, *patterns):
    """Starting with @config fails with 78 before anything is opened; returns what it said."""
    done = run_to_exit(write(world, config))
    assert done.returncode == EX_CONFIG, (done.returncode, done.stderr)
    assert not os.path.exists(world.socket), "it half-started"
    for pattern in patterns:
        assert re.search(pattern, done.stderr, re.IGNORECASE), (pattern, done.stderr)
    return done.stderr


@pytest.mark.parametrize("seconds", [29, 1201, 0, -1, 4000000000000])
def test_keepalive_outside_the_platforms_range_is_refused(world, seconds):
    config = conf.file_text(good(world, cloud={"keepalive": conf.Raw(str(seconds))}))
    if seconds > 2**31:
        config = config.replace(str(seconds), str(seconds) + "L")
    refused(world, config, r"test\.conf:\d+: ", "keepalive", "30", "1200")


@pytest.mark.parametrize("seconds", [30, 1200])
def test_keepalive_at_the_ends_of_the_range_is_taken(world, seconds):
    done = run_to_exit(write(world, good(world, cloud={"keepalive": seconds})), "--check")
    assert done.returncode == 0, done.stderr


def test_unknown_key_is_refused_with_file_and_line(world):
    text = conf.file_text(good(world)).replace(
        "cloud = {", "cloud = {\n  keepalife = 300;", 1
    )
    line = text[: text.index("keepalife")].count("\n") + 1
    refused(world, text, r"test\.conf:%d: .*keepalife" % line)


def test_unknown_group_is_refused(world):
    refused(world, good(world, clod={"region": "cn-shanghai"}), "clod")


def test_all_errors_come_in_one_run(world):
    config = good(world, cloud={"keepalive": 29, "sign_method": "rot13", "color": "red"})
    config["identity"]["product_key"] = 7
    said = refused(world, config, "keepalive", "rot13", "color", "product_key")
    assert len(re.findall(r"test\.conf:\d+: ", said)) >= 4, said


def test_wrong_type_is_refused_with_what_is_allowed(world):
    refused(world, good(world, cloud={"keepalive": "often"}), "keepalive", "often|string", "30")


def test_unknown_sign_method_is_refused_with_the_known_ones(world):
    refused(world, good(world, cloud={"sign_method": "sha1"}), "hmacsha1", "hmacsha256", "hmacmd5")


def test_unknown_auth_is_refused(world):
    refused(world, good(world, cloud={"auth": "magic"}), "auth", "magic", "device")


def test_syntax_error_is_refused_with_its_line(world):
    text = conf.file_text(good(world)) + 'cloud2 = { broken\n'
    refused(world, text, r"test\.conf:\d+: ")


def test_missing_identity_is_refused_by_the_names_of_the_keys(world):
    config = good(world)
    del config["identity"]
    refused(world, config, "product_key", "device_name")


def test_missing_secret_is_refused(world):
    refused(world, good(world, identity={"device_secret": None}), "secret")


def test_missing_file_is_refused_by_name(world):
    done = run_to_exit(world.path("none.conf"))
    assert done.returncode == EX_CONFIG
    assert "none.conf" in done.stderr


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_secret_file_that_others_can_read_is_refused(world, mode):
    path = world.path("device.secret")
    with open(path, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), mode)
        file.write("0123456789abcdef")
    identity = {"device_secret": None, "device_secret_file": path}
    said = refused(world, good(world, identity=identity), "chmod 0?600 " + re.escape(path))
    assert "0123456789abcdef" not in said


def test_empty_secret_file_is_refused(world):
    path = world.path("device.secret")
    with open(path, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
    identity = {"device_secret": None, "device_secret_file": path}
    refused(world, good(world, identity=identity), "empty")


def test_missing_secret_file_is_refused_by_name(world):
    identity = {"device_secret": None, "device_secret_file": world.path("nowhere")}
    refused(world, good(world, identity=identity), "nowhere")


def test_client_id_with_a_bar_is_refused(world):
    refused(world, good(world, identity={"client_id": "a|b"}), "client_id")


def test_client_id_over_64_characters_is_refused(world):
    refused(world, good(world, identity={"client_id": "x" * 65}), "client_id", "64")


def test_socket_path_too_long_for_the_kernel_is_refused(world):
    refused(world, good(world, local={"socket": "/tmp/" + "x" * 120}), "socket", "107|108")


def test_wildcards_that_differ_in_a_route_are_refused(world):
    route = {"local": "t/+", "remote": "/a/b/user/t", "direction": "up"}
    refused(world, good(world, routes=[route]), "route|remote|local")


def test_unknown_placeholder_is_refused(world):
    route = {"local": "t", "remote": "/${serial}/user/t", "direction": "up"}
    refused(world, good(world, routes=[route]), "serial")


def test_secret_never_appears_in_what_check_says(world):
    path = write(world, good(world, cloud={"keepalive": 5}))
    for arguments in ([], ["--check"]):
        done = run_to_exit(path, *arguments)
        assert conf.DEVICE_SECRET not in done.stderr + done.stdout


def test_check_accepts_a_good_file_without_starting(world):
    done = run_to_exit(write(world, good(world)), "--check")
    assert done.returncode == 0, done.stderr
    assert not os.path.exists(world.socket)


def test_check_refuses_a_bad_file(world):
    done = run_to_exit(write(world, good(world, cloud={"keepalive": 5})), "--check")
    assert done.returncode == EX_CONFIG
    assert "keepalive" in done.stderr + done.stdout


def test_version_and_help_need_no_configuration(world):
    for argument in ("--version", "--help"):
        done = run_to_exit(world.path("none"), argument)
        assert done.returncode == 0
        assert "iotlinkd" in done.stdout


def test_unknown_option_is_a_usage_error(world):
    done = run_to_exit(write(world, good(world)), "--fast")
    assert done.returncode == 64, done.stderr
