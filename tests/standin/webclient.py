# SPDX-License-Identifier: Apache-2.0
"""A client of the HTTPS services for tests, and the credentials that go with what they give."""

import hashlib
import hmac
import http.client
import json
import ssl
import urllib.parse

HASHES = {"hmacmd5": hashlib.md5, "hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}
FORM = "application/x-www-form-urlencoded"


def sign(secret, content, method="hmacmd5"):
    return hmac.new(secret.encode(), content.encode(), HASHES[method]).hexdigest()


def auth_fields(standin, secret=None, **more):
    """What a device with a good secret sends to /auth/devicename."""
    pk, dn, known = standin.identity.values()
    fields = {"productKey": pk, "deviceName": dn, "clientId": "00-11@x", "version": "default", "resources": "mqtt"}
    fields.update(more)
    signed = [n for n in sorted(fields) if n not in ("version", "resources", "signmethod")]
    content = "".join(n + fields[n] for n in signed)
    return {**fields, "sign": sign(secret or known, content, fields.get("signmethod", "hmacmd5"))}


def register_fields(standin, secret=None, method="hmacsha256", random="8Ygb7", **identity):
    """The same for /auth/register/device."""
    pk = identity.get("product_key", standin.identity["product_key"])
    dn = identity.get("device_name", standin.identity["device_name"])
    content = f"deviceName{dn}productKey{pk}random{random}"
    signature = sign(secret or standin.product_secret, content, method)
    return {"productKey": pk, "deviceName": dn, "random": random, "sign": signature, "signMethod": method}


def register_login(standin, kind="register", secret=None, random="567345", device_name=None, rest="", securemode=2):
    """The three strings of a CONNECT that registers."""
    pk, dn = standin.identity["product_key"], device_name or standin.identity["device_name"]
    password = sign(secret or standin.product_secret, f"deviceName{dn}productKey{pk}random{random}", "hmacsha256")
    params = f"securemode={securemode},authType={kind},random={random},signmethod=hmacsha256{rest}"
    return f"12345|{params}|", f"{dn}&{pk}", password


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    @property
    def data(self):
        return self.json["data"]


def post(standin, path, fields, content_type=FORM, method="POST", timeout=5):
    """@fields: a dict, or a body as it is."""
    context = ssl.create_default_context(cafile=standin.ca_file)
    connection = http.client.HTTPSConnection("127.0.0.1", standin.https_port, timeout=timeout, context=context)
    try:
        body = fields if isinstance(fields, (bytes, str)) else urllib.parse.urlencode(fields)
        connection.request(method, path, body, {"Content-Type": content_type})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def authenticate(standin, fields=None, **more):
    return post(standin, "/auth/devicename", fields if fields is not None else auth_fields(standin, **more))


def register(standin, fields=None, **more):
    fields = fields if fields is not None else register_fields(standin, **more)
    return post(standin, "/auth/register/device", fields)
