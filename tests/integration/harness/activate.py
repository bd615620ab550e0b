#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts a command as systemd's socket activation does: fd 3 listens, LISTEN_PID is its own.

The inherited listener's number stands in IOTLINK_TEST_LISTENER.
"""

import os
import sys

os.dup2(int(os.environ.pop("IOTLINK_TEST_LISTENER")), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[1], sys.argv[1:])
