# SPDX-License-Identifier: Apache-2.0
"""Fixtures: each test gets its own directory, ports and processes, and a failure shows them all."""

import os
import sys

import pytest

TESTS = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
sys.path[:0] = [os.path.dirname(__file__), TESTS]

from harness import conf  # noqa: E402
from harness.ctl import Ctl  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.mosquitto import Mosquitto  # noqa: E402
from harness.peer import Peer  # noqa: E402
from harness.place import make_directory, remove_directory  # noqa: E402


class World:
    """All that a test started: makes things, remembers them, shows them, ends them."""

    def __init__(self):
        self.directory = make_directory()
        self.things = []
        self.daemons = []
        self.standins = []
        self.brokers = []

    def keep(self, thing):
        self.things.append(thing)
        return thing

    def path(self, name):
        return os.path.join(self.directory, name)

    @property
    def socket(self):
        return self.path("s")

    def daemon(self, config, name="iotlinkd"):
        daemon = self.keep(Daemon(self.directory, config, name))
        self.daemons.append(daemon)
        return daemon

    def mosquitto(self, tls=None, **options):
        broker = self.keep(Mosquitto(self.directory, tls, **options))
        self.brokers.append(broker)
        return broker.start()

    def peer(self, *arguments, **options):
        return self.keep(Peer(*arguments, **options))

    def ctl(self, socket_path=None):
        return self.keep(Ctl(socket_path or self.socket))

    def report(self):
        for number, daemon in enumerate(self.daemons, 1):
            yield "iotlinkd %d: stderr" % number, "\n".join(daemon.log.split("\n")[-200:])
            yield "iotlinkd %d: sd_notify" % number, "\n".join(daemon.notified[-20:])
        for number, broker in enumerate(self.brokers, 1):
            yield "mosquitto %d: log" % number, "\n".join(broker.log.split("\n")[-60:])

    def cleanup(self):
        for thing in reversed(self.things):
            thing.cleanup()
        remove_directory(self.directory)


@pytest.fixture
def world():
    world = World()
    yield world
    world.cleanup()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and call.when == "call" and world:
        report.sections.extend((title, text) for title, text in world.report() if text)
