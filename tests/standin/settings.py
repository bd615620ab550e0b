# SPDX-License-Identifier: Apache-2.0
"""How the stand-in behaves: the limits of each mode, and the misbehavior that a test asks for. Changed at run time."""

LIMITS = (
    "connects_per_minute", "qos1_per_second", "qos0_per_second", "subscriptions", "filters_per_subscribe",
    "unacknowledged", "payload_max", "topic_bytes", "topic_slashes", "keepalive_min", "keepalive_max",
)  # fmt: skip

# 0 is no limit.
MODES = {
    "platform": dict(zip(LIMITS, (5, 10, 30, 100, 8, 100, 256 << 10, 128, 7, 30, 1200))),
    "mq": dict(zip(LIMITS, (0, 20, 20, 30, 0, 0, 64 << 10, 64, 0, 0, 0))),
    "plain": dict.fromkeys(LIMITS, 0),
}

# What http_count counts down, and puts back.
HTTP_MISBEHAVIOR = {
    "http_answer": None,
    "http_code": None,
    "http_status": 200,
    "http_error_status": 200,
    "http_type": "application/json;charset=UTF-8",
    "http_length": "given",
    "http_delay": 0,
    "http_rate": None,
    "http_size": 16 << 20,
    "http_location": "https://elsewhere.example/auth",
    "http_cert": "good",
    "http_refuse_tls": False,
}

DEFAULTS = {
    "auth_code": 5,
    "connack": None,
    "connack_count": None,
    "delay_connack": 0,
    "answer": None,
    "puback": "normal",
    "puback_delay": 1.0,
    "puback_every": 2,
    "suback": {},
    "cut_after": None,
    "blackhole": False,
    "refuse": False,
    "refuse_tls": False,
    "cert": "good",
    "tls_min": "1.2",
    "tls_max": "1.3",
    "on_violation": "close",
    "connect_timeout": 10,
    "record_publishes": True,
    "users": {},
    "access_key": None,
    "access_secret": None,
    "instance_id": None,
    "iot_token_seconds": 7 * 86400,
    "register_give": True,
    "register_linger": 15,
    "register_qos": 0,
    "regnwl_topic": "/ext/register",
    "token_notice": 300,
    "resource_key": "Resources ",
    "resource_host": None,
    "resource_port": None,
    **HTTP_MISBEHAVIOR,
    "http_count": None,
    "http_refuse": False,
}

CERTS = ("good", "expired", "future", "wrong-host", "untrusted")

CHOICES = {
    "auth_code": (4, 5),
    "answer": (None, "garbage", "http", "silence"),
    "puback": ("normal", "none", "late", "drop", "stale"),
    "cert": CERTS,
    "register_qos": (0, 1),
    "regnwl_topic": ("/ext/register", "/ext/regnwl"),
    "http_answer": (
        None, "silence", "garbage", "binary", "empty", "html", "redirect", "truncated", "cut", "oversized",
    ),
    "http_length": ("given", "none", "chunked"),
    "http_cert": CERTS,
    "tls_min": ("1.0", "1.1", "1.2", "1.3"),
    "tls_max": ("1.0", "1.1", "1.2", "1.3"),
    "on_violation": ("close", "record"),
}

BOOLEANS = (
    "blackhole", "refuse", "refuse_tls", "record_publishes", "register_give", "http_refuse", "http_refuse_tls",
)  # fmt: skip


class Settings:
    def __init__(self, mode):
        if mode not in MODES:
            raise ValueError(f"mode '{mode}' is none of {', '.join(MODES)}")
        self.mode = mode
        self.__dict__.update(MODES[mode])
        self.__dict__.update({k: dict(v) if isinstance(v, dict) else v for k, v in DEFAULTS.items()})

    def set(self, changes):
        """All or, when one is wrong, none."""
        changes = dict(changes)
        if "limits" in changes:
            on = changes.pop("limits")
            changes = {**(MODES[self.mode] if on else MODES["plain"]), **changes}
        for name, value in changes.items():
            self._check(name, value)
        self.__dict__.update(changes)

    def http_spend(self):
        """One of the requests that http_count promised misbehavior for is over."""
        if self.http_count is None:
            return
        self.http_count -= 1
        if self.http_count <= 0:
            self.__dict__.update(HTTP_MISBEHAVIOR, http_count=None)

    def _check(self, name, value):
        if name not in DEFAULTS and name not in LIMITS:
            raise ValueError(f"no setting '{name}'")
        if name in LIMITS and (not isinstance(value, int) or value < 0):
            raise ValueError(f"{name}: {value!r} is not a number from 0 up")
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name}: {value!r} is none of {', '.join(map(repr, CHOICES[name]))}")
        if name in BOOLEANS and not isinstance(value, bool):
            raise ValueError(f"{name}: {value!r} is neither true nor false")
        if name in ("http_status", "http_error_status") and (not isinstance(value, int) or not 200 <= value <= 599):
            raise ValueError(f"{name}: {value!r} is no final HTTP status")
        if name == "http_rate" and value is not None and value <= 0:
            raise ValueError(f"http_rate: {value!r} is not above 0")
        if name == "puback_every" and (not isinstance(value, int) or value < 1):
            raise ValueError(f"puback_every: {value!r} is not a number from 1 up")
