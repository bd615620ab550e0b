# SPDX-License-Identifier: Apache-2.0
"""The two HTTPS services: authentication of a device, and registration of one that has only its product's secret.

Each takes a form's fields and returns (code, data, message); code 200 is success and the only one with data.
"""

import hmac
import re

from . import signing

UNSIGNED = ("version", "sign", "resources", "signmethod")
AUTH_NEEDED = ("productKey", "deviceName", "clientId", "sign")
REGISTER_NEEDED = ("productKey", "deviceName", "random", "sign", "signMethod")

MESSAGES = {
    200: "success",
    401: "the request's signature was not accepted",
    460: "a parameter of the request is wrong",
    500: "something went wrong inside the service",
    5001: "no record of this device",
    6100: "no such device",
    6200: "this device authenticates in another way",
    6250: "no such product",
    6288: "dynamic registration is switched off for this product",
    6289: "the device is activated and can't register again",
    6292: "this sign method is not supported",
    6600: "the registration's signature was not accepted",
}


class Failed(Exception):
    def __init__(self, code, reason=None):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def needed_check(fields, names):
    for name in names:
        if not fields.get(name):
            raise Failed(460, f"{name} is missing")


def sign_fits(method, secret, content, sign):
    return hmac.compare_digest(signing.digest_hex(method, secret, content).encode(), sign.lower().encode())


def auth_content(fields):
    return "".join(name + fields[name] for name in sorted(fields) if name not in UNSIGNED)


class Api:
    def __init__(self, platform):
        self.platform = platform
        self.registry = platform.registry
        self.settings = platform.settings
        self.services = {"/auth/devicename": self._authenticate, "/auth/register/device": self._register}

    def knows(self, path):
        return path in self.services

    def call(self, path, fields):
        """Returns (code, data or None, reason or None)."""
        try:
            if self.settings.http_code is not None:
                raise Failed(self.settings.http_code, "as told")
            return 200, self.services[path](fields), None
        except Failed as e:
            return e.code, None, e.reason or MESSAGES[e.code]

    def _authenticate(self, fields):
        needed_check(fields, AUTH_NEEDED)
        if len(fields["clientId"]) > signing.ID_MAX:
            raise Failed(460, f"clientId has {len(fields['clientId'])} characters")
        method = fields.get("signmethod", signing.METHOD_DEFAULT)
        if method not in signing.METHODS:
            raise Failed(460, f"signmethod {method}")
        if not re.fullmatch(r"[0-9]+", fields.get("timestamp", "0")):
            raise Failed(460, "timestamp is not a number")
        key = fields["productKey"], fields["deviceName"]
        device = self.registry.device(*key)
        if not device:
            raise Failed(5001)
        secret = self.registry.secret(*key)
        if secret is None:
            raise Failed(6200)
        if not sign_fits(method, secret, auth_content(fields), fields["sign"]):
            raise Failed(401)
        iot_id, token = self.registry.iot_token_new(*key, self.settings.iot_token_seconds)
        return {"iotId": iot_id, "iotToken": token, **self._resources(fields.get("resources", ""))}

    def _resources(self, asked):
        s = self.settings
        if "mqtt" not in asked.split(",") or s.resource_key is None:
            return {}
        port = s.resource_port if s.resource_port is not None else self.platform.ports.get("tls")
        return {s.resource_key: {"mqtt": {"host": s.resource_host or self.platform.host, "port": port}}}

    def _register(self, fields):
        needed_check(fields, REGISTER_NEEDED)
        method = fields["signMethod"].lower()  # the documents' own sample has HmacMD5
        if method not in signing.METHODS:
            raise Failed(6292)
        pk, dn = fields["productKey"], fields["deviceName"]
        product = self.registry.products.get(pk)
        if not product:
            raise Failed(6250)
        if not product.dynamic:
            raise Failed(6288)
        content = signing.register_content(dn, pk, fields["random"])
        if not sign_fits(method, product.secret or "", content, fields["sign"]):
            raise Failed(6600)
        device = self.registry.device(pk, dn)
        if not device:
            raise Failed(6100)
        if device.activated:
            raise Failed(6289)
        return {"productKey": pk, "deviceName": dn, "deviceSecret": self.registry.secret_renew(pk, dn)}
