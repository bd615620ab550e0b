# SPDX-License-Identifier: Apache-2.0
"""The platform behind the connections: listeners, known devices, sessions, and what the control can ask for."""

import asyncio
import collections
import os
import random
import socket

from . import certs, signing, tls
from .connection import Connection
from .journal import Journal
from .rates import Window
from .session import Session
from .settings import Settings

# Below the range the kernel takes for outgoing connections: a port given up for a while can't be taken by a client, and
# a client that keeps trying can't meet itself on it.
PORTS = range(15000, 32000)


class Account:
    """What is counted per identity, whatever the connection."""

    def __init__(self):
        self.connects = Window(60)
        self.qos0 = Window(1)
        self.qos1 = Window(1)


def socket_bind(host, port):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        for candidate in (port,) if port else random.sample(PORTS, 100):
            try:
                s.bind((host, candidate))
                s.listen(1024)
                s.setblocking(False)
                return s
            except OSError:
                if port:
                    raise
        raise OSError("no free port found")
    except BaseException:
        s.close()
        raise


class Platform:
    def __init__(self, mode, host, certs_dir, verbose=None):
        self.settings = Settings(mode)
        self.host = host
        self.certs_dir = certs_dir
        self.journal = Journal(verbose)
        self.ports = {}  # tcp, tls: port
        self.listeners = {}
        self.connections = {}
        self.devices = {}  # (product_key, device_name): secret
        self.accounts = collections.defaultdict(Account)
        self.sessions = {}
        self.traffic = collections.Counter()
        self.contexts = {}

    # Listening

    async def listen(self, tcp_port=0, tls_port=0):
        """A port of None leaves that listener out."""
        for kind, port in (("tcp", tcp_port), ("tls", tls_port)):
            if port is not None:
                await self._listen_one(kind, port)

    async def _listen_one(self, kind, port):
        sock = socket_bind(self.host, port)
        self.ports[kind] = sock.getsockname()[1]
        loop = asyncio.get_running_loop()
        self.listeners[kind] = await loop.create_server(lambda: Connection(self, kind), sock=sock)

    def close_listeners(self):
        for listener in self.listeners.values():
            listener.close()
        self.listeners.clear()

    def tls_context(self):
        s = self.settings
        key = (s.cert, s.tls_min, s.tls_max)
        if key not in self.contexts:
            path = os.path.join(self.certs_dir, s.cert)
            client_ca = os.path.join(self.certs_dir, certs.CA_FILE)
            self.contexts[key] = tls.context_new(path + ".pem", path + ".key", client_ca, s.tls_min, s.tls_max)
        return self.contexts[key]

    # For dialogs

    def account(self, identity):
        return self.accounts[identity]

    def authenticate(self, packet, transport):
        """Returns (identity, device or None) or raises signing.Refused."""
        s = self.settings
        if s.mode == "platform":
            _, _, device_name, product_key = signing.device_check(
                packet.client_id, packet.username, packet.password, transport, self._secret, s.auth_code
            )
            return f"{device_name}&{product_key}", (product_key, device_name)
        if s.mode == "mq":
            signing.mq_check(
                packet.client_id, packet.username, packet.password,
                s.access_key, s.access_secret or "", s.instance_id, s.auth_code,
            )  # fmt: skip
            return packet.client_id, None
        if s.users and s.users.get(packet.username) != (packet.password or b"").decode("utf-8", "replace"):
            raise signing.Refused(s.auth_code, "wrong username or password")
        if not packet.client_id and not packet.clean:
            raise signing.Refused(2, "empty client identifier with a kept session")
        return packet.client_id or f"anonymous-{id(packet):x}", None

    def _secret(self, product_key, device_name):
        return self.devices.get((product_key, device_name))

    def session_take(self, identity, link, clean):
        """Makes @link the one connection of @identity. Returns (session, whether there was a kept one)."""
        session = self.sessions.get(identity)
        if session and session.link:
            session.link.end("kicked", "a newer connection has the same identity")
        session = self.sessions.get(identity)
        present = session is not None and not clean
        if not present:
            session = self.sessions[identity] = Session(identity, self.journal, clean)
        session.attach(link, clean)
        return session, present

    def session_release(self, session):
        session.detach()
        if session.clean and self.sessions.get(session.key) is session:
            del self.sessions[session.key]

    def count_publish(self, packet):
        self.traffic["publishes"] += 1
        self.traffic[f"publishes-qos{packet.qos}"] += 1
        self.traffic["bytes"] += len(packet.payload)

    def deliver(self, topic, payload, qos, force=False):
        """To every session that wants it. The platform keeps the publisher's QoS, other brokers take the lower one."""
        results = collections.Counter()
        for session in list(self.sessions.values()):
            wanted = session.wants(topic)
            if wanted is None and not force:
                continue
            if self.settings.mode != "platform" and wanted is not None:
                results[session.deliver(topic, payload, min(qos, wanted))] += 1
            else:
                results[session.deliver(topic, payload, qos)] += 1
        return {kind: results[kind] for kind in ("delivered", "queued", "lost")}

    # For the control

    async def set(self, changes):
        before = (self.settings.blackhole, self.settings.refuse)
        self.settings.set(changes)
        after = (self.settings.blackhole, self.settings.refuse)
        hidden = ("users", "access_secret")
        self.journal.add("set", changes={k: v for k, v in changes.items() if k not in hidden})
        if after[0] != before[0]:
            for connection in list(self.connections.values()):
                connection.darken() if after[0] else connection.lighten()
        if after[1] and not before[1]:
            self.close_listeners()
        elif before[1] and not after[1]:
            await self.listen(self.ports.get("tcp"), self.ports.get("tls"))

    def cut(self, detail="as told", reset=False, reason="cut"):
        """Returns how many connections that ended."""
        live = [c for c in self.connections.values() if not c.ended]
        for connection in live:
            connection.end(reason, detail, abort=reset)
        return len(live)

    def kick(self):
        live = [s for s in self.sessions.values() if s.link]
        for session in live:
            session.link.end("kicked", "as told")
        return len(live)

    def stats(self):
        sessions = {
            key: {
                "connected": s.link is not None, "subscriptions": s.subscriptions,
                "queued": len(s.queue), "in_flight": len(s.in_flight), "unacknowledged": len(s.unacknowledged),
            } for key, s in self.sessions.items()
        }  # fmt: skip
        return {
            "events": dict(self.journal.counts), **self.traffic,
            "connections": sum(not c.ended for c in self.connections.values()), "sessions": sessions,
        }  # fmt: skip
