# SPDX-License-Identifier: Apache-2.0
"""HTTP requests and forms, read as strictly as the platform's documents allow."""

import re

HEAD_MAX = 16 << 10
BODY_MAX = 64 << 10


class BadRequest(Exception):
    """Carries the HTTP status."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BadForm(Exception):
    """The body is not a form."""


class Request:
    def __init__(self, method, path, headers):
        self.method = method
        self.path = path
        self.headers = headers  # names in lower case
        self.body = b""

    @property
    def content_type(self):
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def head_parse(text):
    """The lines up to the empty one."""
    first, *lines = text.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"([A-Z]+) (/[!-~]*) HTTP/1\.[01]", first)
    if not match:
        raise BadRequest(400, "no HTTP/1 request line")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!-9;-~]+", name):
            raise BadRequest(400, "malformed header line")
        headers[name.lower()] = value.strip()
    if "host" not in headers:
        raise BadRequest(400, "no Host")
    return Request(match[1], match[2], headers)


def length_of(request):
    if "transfer-encoding" in request.headers:
        raise BadRequest(501, "a request in chunks")
    text = request.headers.get("content-length", "0" if request.method != "POST" else "")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadRequest(411, "no Content-Length")
    if int(text) > BODY_MAX:
        raise BadRequest(413, f"{text} bytes of body")
    return int(text)


class Reader:
    """Bytes in, one request out."""

    def __init__(self):
        self.buffer = b""
        self.request = None
        self.need = 0

    def feed(self, data):
        """Returns the Request once it is complete, before that None; raises BadRequest."""
        self.buffer += data
        if not self.request:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                if len(head) > HEAD_MAX:
                    raise BadRequest(431, "headers without end")
                return None
            self.request, self.buffer = head_parse(head), rest
            self.need = length_of(self.request)
        if len(self.buffer) < self.need:
            return None
        self.request.body = self.buffer[: self.need]
        return self.request


def decode(text):
    if re.search(rb"%(?![0-9A-Fa-f]{2})", text):
        raise BadForm("'%' without two hex digits")
    if re.search(rb"[^!-~]", text):
        raise BadForm("bytes that should have been percent-encoded")
    raw = re.sub(rb"%(..)", lambda m: bytes.fromhex(m[1].decode()), text.replace(b"+", b" "))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadForm("not UTF-8") from e


def parse(body):
    """Returns a dict of the fields."""
    fields = {}
    for pair in body.split(b"&"):
        name, equals, value = pair.partition(b"=")
        name = decode(name)
        if not name or not equals:
            raise BadForm("an entry that is not name=value")
        if name in fields:
            raise BadForm(f"{name} twice")
        fields[name] = decode(value)
    return fields
