# SPDX-License-Identifier: Apache-2.0
"""The least that a broker can be: takes QoS 1 publishes, and tells before it acknowledges them.

To a subscriber it sends numbers, and tells when they are acknowledged.
"""

import socket
import threading
import time

from place import TESTS  # noqa: F401  (the way to the stand-in)
from standin import mqtt


DOWN, DOWN_WINDOW = "down/numbers", 8


class Cloud:
    """@on_arrived(topic, payload) is called before the PUBACK. It listens between open() and cut().

    Once somebody has subscribed, and if there is @on_kept, it sends numbers to the topic DOWN, with
    some of them unacknowledged at a time; @on_kept(number) is called when the PUBACK is there.
    """

    def __init__(self, on_arrived, pause=0.0, on_kept=None):
        self.on_arrived, self.pause, self.on_kept = on_arrived, pause, on_kept
        self.next, self.unacknowledged = 1, {}  # packet id: number
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_open = False
        self.connection = None
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self):
        self.is_open = True

    def cut(self):
        self.is_open = False
        connection = self.connection
        if connection:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has just ended by itself

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
                with connection:
                    if self.is_open:
                        self.connection = connection
                        self._serve(connection)
            except mqtt.Malformed:
                pass  # a look whether this speaks TLS: closed
            except OSError:
                if self.listener.fileno() < 0:
                    return
            self.connection = None

    def _serve(self, connection):
        decoder, resumed = mqtt.Decoder(), False
        while data := connection.recv(1 << 16):
            for packet in decoder.feed(data):
                if packet.type == mqtt.CONNECT:
                    connection.sendall(mqtt.connack(0))
                elif packet.type == mqtt.PINGREQ:
                    connection.sendall(mqtt.PINGRESP_BYTES)
                elif packet.type == mqtt.PUBLISH:
                    self.on_arrived(packet.topic, packet.payload)
                    if packet.qos:
                        connection.sendall(mqtt.puback(packet.mid))
                    time.sleep(self.pause)
                elif packet.type == mqtt.SUBSCRIBE:
                    connection.sendall(mqtt.suback(packet.mid, [1] * len(packet.filters)))
                    if not resumed:
                        self._send_again(connection)
                        self._send(connection)
                    resumed = True
                elif packet.type == mqtt.PUBACK:
                    self.on_kept(self.unacknowledged.pop(packet.mid))
                    self._send(connection)

    def _send_again(self, connection):
        for mid, number in self.unacknowledged.items():
            connection.sendall(mqtt.publish(DOWN, b"%d" % number, 1, True, mid))

    def _send(self, connection):
        while self.on_kept and len(self.unacknowledged) < DOWN_WINDOW:
            number, mid = self.next, self.next % 60000 + 1
            self.next += 1
            self.unacknowledged[mid] = number  # also when it can't be sent: then it comes again
            connection.sendall(mqtt.publish(DOWN, b"%d" % number, 1, False, mid))
