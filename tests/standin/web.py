# SPDX-License-Identifier: Apache-2.0
"""A connection to the HTTPS services: one request, one answer, as bad an answer as was asked for."""

import asyncio
import http.client
import json

from . import form, webapi
from .wire import Wire

FORM_TYPE = "application/x-www-form-urlencoded"
GARBAGE = b"\x16\x03\xff\x00no HTTP here\r\n\xfe\xfd\x00" * 5
PAGE = b"<html><head><title>Sign in</title></head><body>Welcome to the guest network.</body></html>\n"
SHOWN = (
    "productKey", "deviceName", "clientId", "signmethod", "signMethod", "timestamp", "resources", "version", "random",
)  # fmt: skip
CHUNK = 1000
TICK = 0.05


class WebConnection(Wire):
    prefix = "http-"
    secured = True

    def __init__(self, platform, kind):
        super().__init__(platform, kind)
        self.settings = platform.settings
        self.api = webapi.Api(platform)
        self.loop = asyncio.get_running_loop()
        self.reader = form.Reader()
        self.who = None
        self.answered = False
        self.timer = None

    # Of the wire

    def started(self):
        self._later(self.settings.connect_timeout, self.end, "timeout", "no request in time")

    def stopped(self):
        self.timer.cancel()

    def identity(self):
        return self.who

    def tls_context(self):
        return self.platform.tls_context(self.settings.http_cert)

    def tls_refused(self):
        refused = self.settings.http_refuse_tls
        if refused:
            self.settings.http_spend()
        return refused

    def spoken(self, plain):
        if self.answered:
            return
        try:
            request = self.reader.feed(plain)
        except form.BadRequest as e:
            request = self.reader.request
            method, path = (request.method, path_show(request.path)) if request else (None, None)
            self.note("request", method=method, path=path, fields=None)
            self._answer(e.status, e.status, None, e.reason)
            return
        if request:
            self._serve(request)

    # The request

    def _serve(self, request):
        fields, flaw = self._fields(request)
        if "productKey" in fields and "deviceName" in fields:
            self.who = f"{fields['deviceName']}&{fields['productKey']}"
        shown = {k: v if k in SHOWN else "..." for k, v in fields.items() if k != "sign"}
        self.note(
            "request", method=request.method, path=path_show(request.path), content_type=request.content_type,
            host=request.headers["host"], fields=shown,
        )  # fmt: skip
        if not self.api.knows(request.path):
            self._answer(404, 404, None, "no such path")
        elif request.method != "POST":
            self._answer(405, 405, None, "only POST")
        elif flaw:
            self._answer(None, 460, None, flaw)
        else:
            self._answer(None, *self.api.call(request.path, fields))

    @staticmethod
    def _fields(request):
        """Returns ({}, why) for a body that is no form."""
        if request.content_type != FORM_TYPE:
            return {}, f"content type '{request.content_type}'"
        try:
            return form.parse(request.body), None
        except form.BadForm as e:
            return {}, str(e)

    # The answer

    def _answer(self, status, code, data, reason):
        self.answered = True
        s = self.settings
        if status is None:
            status = s.http_status if code == 200 or s.http_status != 200 else s.http_error_status
        how = s.http_answer
        if how == "redirect":
            status = 302
        elif how in ("garbage", "silence"):
            status = None
        self.note("answer", status=status, code=code, reason=reason, how=how)
        text = webapi.MESSAGES.get(code, reason)
        body = json.dumps({"code": code, **({"data": data} if data else {}), "message": text}).encode()
        send = self._prepare(status, body, how)
        delay = s.http_delay
        s.http_spend()
        self.timer.cancel()
        if how == "silence":
            return
        self._later(delay, send)

    def _prepare(self, status, body, how):
        """Returns a function that sends it: the settings may be others by then."""
        s = self.settings
        if how == "garbage":
            return lambda: self._send(GARBAGE, b"", None)
        type_, headers = s.http_type, ""
        if how == "html":
            type_, body = "text/html", PAGE
        elif how == "redirect":
            headers, body = f"Location: {s.http_location}\r\n", b""
        elif how == "empty":
            body = b""
        elif how == "binary":
            body = bytes(range(256))
        elif how == "truncated":
            body = body[: len(body) // 2]
        elif how == "oversized":
            body = b'{"pad":"' + b"x" * s.http_size + b'",' + body[1:]
        pieces, framing = frame(body, s.http_length)
        head = (
            f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}\r\nContent-Type: {type_}\r\n"
            f"{headers}{framing}Connection: close\r\n\r\n"
        )
        tail = b"".join(pieces)
        if how == "cut":
            tail = tail[: len(tail) // 2]
        rate = s.http_rate
        return lambda: self._send(head.encode(), tail, rate, clean=how != "cut")

    def _send(self, head, tail, rate, clean=True):
        self.write(head)
        if not rate:
            self.write(tail)
            self._finish(clean)
            return
        interval = max(1 / rate, TICK)
        self._drip(tail, max(1, round(rate * interval)), interval, clean)

    def _drip(self, tail, size, interval, clean):
        self.write(tail[:size])
        if len(tail) > size:
            self._later(interval, self._drip, tail[size:], size, interval, clean)
        else:
            self._finish(clean)

    def _finish(self, clean):
        if clean and not self.ended:
            self.flush()
            self._emit(self.layer.close())
        self.end("answered")

    def _later(self, seconds, function, *args):
        self.timer = self.loop.call_later(seconds, function, *args)


def path_show(path):
    """A query may hold anything."""
    return path.partition("?")[0]


def frame(body, how):
    """Returns the pieces to send and the header that announces them."""
    if how == "none":
        return [body], ""
    if how == "given":
        return [body], f"Content-Length: {len(body)}\r\n"
    parts = [body[i : i + CHUNK] for i in range(0, len(body), CHUNK)]
    return [b"%x\r\n%s\r\n" % (len(p), p) for p in (*parts, b"")], "Transfer-Encoding: chunked\r\n"
