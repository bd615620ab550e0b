# SPDX-License-Identifier: Apache-2.0
"""What happened, in order: numbered events that can be searched and waited for.

The oldest go when there are too many of them or their payloads are too big together; the counters keep everything.
"""

import asyncio
import base64
import collections
import itertools
import time

EVENTS_MAX = 200_000
BYTES_MAX = 256 << 20


class Journal:
    def __init__(self, verbose=None):
        self.events = collections.deque()
        self.bytes = 0
        self.last = 0
        self.counts = collections.Counter()
        self.waiters = []
        self.verbose = verbose

    def add(self, kind, **members):
        """Payloads are kept as bytes under "payload" and become Base64 only when they leave."""
        self.last += 1
        event = {"n": self.last, "t": time.monotonic(), "kind": kind, **members}
        self.counts[kind] += 1
        self.events.append(event)
        self.bytes += len(members.get("payload", b""))
        while len(self.events) > EVENTS_MAX or self.bytes > BYTES_MAX:
            self.bytes -= len(self.events.popleft().get("payload", b""))
        if self.verbose:
            self.verbose(line_format(event))
        if self.waiters:
            self._wake(event)
        return event

    def find(self, kind=None, after=0, match=None, count=None):
        """Returns the events, oldest first; at most @count."""
        found = []
        first = self.events[0]["n"] if self.events else 0  # numbers have no gaps, so places can be counted
        for event in itertools.islice(self.events, max(0, after + 1 - first), None):
            if fits(event, kind, match):
                found.append(event)
                if len(found) == count:
                    break
        return found

    async def wait(self, kind, after, match, count, timeout):
        """Returns the @count-th event that fits, past or future, or None after @timeout."""
        found = self.find(kind, after, match, count)
        if len(found) >= count:
            return found[-1]
        future = asyncio.get_running_loop().create_future()
        waiter = [kind, after, match, count - len(found), future]
        self.waiters.append(waiter)
        try:
            return await asyncio.wait_for(future, timeout)
        except asyncio.TimeoutError:
            return None
        finally:
            self.waiters.remove(waiter)

    def _wake(self, event):
        for waiter in self.waiters:
            kind, after, match, _, future = waiter
            if future.done() or event["n"] <= after or not fits(event, kind, match):
                continue
            waiter[3] -= 1
            if waiter[3] == 0:
                future.set_result(event)


def fits(event, kind, match):
    if kind is not None and event["kind"] != kind:
        return False
    return not match or all(event.get(k) == v for k, v in match.items())


def export(event):
    """An event as JSON can carry it."""
    if "payload" not in event:
        return event
    out = dict(event)
    out["payload_b64"] = base64.b64encode(out.pop("payload")).decode()
    return out


def value_format(value):
    if isinstance(value, bytes):
        text = value[:60].decode("utf-8", "replace")
        return repr(text) + ("..." if len(value) > 60 else "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def line_format(event):
    """One line for people."""
    stamp = time.strftime("%H:%M:%S")
    skip = ("n", "t", "kind", "conn", "identity", "params")
    members = " ".join(f"{k}={value_format(v)}" for k, v in event.items() if k not in skip and v is not None)
    who = event.get("identity") or (f"#{event['conn']}" if "conn" in event else "-")
    return f"{stamp} {event['kind']:<11} {who}  {members}"
