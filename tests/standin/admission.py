# SPDX-License-Identifier: Apache-2.0
"""Every way to CONNECT to the platform, told apart by the three strings alone.

A username with an `&` is a device's: it signs with its own secret, or registers with its product's (authType=register,
regnwl), or shows the token of a free registration (connwl). Any other username is an iotId of the HTTPS way.
"""

import hmac
import json
from dataclasses import dataclass

from . import signing
from .signing import Refused

REGISTRATIONS = ("register", "regnwl")


@dataclass
class Admission:
    identity: str
    how: str  # device, token, connwl, register, regnwl; in other modes another word
    device: tuple | None = None  # (product_key, device_name)
    gift: tuple | None = None  # (topic, payload): what a registration is answered with
    grants: dict | None = None  # AliwareMQ's tokens by type, where they rule


def params_of(client_id):
    """Returns {} where there is no list, or none that can be read."""
    try:
        return signing.client_id_parse(client_id)[1]
    except Refused:
        return {}


def registers(client_id):
    return params_of(client_id).get("authType") in REGISTRATIONS


class Gate:
    """Lets devices of the IoT Platform in, on what the registry knows."""

    def __init__(self, registry, settings):
        self.registry = registry
        self.settings = settings

    def admit(self, packet, transport):
        """Returns an Admission or raises Refused."""
        if "&" not in (packet.username or "") and self._means_token(packet):
            return self._token(packet, transport)
        auth_type = params_of(packet.client_id).get("authType")
        if auth_type in REGISTRATIONS:
            return self._registration(packet, transport, auth_type)
        if auth_type == "connwl":
            return self._clone(packet, transport)
        return self._device(packet, transport)

    def _device(self, packet, transport):
        _, _, device_name, product_key = signing.device_check(
            packet.client_id, packet.username, packet.password, transport, self.registry.secret, self.settings.auth_code
        )
        return self._activated(product_key, device_name, "device")

    def _activated(self, product_key, device_name, how):
        self.registry.device(product_key, device_name).activated = True
        return Admission(f"{device_name}&{product_key}", how, (product_key, device_name))

    # iotId and iotToken

    def _means_token(self, packet):
        if "|" not in packet.client_id or packet.username in self.registry.iot_tokens:
            return True
        return params_of(packet.client_id).get("securemode") in ("-1", "0")

    def _token(self, packet, transport):
        if "|" in packet.client_id:
            _, params = signing.client_id_parse(packet.client_id)
            securemode_check(params, transport, "-1" if transport == "tls" else "0")
        elif transport != "tls":
            raise Refused(2, "an iotToken in plain text, and no securemode=0 that says so")
        elif not 0 < len(packet.client_id) <= signing.ID_MAX:
            raise Refused(2, f"clientId has {len(packet.client_id)} characters")
        token = self.registry.iot_tokens.get(packet.username)
        if token is None:
            raise Refused(3, "unknown iotId")
        if not hmac.compare_digest(token.token.encode(), packet.password or b""):
            raise Refused(3, "wrong iotToken")
        if self.registry.clock.now() >= token.until:
            raise Refused(3, "the iotToken has expired")
        if not self.registry.device(token.product_key, token.device_name):
            raise Refused(3, "the iotToken's device is gone")
        return self._activated(token.product_key, token.device_name, "token")

    # Registration

    def _registration(self, packet, transport, auth_type):
        id_, params = signing.client_id_parse(packet.client_id)
        self._registration_params(params, transport, auth_type)
        method = params.get("signmethod", signing.METHOD_DEFAULT)
        if method not in signing.METHODS:
            raise Refused(2, f"signmethod={method}")
        device_name, product_key = signing.username_parse(packet.username)
        text = signing.password_hex(packet.password, method)
        product = self.registry.products.get(product_key)
        if not product:
            raise Refused(4, "unknown product")
        content = signing.register_content(device_name, product_key, params["random"])
        if not hmac.compare_digest(signing.digest_hex(method, product.secret or "", content), text):
            raise Refused(4, "wrong signature")
        if not product.dynamic:
            raise Refused(4, "dynamic registration is switched off")
        give = self._give_secret if auth_type == "register" else self._give_token
        return Admission(f"{device_name}&{product_key}", auth_type, gift=give(product_key, device_name))

    def _registration_params(self, params, transport, auth_type):
        if transport != "tls":
            raise Refused(2, f"authType={auth_type} without TLS")
        mode, instance = params.get("securemode"), params.get("instanceId")
        if mode not in ("2", "-2") or mode == "-2" and not instance:
            raise Refused(2, f"securemode={mode} with{'' if instance else 'out'} instanceId")
        wanted = self.settings.instance_id
        if instance and wanted and instance != wanted:
            raise Refused(2, f"instanceId={instance}")
        if "random" not in params:
            raise Refused(2, "no random")

    def _give_secret(self, product_key, device_name):
        device = self.registry.device(product_key, device_name)
        if not device:
            raise Refused(4, "unknown device")
        if device.activated:
            raise Refused(4, "the device is activated already")
        secret = self.registry.secret_renew(product_key, device_name)
        body = {"productKey": product_key, "deviceName": device_name, "deviceSecret": secret}
        return "/ext/register", json.dumps(body).encode()

    def _give_token(self, product_key, device_name):
        clone = self.registry.clone_add(product_key, device_name)
        if not clone:
            raise Refused(4, "too many devices of that name")
        body = {
            "productKey": product_key, "deviceName": device_name, "clientId": clone[0], "deviceToken": clone[1],
        }  # fmt: skip
        return self.settings.regnwl_topic, json.dumps(body).encode()

    def _clone(self, packet, transport):
        id_, params = signing.client_id_parse(packet.client_id)
        if transport != "tls":
            raise Refused(2, "authType=connwl without TLS")
        securemode_check(params, transport, "-2")
        device_name, product_key = signing.username_parse(packet.username)
        device = self.registry.device(product_key, device_name)
        token = device.clones.get(id_) if device else None
        if token is None:
            raise Refused(self.settings.auth_code, "unknown device or clientId")
        if not hmac.compare_digest(token.encode(), packet.password or b""):
            raise Refused(self.settings.auth_code, "wrong deviceToken")
        return Admission(f"{device_name}&{product_key}", "connwl", (product_key, device_name))


def securemode_check(params, transport, expected):
    mode = params.get("securemode")
    if mode != expected:
        raise Refused(2, f"securemode={mode} on {transport}, where it is {expected}")
