# SPDX-License-Identifier: Apache-2.0
"""What the server keeps of one client between connections: subscriptions, and QoS 1 messages on their way to it.

A message is in the queue until it is sent and in flight until the client's PUBACK. Those in flight when a connection
ends are sent again, in order and with DUP, on the next one, before anything from the queue.
"""

import collections

from . import mqtt, topics


class Session:
    def __init__(self, key, journal, clean):
        self.key = key
        self.journal = journal
        self.clean = clean
        self.link = None  # the connection, while there is one
        self.window = 0  # most messages in flight; 0 is no limit
        self.subscriptions = {}
        self.queue = collections.deque()  # (topic, payload)
        self.in_flight = {}  # mid: (topic, payload), in the order of sending
        self.mid = 0
        self.unacknowledged = set()  # mids of the client's publishes that have had no PUBACK on this connection
        self.stale = []  # mids whose PUBACK is to come on the next connection

    def wants(self, topic):
        """Returns the highest QoS subscribed with, or None."""
        return max((q for f, q in self.subscriptions.items() if topics.matches(f, topic)), default=None)

    def attach(self, link, clean):
        self.link = link
        self.clean = clean
        self.unacknowledged.clear()

    def stale_take(self):
        stale, self.stale = self.stale, []
        return stale

    def resume(self):
        """To be called once the client has its CONNACK."""
        for mid, (topic, payload) in self.in_flight.items():
            self._send(topic, payload, 1, mid, dup=True)
        self.fill()

    def detach(self):
        self.link = None

    def deliver(self, topic, payload, qos):
        """Returns "delivered", "queued" or "lost"."""
        if not self.link and (qos == 0 or self.clean):
            self._note("lost", topic, payload, qos)
            return "lost"
        if qos == 0:
            self._send(topic, payload, 0, 0)
            return "delivered"
        self.queue.append((topic, payload))
        if self.link and self._room():
            self.fill()
            return "delivered"
        self._note("queued", topic, payload, qos)
        return "queued"

    def fill(self):
        while self.link and self.queue and self._room():
            topic, payload = self.queue.popleft()
            mid = self._mid_next()
            self.in_flight[mid] = (topic, payload)
            self._send(topic, payload, 1, mid)

    def acknowledge(self, mid):
        """Returns the topic of the message, or None when there is none of that number."""
        message = self.in_flight.pop(mid, None)
        if message is None:
            return None
        self.fill()
        return message[0]

    def _room(self):
        return len(self.in_flight) < (self.window or 0xFFFF)

    def _mid_next(self):
        while True:
            self.mid = self.mid % 0xFFFF + 1
            if self.mid not in self.in_flight:
                return self.mid

    def _send(self, topic, payload, qos, mid, dup=False):
        self._note("deliver", topic, payload, qos, dup=dup, mid=mid)
        self.link.write(mqtt.publish(topic, payload, qos, dup, mid))

    def _note(self, kind, topic, payload, qos, **more):
        conn = {"conn": self.link.number} if self.link else {}
        self.journal.add(kind, **conn, identity=self.key, topic=topic, len=len(payload), qos=qos, **more)
