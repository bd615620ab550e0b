# SPDX-License-Identifier: Apache-2.0
"""Python values to libconfig text, and the configurations that the tests start from."""

PRODUCT_KEY = "a1X2bEnP82z"
DEVICE_NAME = "gateway1"
DEVICE_SECRET = "ga7XA6KdlEeiPXQPpRbAjOZXwG8yTEST"

NO_LIMITS = {
    "connects_per_minute": 0,
    "qos1_per_second": 0,
    "qos0_per_second": 0,
    "unacknowledged": 0,
}


class Raw(str):
    """Text that goes into the file as it is."""


def value_text(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"%s"' % escaped
    if isinstance(value, dict):
        return "{ %s }" % " ".join("%s = %s;" % (k, value_text(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return "( %s )" % ", ".join(value_text(v) for v in value)
    raise TypeError(type(value))


def file_text(config):
    return "".join("%s = %s;\n" % (key, value_text(value)) for key, value in config.items())


def merged(base, changes):
    """@base with @changes laid over it, group by group; None takes a key away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def device(endpoint, socket, root=None, **changes):
    """A device of the platform at @endpoint ("host:port"); @root: the CA file, None for TCP."""
    tls = {"enable": True, "roots": [{"file": root}]} if root else {"enable": False}
    base = {
        "identity": {
            "product_key": PRODUCT_KEY,
            "device_name": DEVICE_NAME,
            "device_secret": DEVICE_SECRET,
        },
        "cloud": {
            "auth": "device",
            "endpoint": endpoint,
            "tls": tls,
            "reconnect": {"min": 1, "max": 2},
        },
        "local": {"socket": socket},
    }
    return merged(base, changes)


def unlimited(**changes):
    """Changes for device(): no limit of the platform applies."""
    return merged({"cloud": {"limits": dict(NO_LIMITS)}}, changes)
