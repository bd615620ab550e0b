# SPDX-License-Identifier: Apache-2.0
"""The control socket's server side: one JSON object a line in, one out."""

import asyncio
import base64
import dataclasses
import json

from . import journal

LINE_MAX = 64 << 20


class Doorman:
    def __init__(self, platform, stop):
        self.platform = platform
        self.stop = stop

    async def listen(self, path):
        return await asyncio.start_unix_server(self._serve, path, limit=LINE_MAX)

    async def _serve(self, reader, writer):
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, line):
        try:
            request = json.loads(line)
            op = getattr(self, "do_" + request.pop("op"))
            return {"ok": True, "result": await op(**request)}
        except (ValueError, TypeError, AttributeError, KeyError, OSError) as e:
            return {"ok": False, "error": f"{type(e).__name__}: {e}"}

    async def do_set(self, changes):
        await self.platform.set(changes)

    async def do_add_product(self, product_key, product_secret, dynamic=True):
        self.platform.registry.product_add(product_key, product_secret, dynamic)

    async def do_add_identity(self, product_key, device_name, device_secret=None, **state):
        self.platform.registry.device_add(product_key, device_name, device_secret, **state)

    async def do_remove_identity(self, product_key, device_name):
        self.platform.registry.devices.pop((product_key, device_name), None)

    async def do_reset_device(self, product_key, device_name):
        self.platform.registry.reset(product_key, device_name)

    async def do_device(self, product_key, device_name):
        device = self.platform.registry.device(product_key, device_name)
        return device and dataclasses.asdict(device)

    async def do_drop_iot_tokens(self):
        self.platform.registry.iot_tokens.clear()

    async def do_add_token(self, token, type, seconds, resources=None):  # pylint: disable=redefined-builtin
        self.platform.vault.add(token, type, seconds, resources)

    async def do_revoke_token(self, token):
        self.platform.token_revoke(token)

    async def do_invalidate_tokens(self, code, type):  # pylint: disable=redefined-builtin
        return self.platform.token_invalid(code, type)

    async def do_secrets(self):
        return self.platform.secrets()

    async def do_advance(self, seconds):
        self.platform.clock.advance(seconds)

    async def do_now(self):
        return self.platform.clock.now()

    async def do_publish(self, topic, payload_b64, qos, force=False):
        if qos not in (0, 1):
            raise ValueError(f"qos {qos}")
        return self.platform.deliver(topic, base64.b64decode(payload_b64), qos, force)

    async def do_kick(self):
        return self.platform.kick()

    async def do_cut(self, reset=False):
        return self.platform.cut(reset=reset)

    async def do_events(self, kind=None, after=0, match=None):
        return [journal.export(e) for e in self.platform.journal.find(kind, after, self._match(match))]

    async def do_wait(self, kind, timeout, after=0, match=None, count=1):
        event = await self.platform.journal.wait(kind, after, self._match(match), count, timeout)
        return event and journal.export(event)

    async def do_mark(self):
        return self.platform.journal.last

    async def do_stats(self):
        return self.platform.stats()

    async def do_stop(self):
        self.stop.set()

    @staticmethod
    def _match(match):
        if match and "payload_b64" in match:
            match["payload"] = base64.b64decode(match.pop("payload_b64"))
        return match
