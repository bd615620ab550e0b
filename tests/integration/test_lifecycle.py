# SPDX-License-Identifier: Apache-2.0
"""Start, stop, and who owns the socket."""

import os
import signal

import pytest

from harness.client import Closed
from harness.topics import UP


def test_service_manager_is_told_ready_and_stopping(world, cloud):
    daemon = world.online(cloud)
    daemon.wait_notify(r"\bREADY=1\b")
    daemon.stop()
    assert any("STOPPING=1" in text for text in daemon.notified)


def test_ready_does_not_wait_for_the_cloud(world, cloud):
    cloud.set(answer="silence")
    daemon = world.device(cloud).start()
    assert daemon.status()["state"] == "connecting"


def test_watchdog_is_fed(world, cloud):
    daemon = world.device(cloud)
    daemon.start(WATCHDOG_USEC="1000000")
    daemon.wait_notify(r"\bWATCHDOG=1\b")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_in_order(world, cloud, number):
    daemon = world.online(cloud)
    client = daemon.client()
    client.status()
    daemon.process.send_signal(number)
    assert daemon.wait_exit() == 0
    assert cloud.wait_event("disconnect")["reason"] == "client", "DISCONNECT was sent"
    with pytest.raises((Closed, OSError)):
        client.status()


def test_socket_is_gone_after_a_stop(world, cloud):
    daemon = world.online(cloud)
    daemon.stop()
    assert not os.path.exists(daemon.socket_path)


def test_what_was_published_before_the_stop_is_sent(world, cloud):
    daemon = world.online(cloud)
    client = daemon.client()
    assert client.publish(UP, "first", qos=1)["op"] == "ack"
    for i in range(5):
        client.send(UP, str(i), qos=0)
    client.sync()
    status, _ = daemon.stop()
    assert status == 0
    cloud.wait_event("publish", count=6)


def test_stop_works_in_the_middle_of_a_flood(world, generous):
    daemon = world.online(generous)
    client = daemon.client()
    for i in range(300):
        client.send(UP, str(i), qos=1)
    status, seconds = daemon.stop(15)
    assert (status, seconds < 5) == (0, True)


def test_second_daemon_on_the_same_socket_says_so_and_leaves(world, cloud):
    first = world.online(cloud)
    second = world.device(cloud, name="second").spawn()
    assert second.wait_exit() != 0
    assert first.socket_path in second.log
    assert "another" in second.log.lower() or "in use" in second.log.lower()
    assert first.status()["state"] == "online"


def test_socket_file_left_by_a_killed_daemon_is_replaced(world, generous):
    first = world.online(generous)
    first.kill()
    assert os.path.exists(first.socket_path)
    second = world.device(generous, name="second").start()
    second.wait_online()
    assert second.status()["op"] == "status"


def test_file_that_is_no_socket_is_not_removed(world, cloud):
    with open(world.socket, "w", encoding="ascii") as file:
        file.write("precious")
    daemon = world.device(cloud).spawn()
    assert daemon.wait_exit() != 0
    with open(world.socket, encoding="ascii") as file:
        assert file.read() == "precious"
    assert world.socket in daemon.log


def test_missing_directory_of_the_socket_is_named(world, cloud):
    daemon = world.device(cloud, local={"socket": world.path("no/such/place")}).spawn()
    assert daemon.wait_exit() != 0
    assert "no/such" in daemon.log


def test_leaves_no_zombies_and_one_process(world, cloud):
    daemon = world.online(cloud)
    with open("/proc/%d/task/%d/children" % (daemon.pid, daemon.pid), encoding="ascii") as file:
        assert file.read().split() == []


def test_broken_pipe_of_stderr_does_not_kill_it(world, cloud):
    daemon = world.device(cloud)
    reader, daemon.stderr = os.pipe()
    daemon.start()
    daemon.wait_online()
    os.close(daemon.stderr)
    os.close(reader)
    client = daemon.client()
    client.watch()
    cloud.cut()
    client.state("offline")
    client.state("online", seconds=20)
