# SPDX-License-Identifier: Apache-2.0
"""Programs that publish all the time, whatever happens to the daemon, and what became of it."""

import threading
import time

from harness.client import Closed


class Writer:
    """Publishes 1, 2, 3, ... to a topic of its own, each after the last one's receipt, and connects
    again when it is cut off. What has no receipt is not promised, and not published again."""

    def __init__(self, connect, topic, pause):
        self.connect, self.topic, self.pause = connect, topic, pause
        self.acknowledged = []
        self.refused = 0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        number = 0
        while self.running:
            try:
                with self.connect() as client:
                    while self.running:
                        number += 1
                        answer = client.publish(self.topic, "%d" % number, qos=1, seconds=60)
                        if answer["op"] == "ack":
                            self.acknowledged.append(number)
                        time.sleep(self.pause)
            except ConnectionRefusedError:
                self.refused += 1
                time.sleep(0.05)
            except (OSError, Closed):
                time.sleep(0.05)


class Load:
    def __init__(self, connect, topics, pause=0.02):
        self.writers = [Writer(connect, topic, pause) for topic in topics]

    def start(self):
        for writer in self.writers:
            writer.thread.start()
        return self

    def stop(self):
        for writer in self.writers:
            writer.running = False
        for writer in self.writers:
            writer.thread.join(90)

    @property
    def acknowledged(self):
        return sum(len(writer.acknowledged) for writer in self.writers)

    @property
    def refused(self):
        """How often nobody listened on the socket."""
        return sum(writer.refused for writer in self.writers)

    def missing(self, arrived):
        """How many acknowledged ones are not among @arrived, a dict of lists by topic."""
        return sum(
            len(set(writer.acknowledged) - set(arrived.get(writer.topic, ())))
            for writer in self.writers
        )


def arrivals(events):
    """The numbers that came, in order, by topic."""
    result = {}
    for event in events:
        result.setdefault(event["topic"], []).append(int(event["payload"]))
    return result


def duplicates(arrived):
    return sum(len(numbers) - len(set(numbers)) for numbers in arrived.values())


def reordered(arrived):
    """How many came for the first time after one that was published later."""
    count = 0
    for numbers in arrived.values():
        newest, seen = 0, set()
        for number in numbers:
            count += number not in seen and number < newest
            newest = max(newest, number)
            seen.add(number)
    return count
