# SPDX-License-Identifier: Apache-2.0
"""iotlinkctl metrics, as others' parsers understand it."""

import glob
import os
import shutil
import subprocess

import pytest
from prometheus_client import parser as older
from prometheus_client.openmetrics import parser as openmetrics

from harness.ctl import DONE, NO_DAEMON, REFUSED, USAGE
from harness.topics import UP


@pytest.fixture
def daemon(world, cloud):
    daemon = world.online(cloud, tls=True)
    daemon.client().publish(UP, "x", qos=1)
    return daemon


@pytest.fixture
def ctl(world, daemon):
    return world.ctl(daemon.socket_path)


@pytest.fixture
def lone(world):
    """iotlinkctl without a daemon."""
    return world.ctl(world.path("nobody"))


def values(text, parse):
    """Each sample's value, by its name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse.text_string_to_metric_families(text)
        for sample in family.samples
    }


def check(text, parse, **labels):
    common = tuple(labels.items())
    found = values(text, parse)
    assert found[("iotlink_up", *common)] == 1
    assert found[("iotlink_sent_messages_total", *common)] == 1
    assert 300 < found[("iotlink_root_expiry_days", *common)] < 10000
    states = {
        name: found[("iotlink_state", *sorted((*common, ("iotlink_state", name))))]
        for name in ("offline", "connecting", "online", "stopping")
    }
    assert states == {"offline": 0, "connecting": 0, "online": 1, "stopping": 0}
    assert [key for key in found if key[0] == "iotlink_build_info"]
    return found


def promtool(text):
    """Prometheus's own opinion, where it is installed."""
    if shutil.which("promtool"):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        # 3 is advice. People count the life of a certificate in days.
        advice = [line for line in done.stderr.strip().split("\n") if "days" not in line]
        assert done.returncode in (0, 3) and not advice, done.stderr


def test_openmetrics(ctl):
    done = ctl.run("metrics")
    assert done.returncode == DONE
    check(done.stdout, openmetrics)


def test_both_formats_say_the_same(ctl):
    new, old = (ctl.run("metrics", *more).stdout for more in ([], ["--prometheus"]))
    promtool(old)
    new, old = check(new, openmetrics), check(old, older)
    # The status is asked for by a connection of its own each time.
    assert set(new) == set(old)
    assert {key for key in new if new[key] != old[key]} <= {("iotlink_clients_accepted_total",)}
    types = {
        family.type for family in older.text_string_to_metric_families(ctl.run("metrics", "-p").stdout)
    }
    assert types == {"gauge", "counter"}


@pytest.mark.parametrize("parse,more", [(openmetrics, []), (older, ["--prometheus"])])
def test_a_label_is_on_everything(ctl, parse, more):
    name = 'gate "1" \\ é'
    found = check(ctl.run("metrics", *more, "--label", "device=" + name).stdout, parse, device=name)
    assert all(("device", name) in key for key in found)


@pytest.mark.parametrize("label", ["device", "9=x", "=x", ""])
def test_a_bad_label_is_a_usage_error(lone, label):
    assert lone.run("metrics", "--label", label).returncode == USAGE


def test_a_file_is_replaced(world, ctl):
    os.mkdir(world.path("out"))
    path = world.path("out/iotlinkd.prom")
    for _ in range(2):
        done = ctl.run("metrics", "--prometheus", "--output", path)
        assert (done.returncode, done.stdout, done.stderr) == (DONE, "", "")
        assert os.stat(path).st_mode & 0o777 == 0o644
        with open(path, encoding="utf-8") as file:
            check(file.read(), older)
    assert glob.glob(world.path("out/*")) == [path]


def test_without_a_daemon_it_says_down_and_69(world, lone):
    path = world.path("iotlinkd.prom")
    for arguments in ([], ["--output", path]):
        done = lone.run("metrics", *arguments)
        assert done.returncode == NO_DAEMON
        assert world.path("nobody") in done.stderr
    with open(path, encoding="utf-8") as file:
        assert values(file.read(), openmetrics) == {("iotlink_up",): 0}


def test_a_file_that_cannot_be_written_fails_by_name(world, ctl):
    path = world.path("missing/iotlinkd.prom")
    done = ctl.run("metrics", "--output", path)
    assert done.returncode == REFUSED
    assert path in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told(world, ctl):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*ctl.head, "metrics"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == REFUSED
    assert b"No space" in done.stderr
