# SPDX-License-Identifier: Apache-2.0
"""A connection that only registers: the server gives, unasked, and the device has to go."""

from . import mqtt
from .session import Session

ALLOWED = (mqtt.PUBACK, mqtt.PINGREQ, mqtt.DISCONNECT)


def session_new(identity, link, journal):
    """Known to this connection alone: it must not push out one on which the device already works."""
    session = Session(identity, journal, True)
    session.attach(link, True)
    return session


def begin(dialog):
    """Gives what was registered, and sees to it that the device leaves."""
    settings = dialog.settings
    if settings.register_give:
        topic, payload = dialog.admission.gift
        dialog.session.deliver(topic, payload, settings.register_qos)
    clock = dialog.platform.clock
    handle = clock.later(settings.register_linger, lambda: dialog.link.end("linger", "still there after registration"))
    dialog.at_end.append(lambda: clock.cancel(handle))


def offends(dialog, packet):
    """True when the packet is not to be looked at."""
    if packet.type in ALLOWED:
        return False
    dialog.violation("register-" + mqtt.NAMES[packet.type].lower(), "on a connection that only registers")
    return True
