#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hands file descriptors over as systemd does, and becomes the program.

activate.py FD[=NAME],... COMMAND...
"""

import fcntl
import os
import sys

FIRST = 3


def main():
    wanted = [word.partition("=") for word in sys.argv[1].split(",")]
    # Out of the way first: one may stand where another belongs.
    spare = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd, _, _ in wanted]
    for number, fd in enumerate(spare):
        os.dup2(fd, FIRST + number)
        os.close(fd)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(wanted))
    os.environ["LISTEN_FDNAMES"] = ":".join(name or "unknown" for _, _, name in wanted)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
