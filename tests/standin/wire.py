# SPDX-License-Identifier: Apache-2.0
"""One TCP connection: bytes in and out, with TLS or without, and every way to treat a peer badly below what is spoken.

While a connection is dark (a black hole) nothing is read and what is written is held back. Ending it then is invisible
to the peer: the socket is closed only when the light comes back, as a network would behave.
"""

import asyncio
import itertools
import socket
import struct

from . import tls

numbers = itertools.count(1)


class Wire(asyncio.Protocol):
    prefix = ""  # of the kinds of events
    secured = False

    def __init__(self, platform, kind):
        self.platform = platform
        self.kind = kind  # tcp, tls, https
        self.number = next(numbers)
        self.transport = None
        self.layer = None
        self.pending = []  # plain bytes of the current burst
        self.corked = False
        self.dark = False
        self.held = []  # bytes for the network that the dark keeps
        self.ended = None  # the reason, once it is over
        self.abort = False

    # What is spoken fills these in

    def started(self):
        """The connection is there."""

    def spoken(self, plain):
        """Bytes came, after decryption."""

    def stopped(self):
        """The connection is over."""

    def ending(self):
        """More members for the event of the end."""
        return {}

    def identity(self):
        return None

    def tls_context(self):
        return self.platform.tls_context(self.platform.settings.cert)

    def tls_refused(self):
        return self.platform.settings.refuse_tls

    # The network's side

    def connection_made(self, transport):
        self.transport = transport
        self.platform.connections[self.number] = self
        peer = transport.get_extra_info("peername")
        self.note("open", transport=self.kind, peer=f"{peer[0]}:{peer[1]}")
        self.started()
        if self.platform.settings.blackhole:
            self.darken()

    def data_received(self, data):
        if self.ended:
            return
        self.corked = True
        try:
            plain = self._decrypt(data) if self.secured else data
            if plain:
                self.spoken(plain)
                if self.layer and self.layer.ended:
                    self.end("eof")
        finally:
            self.corked = False
            self.flush()

    def eof_received(self):
        self.end("eof")

    def connection_lost(self, exc):
        self.end("reset" if exc else "eof", str(exc) if exc else None)
        self.platform.connections.pop(self.number, None)

    def _decrypt(self, data):
        if not self.layer:
            try:
                self.layer = tls.Layer(self.tls_context())
            except (OSError, ValueError) as e:
                self.end("tls", str(e))
                return b""
        layer = self.layer
        fresh = not layer.established
        try:
            plain = layer.feed(data)
        except tls.Failed as e:
            self.transport.write(layer.output())
            self.note("tls-failed", reason=str(e))
            self.end("tls", str(e))
            return b""
        output = layer.output()
        if fresh and self.tls_refused():
            self.transport.write(output[: len(output) // 2])
            self.note("tls-failed", reason="refused as told")
            self.end("tls", "refused as told")
            return b""
        if output:
            self._emit(output)
        if fresh and layer.established:
            self.note("tls", **layer.describe())
        if layer.ended and not plain:
            self.end("eof")
        return plain

    # For what is spoken

    def note(self, kind, **members):
        identity = self.identity()
        if identity:
            members = {"identity": identity, **members}
        return self.platform.journal.add(self.prefix + kind, conn=self.number, **members)

    def write(self, data):
        if self.ended:
            return
        self.pending.append(data)
        if not self.corked:
            self.flush()

    def flush(self):
        if not self.pending:
            return
        data = b"".join(self.pending)
        self.pending.clear()
        self._emit(self.layer.encrypt(data) if self.layer else data)

    def _emit(self, data):
        if self.dark:
            self.held.append(data)
        else:
            self.transport.write(data)

    def end(self, reason, detail=None, abort=False):
        """Ends the connection, once; the first reason is the one that counts."""
        if self.ended:
            return
        self.flush()
        self.ended = reason
        self.abort = abort
        self.note("disconnect", reason=reason, detail=detail, **self.ending())
        self.stopped()
        if not self.dark:
            self._shut()

    def _shut(self):
        if self.abort:
            # Without lingering, to close is to reset.
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    def darken(self):
        if not self.dark and not self.ended:
            self.dark = True
            self.transport.pause_reading()

    def lighten(self):
        if not self.dark:
            return
        self.dark = False
        self.transport.write(b"".join(self.held))
        self.held.clear()
        if self.ended:
            self._shut()
        else:
            self.transport.resume_reading()
