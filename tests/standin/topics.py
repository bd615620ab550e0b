# SPDX-License-Identifier: Apache-2.0
"""Topic filters, and which topics belong to a device."""


def matches(filter_, topic):
    if topic.startswith("$") and filter_[0] in "+#":
        return False
    filters = filter_.split("/")
    levels = topic.split("/")
    for i, f in enumerate(filters):
        if f == "#":
            return True  # also the parent level itself
        if i >= len(levels) or f not in ("+", levels[i]):
            return False
    return len(filters) == len(levels)


def belongs(topic, product_key, device_name):
    """True for a topic, or a filter, that names this device where the platform's topics name one. A wildcard in that
    place is somebody else's too."""
    levels = topic.split("/")
    if len(levels) < 2 or levels[0] != "":
        return False
    head, rest, own = levels[1], levels[2:], [product_key, device_name]
    if head == product_key:
        return rest[:2] == [device_name, "user"] and len(rest) > 2
    if head == "sys":
        return rest[:2] == own and len(rest) > 2
    if head == "ext":
        return rest[:1] == ["rrpc"] and len(rest) > 2 or rest[1:3] == own
    if head == "ota":
        return rest[:1] == ["device"] and rest[2:] == own
    if head == "shadow":
        return rest[:1] in (["update"], ["get"]) and rest[1:] == own
    if head == "broadcast":
        return rest[:1] == [product_key] and len(rest) > 1
    return False
