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
}

CHOICES = {
    "auth_code": (4, 5),
    "answer": (None, "garbage", "http", "silence"),
    "puback": ("normal", "none", "late", "drop"),
    "cert": ("good", "expired", "future", "wrong-host", "untrusted"),
    "tls_min": ("1.0", "1.1", "1.2", "1.3"),
    "tls_max": ("1.0", "1.1", "1.2", "1.3"),
    "on_violation": ("close", "record"),
}

BOOLEANS = ("blackhole", "refuse", "refuse_tls", "record_publishes")


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

    def _check(self, name, value):
        if name not in DEFAULTS and name not in LIMITS:
            raise ValueError(f"no setting '{name}'")
        if name in LIMITS and (not isinstance(value, int) or value < 0):
            raise ValueError(f"{name}: {value!r} is not a number from 0 up")
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name}: {value!r} is none of {', '.join(map(repr, CHOICES[name]))}")
        if name in BOOLEANS and not isinstance(value, bool):
            raise ValueError(f"{name}: {value!r} is neither true nor false")
        if name == "puback_every" and (not isinstance(value, int) or value < 1):
            raise ValueError(f"puback_every: {value!r} is not a number from 1 up")
