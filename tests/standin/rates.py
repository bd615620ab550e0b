# SPDX-License-Identifier: Apache-2.0
"""So many in any stretch of time."""

import collections

JITTER = 0.98  # two events a whole period apart by the sender's clock may be a little closer here


class Window:
    """Counts over a sliding window: stricter than a bucket, which lets twice its size through in one period."""

    def __init__(self, seconds):
        self.seconds = seconds * JITTER
        self.times = collections.deque()

    def allow(self, limit, now):
        """True when one more at @now is within @limit (0: no limit, and nothing is counted). What is refused doesn't
        count."""
        times = self.times
        if not limit:
            times.clear()
            return True
        while times and times[0] <= now - self.seconds:
            times.popleft()
        if len(times) >= limit:
            return False
        times.append(now)
        return True
