# SPDX-License-Identifier: Apache-2.0
"""A box with iotlinkd installed and a stand-in for the platform at the other end of its cable."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "integration")]

import box as boxes  # noqa: E402
from gateway import Gateway  # noqa: E402
from standin.control import Standin  # noqa: E402


@pytest.fixture(scope="session")
def stage():
    """What "meson install" makes, with prefix /usr."""
    path = os.environ.get("IOTLINK_STAGE")
    if not path:
        pytest.skip("run tests/system/units: it builds what is tested")
    return path


@pytest.fixture
def box(request, stage):
    lacks = boxes.missing()
    if lacks:
        pytest.skip("a box needs " + ", ".join(lacks))
    with boxes.Box(install=[stage]) as box:
        request.node.box = box
        yield box
        request.node.box = None


@pytest.fixture
def cloud(box):
    with box.cloud():
        standin = Standin(host=boxes.CLOUD_ADDRESS).start()
    yield standin
    standin.stop()


@pytest.fixture
def generous(box):
    """The stand-in without the platform's limits."""
    with box.cloud():
        standin = Standin(host=boxes.CLOUD_ADDRESS, limits=False).start()
    yield standin
    standin.stop()


@pytest.fixture
def gateway(box):
    return Gateway(box)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    box = getattr(item, "box", None)
    if report.failed and box and call.when in ("setup", "call"):
        report.sections.append(("the box's journal", box.report()))
