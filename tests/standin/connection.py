# SPDX-License-Identifier: Apache-2.0
"""A connection on which MQTT is spoken: bytes to packets, packets to the dialog."""

from . import mqtt
from .dialog import Dialog
from .wire import Wire

PORTAL = (
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Type: text/html\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class Connection(Wire):
    def __init__(self, platform, kind):
        super().__init__(platform, kind)
        self.secured = kind == "tls"
        self.decoder = mqtt.Decoder()
        self.dialog = Dialog(self, platform)

    def data_received(self, data):
        if self.platform.settings.answer == "http" and not self.ended:
            self.transport.write(PORTAL)
            self.end("answer", "HTTP 302")
        else:
            super().data_received(data)

    def started(self):
        self.dialog.start()

    def stopped(self):
        self.dialog.stop()

    def ending(self):
        return {"online": self.dialog.online}

    def identity(self):
        return self.dialog.identity

    def spoken(self, plain):
        try:
            for packet in self.decoder.feed(plain):
                self.dialog.handle(packet)
                if self.ended:
                    return
        except mqtt.BadProtocolLevel as e:
            self.dialog.refuse(1, str(e))
        except mqtt.Malformed as e:
            self.note("violation", rule="malformed", detail=str(e), closed=True)
            self.end("malformed", str(e))
