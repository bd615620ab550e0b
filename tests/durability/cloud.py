# SPDX-License-Identifier: Apache-2.0
"""The least that a broker can be: takes QoS 1 publishes, and tells before it acknowledges them."""

import socket
import threading
import time

from place import TESTS  # noqa: F401  (the way to the stand-in)
from standin import mqtt


class Cloud:
    """@on_arrived(topic, payload) is called before the PUBACK. It listens between open() and cut()."""

    def __init__(self, on_arrived, pause=0.0):
        self.on_arrived, self.pause = on_arrived, pause
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
        decoder = mqtt.Decoder()
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
