# SPDX-License-Identifier: Apache-2.0
"""A program on the cloud's side of a broker: what a business application would be."""

import threading
import uuid

import paho.mqtt.client as paho

from harness.place import Deadline


class Peer:
    def __init__(self, port, root=None):
        self.messages = []
        self.news = threading.Condition()
        self.connected = threading.Event()
        self.subscribed = {}
        self.client = paho.Client("peer-" + uuid.uuid4().hex[:12], clean_session=True)
        self.client.on_connect = lambda *_: self.connected.set()
        self.client.on_message = self._on_message
        self.client.on_subscribe = self._on_subscribe
        self.client.max_inflight_messages_set(1000)
        if root:
            self.client.tls_set(ca_certs=root)
        self.client.connect("localhost" if root else "127.0.0.1", port)
        self.client.loop_start()
        assert self.connected.wait(Deadline().left()), "the peer does not get connected"

    def _on_message(self, _client, _userdata, message):
        with self.news:
            self.messages.append(message)
            self.news.notify_all()

    def _on_subscribe(self, _client, _userdata, mid, granted):
        with self.news:
            self.subscribed[mid] = granted
            self.news.notify_all()

    def subscribe(self, topic_filter, qos=1):
        _, mid = self.client.subscribe(topic_filter, qos)
        deadline = Deadline()
        with self.news:
            while mid not in self.subscribed:
                assert not deadline.passed(), "no SUBACK for the peer"
                self.news.wait(deadline.left())

    def publish(self, topic, payload=b"", qos=1):
        info = self.client.publish(topic, payload, qos)
        info.wait_for_publish(Deadline().left())
        assert info.is_published()

    def expect(self, topic=None, payload=None, seconds=None):
        """The first message that fits, taken out of the list."""
        deadline = Deadline(seconds)
        with self.news:
            while True:
                for message in self.messages:
                    if topic in (None, message.topic) and payload in (None, message.payload):
                        self.messages.remove(message)
                        return message
                assert not deadline.passed(), "no message %r %.60r; have %s" % (
                    topic,
                    payload,
                    [(m.topic, m.payload[:40]) for m in self.messages[:10]],
                )
                self.news.wait(deadline.left())

    def wait_count(self, count, seconds=None):
        deadline = Deadline(seconds)
        with self.news:
            while len(self.messages) < count:
                assert not deadline.passed(), "%d messages of %d" % (len(self.messages), count)
                self.news.wait(deadline.left())
            return list(self.messages)

    def cleanup(self):
        self.client.disconnect()
        self.client.loop_stop()
