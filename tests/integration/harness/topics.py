# SPDX-License-Identifier: Apache-2.0
"""Topic names of the stand-in's default device, and payloads of every kind."""

import json

OWN = "/a1X2bEnP82z/example1/user"
UP = OWN + "/up"
DOWN = OWN + "/down"

PAYLOADS = {
    "empty": b"",
    "1-byte": b"x",
    "1-null-byte": b"\x00",
    "text": b"21.5",
    "utf-8": "Zählerstand 42 m³ – 水表 🚰".encode(),
    "json": json.dumps({"op": "pub", "values": [1, 2.5, None], "text": 'a"b\\c\n'}).encode(),
    "lines": b"one\ntwo\r\n\tthree\n",
    "every-byte": bytes(range(256)),
    "broken-utf-8": b"ok \xff\xfe \xc3( \xed\xa0\x80 end",
    "256-KiB-text": b"0123456789abcdef" * (16 * 1024),
    "256-KiB-binary": bytes(range(256)) * 1024,
}


def as_text(payload):
    """@payload as str where it is UTF-8, so that it travels as "payload"; else the bytes."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload
