# SPDX-License-Identifier: Apache-2.0
"""TLS over memory, so that a handshake can be watched, left hanging or broken off half-way."""

import ssl

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def context_new(certificate, key, client_ca, version_min, version_max):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version_min in ("1.0", "1.1"):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = VERSIONS[version_min]
    context.maximum_version = VERSIONS[version_max]
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.sni_callback = sni_note
    return context


def sni_note(connection, name, _context):
    connection.sni = name


class Failed(Exception):
    """The handshake failed, or what came after it is not TLS."""


class Layer:
    def __init__(self, context):
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.connection = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.connection.sni = None
        self.established = False
        self.ended = False

    def feed(self, data):
        """Takes what came from the network, returns plain text. Call output() afterwards, also when it raises."""
        self.incoming.write(data)
        try:
            if not self.established:
                self.connection.do_handshake()
                self.established = True
            return self._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as e:
            raise Failed(e.reason or str(e)) from e

    def _read(self):
        pieces = []
        try:
            while piece := self.connection.read(1 << 18):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def encrypt(self, data):
        self.connection.write(data)
        return self.output()

    def close(self):
        """Says goodbye as TLS wants it, so that the end of what was sent can't be taken for a cut."""
        try:
            self.connection.unwrap()
        except ssl.SSLError:
            pass  # the peer's goodbye isn't waited for
        return self.output()

    def output(self):
        return self.outgoing.read()

    def describe(self):
        certificate = self.connection.getpeercert() or {}
        names = [v for part in certificate.get("subject", ()) for k, v in part if k == "commonName"]
        return {
            "version": self.connection.version(),
            "cipher": self.connection.cipher()[0],
            "sni": self.connection.sni,
            "client_cert": names[0] if names else None,
        }
