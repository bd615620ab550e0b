# SPDX-License-Identifier: Apache-2.0
"""MQTT 3.1.1 on the wire, as a server sees it.

A Decoder takes bytes as they come and gives whole packets. Whatever the standard forbids raises Malformed with the
reason; nothing is repaired or guessed. What a platform forbids on top of the standard is not decided here.
"""

from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = range(8, 15)

NAMES = {
    CONNECT: "CONNECT", CONNACK: "CONNACK", PUBLISH: "PUBLISH", PUBACK: "PUBACK", PUBREC: "PUBREC",
    PUBREL: "PUBREL", PUBCOMP: "PUBCOMP", SUBSCRIBE: "SUBSCRIBE", SUBACK: "SUBACK",
    UNSUBSCRIBE: "UNSUBSCRIBE", UNSUBACK: "UNSUBACK", PINGREQ: "PINGREQ", PINGRESP: "PINGRESP",
    DISCONNECT: "DISCONNECT",
}  # fmt: skip

# The fixed header's low four bits are given by the type for all but PUBLISH.
FLAGS = {
    CONNECT: 0, PUBACK: 0, PUBREC: 0, PUBREL: 2, PUBCOMP: 0, SUBSCRIBE: 2, UNSUBSCRIBE: 2,
    PINGREQ: 0, DISCONNECT: 0,
}  # fmt: skip

PACKET_MAX = 16 << 20  # more than this is held for nobody


class Malformed(Exception):
    """The bytes are not MQTT 3.1.1."""


class BadProtocolLevel(Exception):
    """A well-formed CONNECT of a protocol version that isn't spoken here."""


@dataclass(slots=True)
class Connect:
    client_id: str
    clean: bool
    keepalive: int
    username: str | None = None
    password: bytes | None = None
    will_topic: str | None = None
    will_payload: bytes | None = None
    will_qos: int = 0
    will_retain: bool = False
    type: int = CONNECT


@dataclass(slots=True)
class Publish:
    topic: str
    payload: bytes
    qos: int
    dup: bool = False
    retain: bool = False
    mid: int = 0
    type: int = PUBLISH


@dataclass(slots=True)
class Ack:
    """PUBACK and the three packets of QoS 2."""

    type: int
    mid: int


@dataclass(slots=True)
class Subscribe:
    mid: int
    filters: list = field(default_factory=list)  # of (filter, qos)
    type: int = SUBSCRIBE


@dataclass(slots=True)
class Unsubscribe:
    mid: int
    filters: list = field(default_factory=list)
    type: int = UNSUBSCRIBE


@dataclass(slots=True)
class Bare:
    """PINGREQ and DISCONNECT."""

    type: int


class Reader:
    """Takes fields off a packet's body, never past its end."""

    def __init__(self, body):
        self.body = body
        self.at = 0

    def take(self, n, what):
        if self.at + n > len(self.body):
            raise Malformed(f"packet ends within {what}")
        piece = self.body[self.at : self.at + n]
        self.at += n
        return piece

    def byte(self, what):
        return self.take(1, what)[0]

    def u16(self, what):
        return int.from_bytes(self.take(2, what), "big")

    def binary(self, what):
        return self.take(self.u16(f"the length of {what}"), what)

    def text(self, what):
        try:
            text = self.binary(what).decode("utf-8")  # Python refuses surrogates and overlong forms too
        except UnicodeDecodeError as e:
            raise Malformed(f"{what} is not UTF-8") from e
        if "\0" in text:
            raise Malformed(f"{what} contains U+0000")
        return text

    def mid(self):
        mid = self.u16("the packet identifier")
        if mid == 0:
            raise Malformed("packet identifier 0")
        return mid

    def more(self):
        return self.at < len(self.body)

    def end(self, name):
        if self.more():
            raise Malformed(f"{len(self.body) - self.at} bytes too many in {name}")


def topic_check(topic):
    if not topic:
        raise Malformed("empty topic")
    if "+" in topic or "#" in topic:
        raise Malformed("wildcard in the topic of a PUBLISH")


def filter_check(text):
    if not text:
        raise Malformed("empty topic filter")
    levels = text.split("/")
    for i, level in enumerate(levels):
        if "#" in level and (level != "#" or i != len(levels) - 1):
            raise Malformed("'#' must stand alone and last in a topic filter")
        if "+" in level and level != "+":
            raise Malformed("'+' must stand alone in its level of a topic filter")


def connect_parse(body):
    r = Reader(body)
    name = r.binary("the protocol name")
    if name != b"MQTT":
        if name == b"MQIsdp":
            raise BadProtocolLevel("protocol name MQIsdp (MQTT 3.1)")
        raise Malformed(f"protocol name {name!r}")
    level = r.byte("the protocol level")
    if level != 4:
        raise BadProtocolLevel(f"protocol level {level}")

    flags = r.byte("the connect flags")
    has_will = bool(flags & 0x04)
    will_qos = flags >> 3 & 3
    if flags & 0x01:
        raise Malformed("reserved connect flag is set")
    if will_qos == 3:
        raise Malformed("will QoS 3")
    if not has_will and flags & 0x38:
        raise Malformed("will QoS or will retain without a will")
    if flags & 0x40 and not flags & 0x80:
        raise Malformed("password without a username")

    keepalive = r.u16("the keepalive")
    packet = Connect(r.text("the client identifier"), bool(flags & 0x02), keepalive)
    if has_will:
        packet.will_topic = r.text("the will topic")
        packet.will_payload = bytes(r.binary("the will message"))
        packet.will_qos = will_qos
        packet.will_retain = bool(flags & 0x20)
        topic_check(packet.will_topic)
    if flags & 0x80:
        packet.username = r.text("the username")
    if flags & 0x40:
        packet.password = bytes(r.binary("the password"))
    r.end("CONNECT")
    return packet


