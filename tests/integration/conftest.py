# SPDX-License-Identifier: Apache-2.0
"""Fixtures: each test gets its own directory, ports and processes, and a failure shows them all."""

import ctypes
import os
import re
import sys
import threading

import pytest

TESTS = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
sys.path[:0] = [os.path.dirname(__file__), TESTS]

from harness import conf, modes  # noqa: E402
from harness.ctl import Ctl  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.mosquitto import Mosquitto  # noqa: E402
from harness.peer import Peer  # noqa: E402
from harness.place import PATIENCE, make_directory, remove_directory  # noqa: E402
from standin.control import ControlError, Standin  # noqa: E402

SANITIZER = re.compile("AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")
STOP_SECONDS = 5.0


class World:
    """All that a test started: makes things, remembers them, shows them, ends them."""

    def __init__(self):
        self.directory = make_directory()
        self.things = []
        self.daemons = []
        self.standins = []
        self.brokers = []
        self.sections = []

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

    def cloud(self, **settings):
        """A stand-in for the platform, started."""
        cloud = Standin(**settings)
        cloud.start()
        self.standins.append(cloud)
        return cloud

    def device(self, cloud, /, tls=True, name="iotlinkd", **changes):
        """A daemon with @cloud's identity, not started yet."""
        identity = {
            key: cloud.identity[key] for key in ("product_key", "device_name", "device_secret")
        }
        endpoint = "localhost:%d" % (cloud.tls_port if tls else cloud.tcp_port)
        config = conf.device(endpoint, self.socket, cloud.ca_file if tls else None, identity=identity)
        return self.daemon(conf.merged(config, changes), name)

    def online(self, cloud, /, **options):
        """The same, started and online."""
        daemon = self.device(cloud, **options).start()
        daemon.wait_online()
        return daemon

    def peer(self, *arguments, **options):
        return self.keep(Peer(*arguments, **options))

    def ctl(self, socket_path=None):
        return self.keep(Ctl(socket_path or self.socket))

    def report(self):
        for number, daemon in enumerate(self.daemons, 1):
            yield "iotlinkd %d: stderr" % number, "\n".join(daemon.log.split("\n")[-200:])
            yield "iotlinkd %d: sd_notify" % number, "\n".join(daemon.notified[-20:])
        for number, cloud in enumerate(self.standins, 1):
            yield "stand-in %d: events" % number, events_of(cloud)
        for number, broker in enumerate(self.brokers, 1):
            yield "mosquitto %d: log" % number, "\n".join(broker.log.split("\n")[-60:])

    def stop_daemons(self):
        """Ends the daemons that still run; each must go in order, whatever the test did to it."""
        for daemon in self.daemons:
            if daemon.running() and not daemon.hung:
                status, seconds = daemon.stop()
                assert status == 0, "iotlinkd ended with %d after SIGTERM" % status
                assert seconds <= STOP_SECONDS * PATIENCE, "iotlinkd took %.1f s to end" % seconds
            found = SANITIZER.search(daemon.log)
            assert not found, "%s: see iotlinkd's stderr" % found.group()

    def secrets(self):
        """What no log may ever hold, as far as it can still be asked."""
        found = {conf.DEVICE_SECRET, modes.DEVICE_SECRET, modes.PRODUCT_SECRET, modes.ACCESS_SECRET, modes.WRONG_SECRET}
        for cloud in self.standins:
            found.add(cloud.identity["device_secret"])
            try:
                found.update(cloud.secrets())
            except (ControlError, OSError):
                pass  # the test has ended it
        return found - {None, ""}

    def check_logs(self):
        """Whatever the test was about."""
        secrets = self.secrets() if any(daemon.log for daemon in self.daemons) else ()
        for daemon in self.daemons:
            for secret in secrets:
                assert secret not in daemon.log, "a secret is in iotlinkd's log"

    def kill_all(self):
        """The last resort of a test that hangs."""
        for thing in self.things + self.standins:
            process = getattr(thing, "process", None)
            if process and process.poll() is None:
                process.kill()

    def cleanup(self):
        self.sections = list(self.report())
        for thing in reversed(self.things):
            thing.cleanup()
        for cloud in self.standins:
            cloud.stop()
        remove_directory(self.directory)


def events_of(cloud):
    try:
        return "\n".join(map(short, cloud.events()[-60:]))
    except ControlError as error:
        return "cannot be asked: %s" % error


def short(event):
    """One line of an event; payloads cut."""
    return " ".join(
        "%s=%.80r" % (key, value) if key != "kind" else "%-10s" % value
        for key, value in event.items()
    )


class OutOfPatience(AssertionError):
    """Raised in the middle of a test that takes too long."""


@pytest.fixture(autouse=True)
def end_of_patience(request):
    """No test waits for ever, whatever hangs: it fails with the place where it hung."""
    thread = threading.get_ident()  # pytest-xdist does not always give us the main one

    def give_up():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(OutOfPatience)
        )
        # The exception waits for Python code to run: end whatever a system call may wait for.
        world = getattr(request.node, "funcargs", {}).get("world")
        if world:
            world.kill_all()

    limit = (180 if request.node.get_closest_marker("slow") else 60) * PATIENCE
    timer = threading.Timer(limit, give_up)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


@pytest.fixture
def world():
    world = World()
    try:
        yield world
        world.stop_daemons()
        world.check_logs()
    finally:
        world.cleanup()


@pytest.fixture
def cloud(world):
    """The platform's stand-in with all its limits."""
    return world.cloud()


@pytest.fixture
def generous(world):
    """The stand-in without limits, for floods and for tests that connect often."""
    return world.cloud(limits=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and call.when in ("call", "teardown") and world:
        sections = world.sections or world.report()
        report.sections.extend((title, text) for title, text in sections if text)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes long by nature (a keepalive, a minute's budget)")


def pytest_collection_modifyitems(items):
    # What takes longest starts first, so that the others run beside it.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
