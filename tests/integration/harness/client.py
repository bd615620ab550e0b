# SPDX-License-Identifier: Apache-2.0
"""A program on the local socket: one JSON object a line, each way."""

import base64
import collections
import json
import socket

from harness.place import Deadline


def payload_of(message):
    """The bytes of a "msg" object."""
    if "payload_b64" in message:
        return base64.b64decode(message["payload_b64"], validate=True)
    return message["payload"].encode()


class Closed(AssertionError):
    """The daemon ended the connection."""


class SocketClient:
    def __init__(self, path, receive_buffer=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(path)
        self.buffer = bytearray()
        self.unclaimed = collections.deque()
        self.next_id = 0
        self.history = []

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Bytes and lines

    def write(self, data):
        self.socket.settimeout(Deadline().left())
        self.socket.sendall(data)

    def say(self, **fields):
        self.write(json.dumps(fields, ensure_ascii=False).encode() + b"\n")

    def read_line(self, deadline):
        """The next line as bytes; raises Closed at the end, AssertionError at the deadline."""
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                line = bytes(self.buffer[:end])
                del self.buffer[: end + 1]
                return line
            self.socket.settimeout(max(0.001, deadline.left()))
            try:
                data = self.socket.recv(1 << 20)
            except socket.timeout:
                raise AssertionError(
                    "nothing more came within %g s; so far: %s"
                    % (deadline.seconds, self.history[-5:])
                ) from None
            except ConnectionError as error:
                raise Closed(str(error)) from None
            if not data:
                raise Closed("end of stream; so far: %s" % self.history[-5:])
            self.buffer += data

    def read(self, seconds=None):
        """The next object, claimed or not."""
        if self.unclaimed:
            return self.unclaimed.popleft()
        return self.receive(Deadline(seconds))

    def receive(self, deadline):
        line = self.read_line(deadline)
        line.decode("utf-8")  # the protocol promises UTF-8
        answer = json.loads(line)
        self.history.append(line[:200])
        return answer

    def expect(self, op=None, seconds=None, **fields):
        """The next object with these members; the others wait for their own expect()."""

        def fits(candidate):
            return (op is None or candidate.get("op") == op) and all(
                candidate.get(name) == value for name, value in fields.items()
            )

        for candidate in self.unclaimed:
            if fits(candidate):
                self.unclaimed.remove(candidate)
                return candidate
        deadline = Deadline(seconds)
        while True:
            try:
                candidate = self.receive(deadline)
            except AssertionError as error:
                raise type(error)(
                    "no %s %s: %s; unclaimed: %.400s"
                    % (op or "object", fields, error, list(self.unclaimed))
                ) from None
            if fits(candidate):
                return candidate
            self.unclaimed.append(candidate)

    def expect_closed(self, seconds=None):
        deadline = Deadline(seconds)
        while True:
            try:
                self.unclaimed.append(self.receive(deadline))
            except Closed:
                return

    # Verbs

    def ask(self, op, seconds=None, **fields):
        """Sends a request and returns its one reply."""
        self.next_id += 1
        self.say(op=op, id=self.next_id, **fields)
        return self.expect(seconds=seconds, id=self.next_id)

    def hello(self, name="test"):
        return self.ask("hello", client=name)

    def status(self, seconds=None):
        return self.ask("status", seconds=seconds)

    def watch(self):
        self.say(op="watch")
        return self.expect("state")

    def send(self, topic, payload=b"", qos=0, **fields):
        """A publish without waiting; returns its id."""
        self.next_id += 1
        body = {"op": "pub", "id": self.next_id, "topic": topic, "qos": qos, **fields}
        if isinstance(payload, str):
            body["payload"] = payload
        else:
            body["payload_b64"] = base64.b64encode(payload).decode()
        self.say(**body)
        return self.next_id

    def publish(self, topic, payload=b"", qos=0, seconds=None, **fields):
        return self.expect(seconds=seconds, id=self.send(topic, payload, qos, **fields))

    def subscribe(self, topic_filter, qos=1, seconds=None):
        reply = self.ask("sub", seconds=seconds, filter=topic_filter, qos=qos)
        assert reply["op"] == "ack" and reply["state"] == "subscribed", reply
        return reply

    def unsubscribe(self, topic_filter):
        reply = self.ask("unsub", filter=topic_filter)
        assert reply["op"] == "ack" and reply["state"] == "unsubscribed", reply
        return reply

    def message(self, seconds=None, **fields):
        """The next message, accepted at once when it asks for that."""
        message = self.expect("msg", seconds=seconds, **fields)
        if "mid" in message:
            self.say(op="done", mid=message["mid"])
        return message

    def state(self, state, seconds=None, **fields):
        """The next state change to @state (after watch())."""
        return self.expect("state", seconds=seconds, state=state, **fields)

    def sync(self):
        """All that the daemon had to say before this has been received now."""
        self.status()
        return list(self.unclaimed)
