# SPDX-License-Identifier: Apache-2.0
"""Programs that publish, what they were promised, and what came of it."""

import collections
import json
import select
import socket
import threading
import time


class Program(threading.Thread):
    """Publishes numbers to a topic of its own over the socket; remembers which were promised.

    When the daemon goes away it connects again and goes on with the next number: what was not
    answered is nobody's promise.
    """

    def __init__(self, path, topic, window=32, pause=0.0, count=None, pad=1):
        super().__init__(daemon=True)
        self.path, self.topic = path, topic
        self.window, self.pause, self.count, self.pad = window, pause, count, pad
        self.promised = set()
        self.errors = collections.Counter()
        self.next = 0
        self.ending = False

    def run(self):
        while not self.ending and not self.done():
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    connection.connect(self.path)
                    self.serve(connection)
            except OSError:
                time.sleep(0.01)

    def done(self):
        return self.count is not None and self.next >= self.count

    def serve(self, connection):
        connection.setblocking(False)
        unanswered, rest = set(), b""
        while not (self.ending and not unanswered):
            lines = []
            while not self.ending and not self.done() and len(unanswered) < self.window:
                unanswered.add(self.next)
                lines.append(
                    b'{"op":"pub","id":%d,"topic":"%s","payload":"%0*d","qos":1}\n'
                    % (self.next, self.topic.encode(), self.pad, self.next)
                )
                self.next += 1
            if self.done() and not unanswered:
                return
            connection.setblocking(True)
            connection.sendall(b"".join(lines))
            if not select.select([connection], [], [], 5)[0]:
                continue
            data = connection.recv(1 << 16)
            if not data:
                return
            *answers, rest = (rest + data).split(b"\n")
            for line in answers:
                answer = json.loads(line)
                unanswered.discard(answer.get("id"))
                if answer["op"] == "ack":
                    self.promised.add(answer["id"])
                else:
                    self.errors[answer.get("code", answer["op"])] += 1
            if self.pause:
                time.sleep(self.pause)


class Count:
    """Compares what was promised with what arrived."""

    def __init__(self):
        self.seen = collections.defaultdict(dict)  # topic: {number: how often}
        self.last = {}
        self.reordered = 0
        self.lock = threading.Lock()

    def arrived(self, topic, number):
        with self.lock:
            seen = self.seen[topic]
            if number not in seen:
                if number < self.last.get(topic, -1):
                    self.reordered += 1
                self.last[topic] = max(number, self.last.get(topic, -1))
            seen[number] = seen.get(number, 0) + 1

    @property
    def duplicated(self):
        with self.lock:
            return sum(n - 1 for seen in self.seen.values() for n in seen.values())

    @property
    def total(self):
        with self.lock:
            return sum(map(len, self.seen.values()))

    def lost(self, promised):
        """@promised: {topic: set of numbers}."""
        with self.lock:
            return sum(len(numbers - self.seen[topic].keys()) for topic, numbers in promised.items())


def wait_until(question, seconds):
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True
