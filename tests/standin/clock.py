# SPDX-License-Identifier: Apache-2.0
"""The stand-in's own clock, for everything that takes minutes or days: it runs with the real one and can be pushed, so
that no test needs to wait for a token to end."""

import asyncio
import itertools
import time


class Clock:
    def __init__(self):
        self.offset = 0.0
        self.waiting = {}  # number: (when, function)
        self.numbers = itertools.count(1)
        self.timer = None

    def now(self):
        """Seconds since 1970."""
        return time.time() + self.offset

    def advance(self, seconds):
        """Jumps; what falls due in between happens now, in its order. Backward is a jump too."""
        self.offset += seconds
        self._run()

    def at(self, when, function):
        """Returns a handle for cancel()."""
        number = next(self.numbers)
        self.waiting[number] = (when, function)
        self._arm()
        return number

    def later(self, seconds, function):
        return self.at(self.now() + seconds, function)

    def cancel(self, handle):
        self.waiting.pop(handle, None)

    def _run(self):
        while self.waiting:
            number, (when, function) = min(self.waiting.items(), key=lambda item: (item[1][0], item[0]))
            if when > self.now():
                break
            del self.waiting[number]
            function()
        self._arm()

    def _arm(self):
        if self.timer:
            self.timer.cancel()
            self.timer = None
        if self.waiting:
            left = min(when for when, _ in self.waiting.values()) - self.now()
            # Never longer than an hour: event loops don't take any number.
            self.timer = asyncio.get_running_loop().call_later(min(max(left, 0), 3600), self._run)