def publish_parse(flags, body):
    qos = flags >> 1 & 3
    dup = bool(flags & 8)
    if qos == 3:
        raise Malformed("PUBLISH with QoS 3")
    if dup and qos == 0:
        raise Malformed("PUBLISH with DUP at QoS 0")
    r = Reader(body)
    topic = r.text("the topic")
    topic_check(topic)
    mid = r.mid() if qos else 0
    return Publish(topic, bytes(r.body[r.at :]), qos, dup, bool(flags & 1), mid)


def ack_parse(type_, body):
    r = Reader(body)
    packet = Ack(type_, r.mid())
    r.end(NAMES[type_])
    return packet


def subscribe_parse(body):
    r = Reader(body)
    packet = Subscribe(r.mid())
    while r.more():
        text = r.text("a topic filter")
        filter_check(text)
        qos = r.byte("the requested QoS")
        if qos > 2:
            raise Malformed(f"requested QoS byte {qos:#04x}")
        packet.filters.append((text, qos))
    if not packet.filters:
        raise Malformed("SUBSCRIBE without a topic filter")
    return packet


def unsubscribe_parse(body):
    r = Reader(body)
    packet = Unsubscribe(r.mid())
    while r.more():
        text = r.text("a topic filter")
        filter_check(text)
        packet.filters.append(text)
    if not packet.filters:
        raise Malformed("UNSUBSCRIBE without a topic filter")
    return packet


def bare_parse(type_, body):
    if body:
        raise Malformed(f"{NAMES[type_]} with {len(body)} bytes of body")
    return Bare(type_)


def packet_parse(first, body):
    type_, flags = first >> 4, first & 15
    if type_ == PUBLISH:
        return publish_parse(flags, body)
    if type_ not in FLAGS:
        raise Malformed(f"{NAMES.get(type_, f'packet type {type_}')} from a client")
    if flags != FLAGS[type_]:
        raise Malformed(f"{NAMES[type_]} with flags {flags:#x}")
    if type_ == CONNECT:
        return connect_parse(body)
    if type_ == SUBSCRIBE:
        return subscribe_parse(body)
    if type_ == UNSUBSCRIBE:
        return unsubscribe_parse(body)
    if type_ in (PINGREQ, DISCONNECT):
        return bare_parse(type_, body)
    return ack_parse(type_, body)


class Decoder:
    """Bytes in, packets out. Consumed bytes leave the buffer once per feed, so that a burst of small packets costs its
    own length only; a big packet is not looked at again before it is complete."""

    def __init__(self):
        self.buffer = bytearray()
        self.need = 2

    def feed(self, data):
        """Yields the packets that @data completes."""
        buffer = self.buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= self.need:
                header = self._header(at)
                if not header:
                    break
                start, end = header
                if len(buffer) < end:
                    self.need = end - at
                    break
                self.need = 2
                first, body = buffer[at], bytes(buffer[start:end])
                at = end
                yield packet_parse(first, body)
        finally:
            del buffer[:at]

    def _header(self, at):
        """Returns where the body starts and ends, or None when the header itself is incomplete."""
        buffer = self.buffer
        length = shift = 0
        for i in range(at + 1, at + 5):
            if i >= len(buffer):
                return None
            byte = buffer[i]
            length |= (byte & 0x7F) << shift
            if not byte & 0x80:
                if byte == 0 and i > at + 1:
                    raise Malformed("remaining length is not in its shortest form")
                if length > PACKET_MAX:
                    raise Malformed(f"packet of {length} bytes")
                return i + 1, i + 1 + length
            shift += 7
        raise Malformed("remaining length of more than four bytes")


def length_encode(n):
    out = bytearray()
    while True:
        n, low = n >> 7, n & 0x7F
        out.append(low | 0x80 if n else low)
        if not n:
            return bytes(out)


def packet(first, body):
    return bytes((first,)) + length_encode(len(body)) + body


def text_encode(text):
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def connack(code, session_present=False):
    return bytes((0x20, 2, int(session_present), code))


def publish(topic, payload, qos=0, dup=False, mid=0):
    body = text_encode(topic) + (mid.to_bytes(2, "big") if qos else b"") + payload
    return packet(0x30 | dup << 3 | qos << 1, body)


def puback(mid):
    return b"\x40\x02" + mid.to_bytes(2, "big")


def suback(mid, codes):
    return packet(0x90, mid.to_bytes(2, "big") + bytes(codes))


def unsuback(mid):
    return b"\xb0\x02" + mid.to_bytes(2, "big")


PINGRESP_BYTES = b"\xd0\x00"
