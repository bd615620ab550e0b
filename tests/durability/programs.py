# SPDX-License-Identifier: Apache-2.0
"""Programs that publish, what they were promised, and what came of it."""

import collections
import json
import select
import socket
import threading
import time


class Program(threading.Thread):
    """Publishes numbers, @pad digits long, over the socket; remembers which were promised.

    Its first topic gets half of them, the second a quarter, and so on, so that some are always
    busy and some come now and then. When the daemon goes away it
    connects again and goes on with the next number: what was not answered is nobody's promise.
    """

    def __init__(self, path, topics, window=32, pause=0.0, count=None, pad=1, on_promised=None):
        super().__init__(daemon=True)
        self.path, self.topics = path, topics
        self.window, self.pause, self.count, self.pad = window, pause, count, pad
        self.on_promised = on_promised
        self.promised = {topic: set() for topic in topics}
        self.errors = collections.Counter()
        self.next = 0
        self.ending = False

    def topic(self, number):
        return self.topics[min((number & -number).bit_length(), len(self.topics)) - 1]

    def payload(self, number):
        return b"%0*d" % (self.pad, number)

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

    def line(self, number):
        return b'{"op":"pub","id":%d,"topic":"%s","payload":"%s","qos":1}\n' % (
            number, self.topic(number).encode(), self.payload(number))  # fmt: skip

    def serve(self, connection):
        unanswered, rest = set(), b""
        while not (self.ending and not unanswered):
            lines = []
            while not self.ending and not self.done() and len(unanswered) < self.window:
                unanswered.add(self.next)
                lines.append(self.line(self.next))
                self.next += 1
            if self.done() and not unanswered:
                return
            connection.sendall(b"".join(lines))
            if not select.select([connection], [], [], 5)[0]:
                continue
            data = connection.recv(1 << 16)
            if not data:
                return
            *answers, rest = (rest + data).split(b"\n")
            self.take([json.loads(answer) for answer in answers], unanswered)
            if self.pause:
                time.sleep(self.pause)

    def take(self, answers, unanswered):
        promised = []
        for answer in answers:
            unanswered.discard(answer.get("id"))
            if answer["op"] == "ack":
                promised.append((self.topic(answer["id"]), answer["id"]))
            else:
                self.errors[answer.get("code", answer["op"])] += 1
        for topic, number in promised:
            self.promised[topic].add(number)
        if promised and self.on_promised:
            self.on_promised(promised)


class Reader(threading.Thread):
    """Has a durable subscription; tells before it accepts a message, and leaves some for later."""

    def __init__(self, path, topic_filter, on_subscribed, on_done):
        super().__init__(daemon=True)
        self.path, self.filter = path, topic_filter
        self.on_subscribed, self.on_done = on_subscribed, on_done
        self.ending = False

    def run(self):
        while not self.ending:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    connection.connect(self.path)
                    self.serve(connection)
            except OSError:
                time.sleep(0.01)

    def serve(self, connection):
        hello, sub = {"op": "hello", "client": "reader"}, {"op": "sub", "filter": self.filter, "durable": True}
        connection.sendall(b"%s\n%s\n" % (json.dumps(hello).encode(), json.dumps(sub).encode()))
        for line in connection.makefile():
            answer = json.loads(line)
            if answer["op"] == "ack":
                self.on_subscribed()
            elif answer["op"] == "msg" and (answer.get("redelivered") or int(answer["payload"]) % 2):
                self.on_done(int(answer["payload"]))
                connection.sendall(b'{"op":"done","mid":%d}\n' % answer["mid"])


def promised_of(programs):
    """{topic: numbers} of programs that share no topic."""
    return {topic: numbers for p in programs for topic, numbers in p.promised.items()}


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
