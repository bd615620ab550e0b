# SPDX-License-Identifier: Apache-2.0
"""A device made of a socket, for tests: it sends exactly what it is told, right or wrong."""

import socket
import ssl

from . import mqtt, signing


def credentials(identity, transport="tcp", method="hmacsha256", timestamp="1700000000000", id_=None):
    """Returns the client id, username and password of an authentic device."""
    pk, dn = identity["product_key"], identity["device_name"]
    id_ = id_ or f"{pk}.{dn}"
    mode = 2 if transport == "tls" else 3
    stamp = f",timestamp={timestamp}" if timestamp is not None else ""
    content = signing.content_build(id_, dn, pk, timestamp)
    password = signing.digest_hex(method, identity["device_secret"], content)
    return f"{id_}|securemode={mode},signmethod={method}{stamp}|", f"{dn}&{pk}", password


def connect_packet(client_id, username=None, password=None, keepalive=300, clean=True, flags=0, extra=b""):
    flags |= clean << 1 | (username is not None) << 7 | (password is not None) << 6
    body = b"\x00\x04MQTT\x04" + bytes((flags,)) + keepalive.to_bytes(2, "big") + mqtt.text_encode(client_id) + extra
    for text in (username, password):
        if text is not None:
            body += mqtt.text_encode(text)
    return mqtt.packet(0x10, body)


def subscribe_packet(mid, *filters):
    body = mid.to_bytes(2, "big")
    for text, qos in filters:
        body += mqtt.text_encode(text) + bytes((qos,))
    return mqtt.packet(0x82, body)


class RawClient:
    def __init__(self, standin, transport="tcp", timeout=5, **tls):
        port = standin.tls_port if transport == "tls" else standin.tcp_port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.transport = transport
        self.standin = standin
        if transport == "tls":
            context = ssl.create_default_context(cafile=tls.get("ca_file", standin.ca_file))
            if "cert" in tls:
                context.load_cert_chain(tls["cert"] + ".pem", tls["cert"] + ".key")
            self.socket = context.wrap_socket(self.socket, server_hostname=tls.get("name", "localhost"))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def connect(self, identity=None, **options):
        """An authentic CONNECT; returns (code, session_present)."""
        login = credentials(identity or self.standin.identity, self.transport)
        return self.login(*login, **options)

    def login(self, *login, **options):
        self.send(connect_packet(*login, **options))
        type_, body = self.packet()
        assert type_ == 0x20, f"{type_:#x} {body!r} in place of CONNACK"
        return body[1], bool(body[0])

    def send(self, data):
        self.socket.sendall(data)

    def publish(self, topic, payload=b"", qos=1, mid=1, dup=False):
        self.send(mqtt.publish(topic, payload, qos, dup, mid))

    def subscribe(self, *filters, mid=1):
        """Returns the codes of the SUBACK."""
        self.send(subscribe_packet(mid, *filters))
        type_, body = self.packet()
        assert type_ == 0x90 and body[:2] == mid.to_bytes(2, "big")
        return list(body[2:])

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise EOFError("closed")
            data += piece
        return data

    def packet(self):
        """Returns the first byte and the body of the next packet."""
        first = self.exactly(1)[0]
        length = shift = 0
        while True:
            byte = self.exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first, self.exactly(length)

    def quiet(self, seconds=0.2):
        """True when nothing comes, neither data nor the end."""
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(5)

    def closed(self):
        """True when the server closes without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True
