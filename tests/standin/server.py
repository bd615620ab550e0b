# SPDX-License-Identifier: Apache-2.0
"""The platform behind the connections: listeners, known devices, sessions, and what the control can ask for."""

import asyncio
import collections
import os
import random
import socket

from . import certs, mqtokens, signing, tls
from .admission import Admission, Gate
from .clock import Clock
from .connection import Connection
from .journal import Journal
from .rates import Window
from .registry import Registry
from .session import Session
from .settings import Settings
from .web import WebConnection

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
        self.clock = Clock()
        self.journal = Journal(verbose)
        self.ports = {}  # tcp, tls, https: port
        self.listeners = {}
        self.connections = {}
        self.registry = Registry(self.clock)
        self.gate = Gate(self.registry, self.settings)
        self.vault = mqtokens.Vault(self.clock)
        self.accounts = collections.defaultdict(Account)
        self.sessions = {}
        self.traffic = collections.Counter()
        self.contexts = {}

    # Listening

    async def listen(self, **ports):
        """tcp, tls, https: 0 is any free port, None leaves that listener out."""
        for kind, port in ports.items():
            if port is not None:
                await self._listen_one(kind, port)

    async def _listen_one(self, kind, port):
        sock = socket_bind(self.host, port)
        self.ports[kind] = sock.getsockname()[1]
        made = WebConnection if kind == "https" else Connection
        loop = asyncio.get_running_loop()
        self.listeners[kind] = await loop.create_server(lambda: made(self, kind), sock=sock)

    def close_listeners(self, *kinds):
        for kind in kinds or tuple(self.listeners):
            if kind in self.listeners:
                self.listeners.pop(kind).close()

    def tls_context(self, cert):
        s = self.settings
        key = (cert, s.tls_min, s.tls_max)
        if key not in self.contexts:
            path = os.path.join(self.certs_dir, cert)
            client_ca = os.path.join(self.certs_dir, certs.CA_FILE)
            self.contexts[key] = tls.context_new(path + ".pem", path + ".key", client_ca, s.tls_min, s.tls_max)
        return self.contexts[key]

    # For dialogs

    def identity_of(self, packet):
        """Who a CONNECT says it is; an iotId stands for its device."""
        token = self.registry.iot_tokens.get(packet.username)
        return token.identity if token else packet.username or packet.client_id

    def account(self, identity):
        return self.accounts[identity]

    def admit(self, packet, transport):
        """Returns an Admission or raises signing.Refused."""
        s = self.settings
        if s.mode == "platform":
            return self.gate.admit(packet, transport)
        if s.mode == "mq":
            return self._admit_mq(packet)
        if s.users and s.users.get(packet.username) != (packet.password or b"").decode("utf-8", "replace"):
            raise signing.Refused(s.auth_code, "wrong username or password")
        if not packet.client_id and not packet.clean:
            raise signing.Refused(2, "empty client identifier with a kept session")
        return Admission(packet.client_id or f"anonymous-{id(packet):x}", "plain")

    def _admit_mq(self, packet):
        s = self.settings
        signing.mq_client_id_check(packet.client_id)
        kind, key, instance = signing.mq_username_parse(packet.username)
        grants = None
        if kind == "Token":
            signing.mq_account_check(key, instance, s.access_key, s.instance_id, s.auth_code)
            grants = self.vault.grants(packet.password, s.auth_code)
        else:
            signing.mq_check(
                packet.client_id, packet.username, packet.password,
                s.access_key, s.access_secret or "", s.instance_id, s.auth_code,
            )  # fmt: skip
        return Admission(packet.client_id, kind, grants=grants)

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
        before = dict(self.settings.__dict__)
        self.settings.set(changes)
        hidden = ("users", "access_secret")
        self.journal.add("set", changes={k: v for k, v in changes.items() if k not in hidden})
        if self.settings.blackhole != before["blackhole"]:
            for connection in list(self.connections.values()):
                connection.darken() if self.settings.blackhole else connection.lighten()
        for name, kinds in (("refuse", ("tcp", "tls")), ("http_refuse", ("https",))):
            refuse = getattr(self.settings, name)
            if refuse and not before[name]:
                self.close_listeners(*kinds)
            elif before[name] and not refuse:
                await self.listen(**{kind: self.ports.get(kind) for kind in kinds})

    def token_revoke(self, text):
        token = self.vault.tokens[text]
        token.revoked = True
        for watch in self._watches():
            watch.revoked(token)

    def token_invalid(self, code, type_):
        """Tells every connection that lives on tokens, and closes it. Returns how many those were."""
        watches = self._watches()
        for watch in watches:
            watch.invalid(code, type_)
        return len(watches)

    def _watches(self):
        dialogs = [s.link.dialog for s in self.sessions.values() if s.link]
        return [d.watch for d in dialogs if d.watch]

    def secrets(self):
        found = {*self.registry.secrets(), *self.vault.tokens, self.settings.access_secret}
        return sorted(found - {None, ""})

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
