#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command in a network of its own, where DNS is what the test wants it to be.

    box.py nxdomain|silent|servfail COMMAND...

Only a loopback, no routes, and a name server on 127.0.0.1:53. Needs root; exits 125 where the
kernel does not allow it.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import tempfile

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PR_SET_PDEATHSIG = 1
RCODES = {"servfail": 2, "nxdomain": 3}

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount_over(text, path):
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        check(libc.mount(file.name.encode(), path.encode(), None, MS_BIND, None))


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(probe, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def serve_names(mode, server):
    while True:
        query, peer = server.recvfrom(4096)
        if mode == "silent" or len(query) < 12:
            continue
        # The query's header as a response with this code, and the question as it came.
        flags = 0x8180 | RCODES[mode]
        counts = struct.pack("!HHHHH", flags, 1, 0, 0, 0)
        end = query.index(b"\0", 12) + 5
        server.sendto(query[:2] + counts + query[12:end], peer)


def enter(mode):
    check(libc.unshare(CLONE_NEWNS | CLONE_NEWNET))
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    mount_over("nameserver 127.0.0.1\noptions timeout:5 attempts:2\n", "/etc/resolv.conf")
    if os.path.exists("/etc/nsswitch.conf"):
        mount_over("hosts: files dns\n", "/etc/nsswitch.conf")
    raise_loopback()
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    parent = os.getpid()
    if os.fork() == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)  # a short command was over before we asked to go with it
        os.close(2)
        serve_names(mode, server)
    server.close()


def main():
    try:
        enter(sys.argv[1])
    except OSError as error:
        print("box: %s" % error, file=sys.stderr)
        return 125
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
