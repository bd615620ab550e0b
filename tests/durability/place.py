# SPDX-License-Identifier: Apache-2.0
"""The tests' own path, and what they share: the daemon, the broker, a subscriber that counts."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
TESTS = os.path.dirname(HERE)
BUILD = os.path.abspath(
    os.environ.get("TEST_BUILD_DIR", os.path.join(os.path.dirname(TESTS), "build"))
)
os.environ.setdefault("IOTLINKD", os.path.join(BUILD, "src/daemon/iotlinkd"))
sys.path[:0] = [os.path.join(TESTS, "integration"), TESTS]

from harness import conf  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.mosquitto import BINARY as BROKER  # noqa: E402
from harness.mosquitto import Mosquitto  # noqa: E402
from harness.peer import Peer  # noqa: E402
from harness.place import await_true, free_port  # noqa: E402


def gateway(directory, port, **changes):
    """iotlinkd without the platform's limits, to the broker at @port; not started."""
    state = os.path.join(directory, "state")
    os.makedirs(state, mode=0o700, exist_ok=True)
    config = conf.device(
        "localhost:%d" % port,
        os.path.join(directory, "s"),
        identity={"product_key": None, "device_name": None, "device_secret": None, "client_id": "gateway"},
        cloud={"auth": "plain", "limits": conf.NO_LIMITS, "reconnect": {"min": 1, "max": 1}},
        local={"state": state},
    )
    return Daemon(directory, conf.merged(config, changes))


__all__ = ["BROKER", "Daemon", "Mosquitto", "Peer", "await_true", "conf", "free_port", "gateway"]
