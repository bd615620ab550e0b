# SPDX-License-Identifier: Apache-2.0
"""A plugin of nbdkit: a disk in memory that writes down what is done to it, and fails on command.

    nbdkit python disk_plugin.py base=FILE log=FILE errors=FILE

The disk begins as @base. Each write and flush is appended to @log (see crash.py). While there is a
file @errors, writes at or behind the offset in it fail with EIO, and nothing of them stays.
"""

import errno
import io
import struct

import nbdkit

API_VERSION = 2
WRITE, FLUSH = 0, 1

parameters = {}
disk = bytearray()
log = None


def config(key, value):
    parameters[key] = value


def get_ready():
    global log
    with io.open(parameters["base"], "rb") as file:
        disk[:] = file.read()
    log = io.open(parameters["log"], "wb", buffering=0)


def open(_readonly):  # the name that nbdkit asks for
    return 1


def get_size(_handle):
    return len(disk)


def shall_fail(offset):
    try:
        with io.open(parameters["errors"], encoding="ascii") as file:
            return offset >= int(file.read())
    except FileNotFoundError:
        return False


def pread(_handle, buffer, offset, _flags):
    buffer[:] = disk[offset : offset + len(buffer)]


def pwrite(_handle, buffer, offset, _flags):
    if shall_fail(offset):
        nbdkit.set_error(errno.EIO)
        raise OSError(errno.EIO, "told to fail")
    disk[offset : offset + len(buffer)] = buffer
    log.write(struct.pack("<BQI", WRITE, offset, len(buffer)) + buffer)


def flush(_handle, _flags):
    log.write(struct.pack("<BQI", FLUSH, 0, 0))
