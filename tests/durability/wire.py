# SPDX-License-Identifier: Apache-2.0
"""A wire that can be cut: a TCP relay on loopback. And who counts at its far end."""

import socket
import threading

from place import Peer


class Wire:
    def __init__(self, port):
        self.far = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.up = True
        self.lock = threading.Lock()
        self.ends = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                if not self.up:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.far))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                near.close()
                continue
            with self.lock:
                self.ends |= {near, far}
            for a, b in ((near, far), (far, near)):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, a, b):
        try:
            while data := a.recv(1 << 16):
                b.sendall(data)
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        with self.lock:
            self.ends.discard(a)

    def cut(self, stay=True):
        """Ends every connection; with @stay, new ones too until mend()."""
        self.up = not stay
        with self.lock:
            ends, self.ends = self.ends, set()
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        self.up = True

    def close(self):
        self.cut()
        self.listener.close()


class Counter(Peer):
    """Subscribes to everything at the broker and counts numbers by topic."""

    def __init__(self, port, count):
        self.count = count
        super().__init__(port)
        self.subscribe("#")

    def _on_message(self, _client, _userdata, message):
        if message.payload.isdigit():
            self.count.arrived(message.topic, int(message.payload))
