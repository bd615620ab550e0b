# SPDX-License-Identifier: Apache-2.0
"""Another world around the daemon: other mounts, another network, another clock. Needs root; each function
skips the test where that is not allowed."""

import glob
import os
import subprocess

import pytest

from harness.daemon import BINARY

BOX = os.path.join(os.path.dirname(__file__), "box.py")


def allowed(wrapper):
    """@wrapper, if it can run a program."""
    done = subprocess.run([*wrapper, "/bin/true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("namespaces are not allowed here: " + done.stderr.strip())
    return wrapper


def network(mode):
    """A network of its own without routes; box.py's @mode says what its name server does."""
    return allowed([BOX, mode])


def mounts(script):
    """Mounts of its own; @script, run as root, changes them."""
    return allowed(["unshare", "--mount", "sh", "-ec", script + '\nexec "$@"', "mounts"])


def hosts(world, *names):
    """The addresses of @names are this machine's."""
    path = world.path("hosts")
    with open(path, "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost %s\n" % " ".join(names))
    with open(world.path("nsswitch"), "w", encoding="ascii") as file:
        file.write("hosts: files\n")
    return mounts(
        "mount --bind %s /etc/hosts\n"
        "if [ -e /etc/nsswitch.conf ]; then mount --bind %s /etc/nsswitch.conf; fi"
        % (path, world.path("nsswitch"))
    )


def clock(start):
    """Environment in which the wall clock begins at @start ("1970-01-02 00:00:00")."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        pytest.skip("faketime is not installed")
    linked = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=False).stdout
    if "san.so" in linked:
        pytest.skip("a sanitizer must be loaded first")
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME": "@" + start,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "TZ": "UTC",
    }
