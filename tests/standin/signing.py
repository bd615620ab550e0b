# SPDX-License-Identifier: Apache-2.0
"""Who may connect, from the three strings of a CONNECT, computed here from the platform's documents alone.

IoT Platform: clientId `<id>|k=v,...|`, username `deviceName&productKey`, password the hex HMAC, keyed by the
DeviceSecret, of the sorted names and values of clientId, deviceName, productKey and, when given, timestamp.
AliwareMQ: password the Base64 HMAC-SHA1 of the whole clientId, keyed by the access key's secret.
"""

import base64
import binascii
import hashlib
import hmac
import re

METHODS = {"hmacmd5": hashlib.md5, "hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}
METHOD_DEFAULT = "hmacmd5"
ID_MAX = 64


class Refused(Exception):
    """Carries the CONNACK code and the reason."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code
        self.reason = reason


def client_id_parse(text):
    """Splits `<id>|k=v,...|` into the id and a dict."""
    bars = text.count("|")
    if bars != 2 or not text.endswith("|"):
        raise Refused(2, "clientId is not <id>|key=value,...|")
    id_, extension = text[:-1].split("|")
    if not id_:
        raise Refused(2, "clientId has nothing before the first '|'")
    if len(id_) > ID_MAX:
        raise Refused(2, f"clientId has {len(id_)} characters before the first '|', more than {ID_MAX}")

    params = {}
    for pair in extension.split(","):
        if not pair:
            raise Refused(2, "clientId's list has an empty entry or a trailing comma")
        if not re.fullmatch(r"[^=\s]+=[^=\s]+", pair):
            raise Refused(2, f"clientId's list has '{pair}', not key=value")
        key, value = pair.split("=")
        if key in params:
            raise Refused(2, f"clientId's list has '{key}' twice")
        params[key] = value
    return id_, params


def username_parse(text):
    """Splits `deviceName&productKey`."""
    if not text or text.count("&") != 1:
        raise Refused(4, "username is not deviceName&productKey")
    device_name, product_key = text.split("&")
    if not device_name or not product_key:
        raise Refused(4, "username has an empty part")
    return device_name, product_key


def content_build(id_, device_name, product_key, timestamp=None):
    fields = {"clientId": id_, "deviceName": device_name, "productKey": product_key}
    if timestamp is not None:
        fields["timestamp"] = timestamp
    return "".join(name + fields[name] for name in sorted(fields))


def register_content(device_name, product_key, random):
    return f"deviceName{device_name}productKey{product_key}random{random}"


def digest_hex(method, secret, content):
    return hmac.new(secret.encode(), content.encode(), METHODS[method]).hexdigest()


def password_hex(password, method):
    """Returns the digits in lower case."""
    size = METHODS[method]().digest_size * 2
    text = (password or b"").decode("latin-1")
    if not re.fullmatch(r"[0-9A-Fa-f]{%d}" % size, text):
        raise Refused(4, f"password is not the {size} hex digits of {method}")
    return text.lower()


def params_check(params, transport):
    """Returns the sign method."""
    if "authType" in params:
        raise Refused(2, f"authType={params['authType']} is not offered here")
    expected = "2" if transport == "tls" else "3"
    if params.get("securemode") != expected:
        raise Refused(2, f"securemode={params.get('securemode')} on {transport}, where it is {expected}")
    method = params.get("signmethod", METHOD_DEFAULT)
    if method not in METHODS:
        raise Refused(2, f"signmethod={method}")
    if not re.fullmatch(r"[0-9]+", params.get("timestamp", "0")):
        raise Refused(2, f"timestamp={params['timestamp']} is not a number")
    return method


def device_check(client_id, username, password, transport, secret_of, auth_code=5):
    """Returns (id, params, device_name, product_key) of an authentic device or raises Refused. @secret_of(product_key,
    device_name) gives the secret, or None for a stranger."""
    id_, params = client_id_parse(client_id)
    method = params_check(params, transport)
    device_name, product_key = username_parse(username)
    text = password_hex(password, method)
    secret = secret_of(product_key, device_name)
    if secret is None:
        raise Refused(auth_code, "unknown device")
    content = content_build(id_, device_name, product_key, params.get("timestamp"))
    if not hmac.compare_digest(digest_hex(method, secret, content), text):
        raise Refused(auth_code, "wrong signature")
    return id_, params, device_name, product_key


def mq_signature(secret, client_id):
    return base64.b64encode(hmac.new(secret.encode(), client_id.encode(), hashlib.sha1).digest())


def mq_client_id_check(client_id):
    group, at, device = client_id.partition("@@@")
    if len(client_id) > ID_MAX or not at or not device or not re.fullmatch(r"GID_[A-Za-z0-9_-]+", group):
        raise Refused(2, "clientId is not GID_<group>@@@<device> of at most 64 characters")


def mq_username_parse(username):
    """Returns (kind, access key, instance)."""
    parts = (username or "").split("|")
    if len(parts) != 3 or parts[0] not in ("Signature", "DeviceCredential", "Token"):
        raise Refused(4, "username is not Signature|AccessKeyId|InstanceId, DeviceCredential|... or Token|...")
    if parts[0] == "DeviceCredential" and not parts[1].startswith("DC."):
        raise Refused(4, "a device's access key begins with DC.")
    return parts


def mq_account_check(key, instance, access_key, instance_id, auth_code=5):
    if key != access_key or instance != instance_id:
        raise Refused(auth_code, "unknown access key or instance")


def mq_check(client_id, username, password, access_key, access_secret, instance_id, auth_code=5):
    """Returns the kind of credential (Signature, DeviceCredential) or raises Refused."""
    mq_client_id_check(client_id)
    kind, key, instance = mq_username_parse(username)
    try:
        if len(base64.b64decode(password or b"", validate=True)) != hashlib.sha1().digest_size:
            raise Refused(4, "password is not Base64 of 20 bytes")
    except binascii.Error as e:
        raise Refused(4, "password is not Base64") from e
    mq_account_check(key, instance, access_key, instance_id, auth_code)
    if not hmac.compare_digest(mq_signature(access_secret, client_id), password):
        raise Refused(auth_code, "wrong signature")
    return kind
