# SPDX-License-Identifier: Apache-2.0
"""One thread of a process, stopped, while the others go on."""

import ctypes
import os

import pytest

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


class Frozen:
    """A single thread, stopped, as long as the block lasts."""

    def __init__(self, pid, name):
        self.tid = next(
            int(tid)
            for tid in os.listdir("/proc/%d/task" % pid)
            if open("/proc/%d/task/%s/comm" % (pid, tid), encoding="ascii").read().strip() == name
        )
        self.gone = False
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long] * 4

    def ptrace(self, request):
        if self.libc.ptrace(request, self.tid, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        try:
            self.ptrace(PTRACE_SEIZE)
        except PermissionError:
            pytest.skip("this machine does not allow to trace processes")
        self.ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.tid, WALL)
        return self

    def is_gone(self):
        """Whether it was killed. Until this is asked, what is left of its process stays."""
        if not self.gone:
            pid, status = os.waitpid(self.tid, WALL | os.WNOHANG)
            self.gone = pid != 0 and not os.WIFSTOPPED(status)
        return self.gone

    def __exit__(self, *exc):
        if not self.is_gone():
            self.ptrace(PTRACE_DETACH)
