# SPDX-License-Identifier: Apache-2.0
"""AliwareMQ's tokens: what each allows and until when, and the watch over a connection that lives on them.

A connection holds at most one token of each type (R, W, RW). The server tells it shortly before one ends, and says why
before it closes the connection.
"""

import json
from dataclasses import dataclass

from . import topics
from .signing import Refused

TYPES = ("R", "W", "RW")
FORGED, EXPIRED, REVOKED, RESOURCE, PERMISSION = 1, 2, 3, 4, 5
WHY = {
    FORGED: "unknown token", EXPIRED: "expired token", REVOKED: "revoked token",
    RESOURCE: "no token for this topic", PERMISSION: "no token for this action",
}  # fmt: skip

NOTICE_EXPIRE = "$SYS/tokenExpireNotice"
NOTICE_INVALID = "$SYS/tokenInvalidNotice"
UPLOAD = "$SYS/uploadToken"


@dataclass
class Token:
    text: str
    type: str
    until: float
    resources: list | None = None  # topic filters; None: all
    revoked: bool = False


def password_parse(password):
    """Returns {type: text} of `R|text|W|text`."""
    parts = (password or b"").decode("utf-8", "replace").split("|")
    types, texts = parts[0::2], parts[1::2]
    if len(types) != len(texts) or not all(texts) or any(t not in TYPES for t in types):
        raise Refused(4, "password is not R|token, W|token, RW|token or some of them joined by |")
    if len(set(types)) != len(types):
        raise Refused(4, "password has two tokens of one type")
    return dict(zip(types, texts))


class Vault:
    """All tokens there are."""

    def __init__(self, clock):
        self.clock = clock
        self.tokens = {}

    def add(self, text, type_, seconds, resources=None):
        if type_ not in TYPES or not text or "|" in text:
            raise ValueError(f"no token: type {type_!r}")
        self.tokens[text] = Token(text, type_, self.clock.now() + seconds, resources)

    def check(self, type_, text):
        """Returns (0, Token), or (why, None)."""
        token = self.tokens.get(text)
        if not token:
            return FORGED, None
        if token.revoked:
            return REVOKED, None
        if self.clock.now() >= token.until:
            return EXPIRED, None
        if token.type != type_:
            return PERMISSION, None
        return 0, token

    def grants(self, password, code):
        """The tokens of a CONNECT, by type. All must be good."""
        found = {}
        for type_, text in password_parse(password).items():
            why, found[type_] = self.check(type_, text)
            if why:
                raise Refused(code, WHY[why])
        return found


def upload_parse(payload):
    """Returns (type, text) or raises ValueError."""
    body = json.loads(payload.decode("utf-8"))
    if not isinstance(body, dict) or body.get("type") not in TYPES or not isinstance(body.get("token"), str):
        raise ValueError('not {"token": ..., "type": "R", "W" or "RW"}')
    return body["type"], body["token"]


class Watch:
    """Over one connection. @send(topic, payload) and @close(detail) act on it."""

    def __init__(self, vault, grants, ahead, send, close):
        self.vault = vault
        self.clock = vault.clock
        self.grants = grants
        self.ahead = ahead  # seconds of warning
        self.send = send
        self.close = close
        self.timers = {}  # type: handles
        for type_ in grants:
            self._arm(type_)

    def stop(self):
        for type_ in self.timers:
            self._disarm(type_)

    def allows(self, action, topic):
        """True; or it tells the device why not, and closes."""
        why, type_ = PERMISSION, next(iter(self.grants), "RW")
        for type_, token in self.grants.items():
            if action in type_:
                if token.resources is None or any(topics.matches(r, topic) for r in token.resources):
                    return True
                why = RESOURCE
        self.invalid(why, type_, f"{action} {topic}")
        return False

    def upload(self, payload):
        """Returns the type when the token is taken, else None and the connection is closed."""
        try:
            type_, text = upload_parse(payload)
        except ValueError as e:
            self.close(f"token upload: {e}")
            return None
        why, token = self.vault.check(type_, text)
        if why:
            self.invalid(why, type_)
            return None
        self.grants[type_] = token
        self._arm(type_)
        return type_

    def revoked(self, token):
        for type_, held in list(self.grants.items()):
            if held is token:
                self.invalid(REVOKED, type_)

    def invalid(self, why, type_, detail=None):
        self.send(NOTICE_INVALID, {"code": why, "type": type_})
        said = WHY.get(why, f"code {why}")
        self.close(f"{said} ({detail})" if detail else said)

    def _arm(self, type_):
        self._disarm(type_)
        until = self.grants[type_].until
        self.timers[type_] = (
            self.clock.at(until - self.ahead, lambda: self._warn(type_, until)),
            self.clock.at(until, lambda: self._expire(type_)),
        )

    def _disarm(self, type_):
        for handle in self.timers.get(type_, ()):
            self.clock.cancel(handle)

    def _warn(self, type_, until):
        self.send(NOTICE_EXPIRE, {"expireTime": int(until * 1000), "type": type_})

    def _expire(self, type_):
        """A token that others make up for may go in silence."""
        del self.grants[type_]
        left = "".join(self.grants)
        if not all(action in left for action in type_):
            self.invalid(EXPIRED, type_)
