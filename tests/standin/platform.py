#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stand-in until SIGTERM. See README.md.

This file's name is also that of a module of Python's own. Whoever has this folder where Python looks for modules, and
so gets this file without having meant it, is given the other one.
"""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def other_give():
    path = os.path.join(os.path.dirname(os.__file__), "platform.py")
    spec = importlib.util.spec_from_file_location("platform", path)
    sys.modules["platform"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["platform"])


if __name__ == "platform":
    other_give()
elif __name__ == "__main__":
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != HERE]
    sys.path.insert(0, os.path.dirname(HERE))

    from standin.main import main

    sys.exit(main())
