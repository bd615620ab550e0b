# SPDX-License-Identifier: Apache-2.0
"""What the platform has on record: products, devices, and everything it ever gave out to prove them by."""

import secrets
from dataclasses import dataclass, field

CLONES_MAX = 5  # physical devices that may register freely under one name


@dataclass
class Product:
    secret: str | None
    dynamic: bool = True  # the console's switch for dynamic registration


@dataclass
class Device:
    secret: str | None = None
    auth_type: str = "secret"  # anything else can't sign with a secret
    activated: bool = False
    clones: dict = field(default_factory=dict)  # client id: device token


@dataclass
class IotToken:
    product_key: str
    device_name: str
    token: str
    until: float

    @property
    def identity(self):
        return f"{self.device_name}&{self.product_key}"


class Registry:
    def __init__(self, clock):
        self.clock = clock
        self.products = {}
        self.devices = {}  # (product_key, device_name): Device
        self.iot_tokens = {}  # iotId: IotToken
        self.known = set()  # every secret there ever was

    def product_add(self, product_key, secret, dynamic=True):
        self.products[product_key] = Product(self._remember(secret), dynamic)

    def device_add(self, product_key, device_name, secret, auth_type="secret", activated=False):
        self.devices[product_key, device_name] = Device(self._remember(secret), auth_type, activated)

    def device(self, product_key, device_name):
        return self.devices.get((product_key, device_name))

    def secret(self, product_key, device_name):
        """None for a stranger, and for a device that has no secret."""
        device = self.device(product_key, device_name)
        return device.secret if device and device.auth_type == "secret" else None

    def reset(self, product_key, device_name):
        """As the console does it: the device may register once more."""
        self.devices[product_key, device_name].activated = False

    def secret_renew(self, product_key, device_name):
        """A new secret each time; the one before it is worth nothing from now on."""
        device = self.devices[product_key, device_name]
        device.secret = self._remember(secrets.token_hex(16))
        return device.secret

    def clone_add(self, product_key, device_name):
        """Returns (client id, device token), or None when there are too many."""
        device = self.devices.setdefault((product_key, device_name), Device())
        if len(device.clones) >= CLONES_MAX:
            return None
        client_id = secrets.token_hex(10)
        device.clones[client_id] = self._remember(secrets.token_hex(16))
        return client_id, device.clones[client_id]

    def iot_token_new(self, product_key, device_name, seconds):
        """Returns (iotId, iotToken)."""
        iot_id, token = secrets.token_hex(10), self._remember(secrets.token_hex(16))
        self.iot_tokens[iot_id] = IotToken(product_key, device_name, token, self.clock.now() + seconds)
        return iot_id, token

    def secrets(self):
        """All of them, those given in and those given out, for a test that looks for leaks."""
        return sorted(self.known - {None, ""})

    def _remember(self, secret):
        self.known.add(secret)
        return secret
