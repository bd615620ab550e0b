# SPDX-License-Identifier: Apache-2.0
"""The test CA and certificates for servers other than the stand-in; made once per process."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import types

from harness.place import REPOSITORY


@functools.lru_cache(maxsize=None)
def certificates():
    """.root, .certificate, .key: paths."""
    directory = tempfile.mkdtemp(prefix="il-certs-", dir="/tmp")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    maker = os.path.join(REPOSITORY, "tests/standin/certs.py")
    subprocess.run([sys.executable, maker, directory], check=True)

    def path(name):
        return os.path.join(directory, name)

    return types.SimpleNamespace(
        root=path("ca.pem"), certificate=path("good.pem"), key=path("good.key")
    )
