# SPDX-License-Identifier: Apache-2.0
"""Programs that subscribe durably, killed whenever somebody likes, and who publishes for them."""

import os
import subprocess
import threading
import time

import paho.mqtt.client as paho

from place import BUILD

CTL = os.environ.get("IOTLINKCTL", os.path.join(BUILD, "src/ctl/iotlinkctl"))


class Subscriber(threading.Thread):
    """Runs iotlinkctl sub --durable over and over, and counts what it has printed: a message that is
    printed before the kill is received, whatever the daemon knows of it."""

    def __init__(self, path, name, filters, count):
        super().__init__(daemon=True)
        self.command = [CTL, "--socket", path, "sub", "-v", "--durable", name, *filters]
        self.name, self.filters, self.count = name, filters, count
        self.process = None
        self.kills = 0
        self.ending = False
        self.lock = threading.Lock()

    def run(self):
        while not self.ending:
            with self.lock:
                self.process = subprocess.Popen(
                    self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            for line in self.process.stdout:
                if line.endswith(b"\n"):  # else the kill came in the middle of it
                    topic, number = line.split()
                    self.count.arrived((self.name, topic.decode()), int(number))
            self.process.wait()
            self.process.stdout.close()
            time.sleep(0.02)

    def kill(self):
        with self.lock:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.kills += 1

    def stop(self):
        self.ending = True
        self.kill()
        self.join(10)

    def wants(self, topic):
        return any(paho.topic_matches_sub(f, topic) for f in self.filters)


class Sender:
    """Publishes numbers to each topic at the broker itself, which is not touched: what it has
    acknowledged, it owes to the gateway."""

    def __init__(self, port, topics, pause):
        self.topics, self.pause = topics, pause
        self.published = []  # (what the library knows of it, topic, number)
        self.promised = {topic: set() for topic in topics}
        self.ending = False
        self.client = paho.Client("sender", clean_session=True)
        self.client.max_inflight_messages_set(0)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.thread = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        number = 0
        while not self.ending:
            for topic in self.topics:
                info = self.client.publish(topic, str(number), qos=1)
                self.published.append((info, topic, number))
            number += 1
            time.sleep(self.pause)

    def start(self):
        self.thread.start()

    def stop(self):
        self.ending = True
        self.thread.join()
        end = time.monotonic() + 10
        for info, topic, number in self.published:
            while not info.is_published() and time.monotonic() < end:
                time.sleep(0.01)
            if info.is_published():
                self.promised[topic].add(number)
        self.client.disconnect()
        self.client.loop_stop()

    @property
    def sent(self):
        return sum(map(len, self.promised.values()))
