# SPDX-License-Identifier: Apache-2.0
"""One client's conversation in MQTT packets: the platform's rules, and the misbehavior asked for.

A rule that is broken becomes a violation event and, unless told otherwise, the end of the connection. Too much traffic
is different: the excess publishes vanish without a word, as they do on the platform.
"""

import asyncio
import json

from . import admission, mqtt, mqtokens, registration, signing, topics

GARBAGE = b"\x00\x05\xff\xfe\x80not MQTT at all\r\n\xf5\xc0\xde" * 3
QOS2_TYPES = (mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP)


class Dialog:
    def __init__(self, link, platform):
        self.link = link
        self.platform = platform
        self.settings = platform.settings
        self.loop = asyncio.get_running_loop()
        self.identity = None  # what the client says it is; true once online
        self.admission = None
        self.device = None  # (product_key, device_name) on the platform
        self.watch = None  # over tokens, where they rule
        self.account = None
        self.session = None
        self.online = False
        self.connect = None
        self.waiting = []  # packets that came before a delayed CONNACK
        self.last = self.loop.time()
        self.timers = set()
        self.at_end = []  # to be called
        self.withheld = 0
        self.handlers = {
            mqtt.CONNECT: self._second_connect,
            mqtt.PUBLISH: self._publish,
            mqtt.PUBACK: self._puback,
            mqtt.SUBSCRIBE: self._subscribe,
            mqtt.UNSUBSCRIBE: self._unsubscribe,
            mqtt.PINGREQ: self._ping,
            mqtt.DISCONNECT: self._disconnect,
        }

    def start(self):
        self._later(self.settings.connect_timeout, self._connect_missing)

    def stop(self):
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        for function in self.at_end:
            function()
        self.at_end.clear()
        if self.session and self.session.link is self.link:
            self.platform.session_release(self.session)
        self.online = False

    def handle(self, packet):
        self.last = self.loop.time()
        if self.online and self.admission.gift and registration.offends(self, packet):
            return
        if self.online and packet.type in self.handlers:
            self.handlers[packet.type](packet)
        elif self.connect is None:
            if packet.type != mqtt.CONNECT:
                raise mqtt.Malformed(f"{mqtt.NAMES[packet.type]} before CONNECT")
            self._connect(packet)
        elif packet.type in QOS2_TYPES:
            self.violation("qos2", mqtt.NAMES[packet.type], close=True)
        elif packet.type == mqtt.CONNECT:
            self._second_connect(packet)
        else:
            self.waiting.append(packet)

    # Being let in

    def _connect(self, packet):
        self.connect = packet
        self.identity = self.platform.identity_of(packet)
        self.account = self.platform.account(self.identity)
        self.link.note("connect", **self._connect_describe(packet))
        if not self._rate_connect():
            return
        if packet.will_topic is not None and self.settings.mode == "platform":
            if self.violation("will", f"will for {packet.will_topic}"):
                return
        refusal = self._verdict(packet)
        if self.settings.answer == "garbage":
            self.link.write(GARBAGE)
        elif self.settings.answer != "silence":
            self._later(self.settings.delay_connack, self._decide, refusal)

    def _connect_describe(self, packet):
        id_, params = packet.client_id, {}
        if self.settings.mode == "platform":
            try:
                id_, params = signing.client_id_parse(packet.client_id)
            except signing.Refused:
                pass
        return {
            "transport": self.link.kind, "client_id": packet.client_id, "id": id_, "params": params,
            "username": packet.username, "keepalive": packet.keepalive, "clean": packet.clean,
        }  # fmt: skip

    def _rate_connect(self):
        limit = self.settings.connects_per_minute
        if self.account.connects.allow(limit, self.loop.time()):
            return True
        return not self.violation("connect-rate", f"more than {limit} CONNECTs in a minute")

    def _verdict(self, packet):
        """Returns None when the client may come in, else (code, reason)."""
        forced = self.settings.connack
        if forced:
            if self.settings.connack_count is not None:
                self.settings.connack_count -= 1
                if self.settings.connack_count <= 0:
                    self.settings.connack = self.settings.connack_count = None
            return forced, "as told"
        try:
            if self.settings.mode != "platform" or not admission.registers(packet.client_id):
                self._keepalive_check(packet.keepalive)
            self.admission = self.platform.admit(packet, self.link.kind)
        except signing.Refused as e:
            return e.code, e.reason
        self.identity, self.device = self.admission.identity, self.admission.device
        return None

    def _keepalive_check(self, keepalive):
        low, high = self.settings.keepalive_min, self.settings.keepalive_max
        if low and keepalive < low or high and keepalive > high:
            raise signing.Refused(2, f"keepalive of {keepalive} s is outside {low}-{high} s")

    def _decide(self, refusal):
        if refusal:
            self.refuse(*refusal)
        else:
            self._accept()
            waiting, self.waiting = self.waiting, []
            for packet in waiting:
                if not self.link.ended:
                    self.handle(packet)

    def refuse(self, code, reason):
        self.link.note("connack", code=code, session_present=False, reason=reason)
        self.link.write(mqtt.connack(code))
        self.link.end("refused", reason)

    def _accept(self):
        packet = self.connect
        gift, present = self.admission.gift, False
        if gift:
            self.session = registration.session_new(self.identity, self.link, self.platform.journal)
        else:
            self.session, present = self.platform.session_take(self.identity, self.link, packet.clean)
        self.session.window = self.settings.unacknowledged
        self.online = True
        self.link.note("connack", code=0, session_present=present, reason=None, how=self.admission.how)
        self.link.write(mqtt.connack(0, present))
        self.session.resume()
        if self.session.stale:
            self._later(self.settings.puback_delay, self._puback_stale, self.session.stale_take())
        if packet.keepalive:
            self._keepalive_watch()
        if gift:
            registration.begin(self)
        if self.admission.grants is not None:
            self._tokens_watch()

    def _tokens_watch(self):
        ahead = self.settings.token_notice
        self.watch = mqtokens.Watch(
            self.platform.vault, self.admission.grants, ahead, self._token_notice, self._token_close
        )
        self.at_end.append(self.watch.stop)

    def _token_notice(self, topic, body):
        self.session.deliver(topic, json.dumps(body).encode(), 0)
        self.link.note("token-notice", topic=topic, **body)

    def _token_close(self, detail):
        self.link.end("token", detail)

    def _token_upload(self, packet):
        type_ = self.watch.upload(packet.payload)
        self.link.note("token-upload", type=type_, taken=type_ is not None, mid=packet.mid)
        if type_ and packet.qos:
            self._acknowledge(packet.mid, self._puback_how())

    def _connect_missing(self):
        if not self.connect:
            self.link.end("timeout", "no CONNECT in time")

    def _keepalive_watch(self):
        left = self.last + 1.5 * self.connect.keepalive - self.loop.time()
        if left <= 0:
            self.link.end("keepalive", f"silent for 1.5 x {self.connect.keepalive} s")
        else:
            self._later(left, self._keepalive_watch)

    # Conversation

    def _second_connect(self, _packet):
        self.violation("second-connect", "CONNECT on a connection that had one", close=True)

    def _publish(self, packet):
        if self._publish_offends(packet):
            return
        if self.watch and packet.topic == mqtokens.UPLOAD:
            self._token_upload(packet)
            return
        if self.watch and not self.watch.allows("W", packet.topic) or self._publish_excess(packet):
            return
        settings = self.settings
        if settings.cut_after:
            settings.cut_after -= 1
            if settings.cut_after == 0:
                settings.cut_after = None
                self._publish_note(packet, "no")
                self.platform.cut("cut after as many publishes as told")
                return
        how = self._puback_how() if packet.qos else None
        self._publish_note(packet, how)
        if packet.qos:
            self._acknowledge(packet.mid, how)
        if settings.mode != "platform":
            self.platform.deliver(packet.topic, packet.payload, packet.qos)

    def _publish_offends(self, packet):
        """True when the connection is over, or the packet can't be used."""
        s = self.settings
        size = len(packet.topic.encode())
        if packet.qos == 2:
            self.violation("qos2", f"PUBLISH to {packet.topic}", close=True)
            return True
        if packet.retain and s.mode == "platform" and self.violation("retain", f"PUBLISH to {packet.topic}"):
            return True
        if s.topic_bytes and size > s.topic_bytes and self.violation("topic-length", f"{size} bytes"):
            return True
        slashes = packet.topic.count("/")
        if s.topic_slashes and slashes > s.topic_slashes and self.violation("topic-depth", f"{slashes} slashes"):
            return True
        if self.device and not topics.belongs(packet.topic, *self.device):
            if self.violation("topic-foreign", packet.topic):
                return True
        size = len(packet.payload)
        if s.payload_max and size > s.payload_max and self.violation("payload", f"{size} bytes"):
            return True
        return bool(packet.qos) and self._unacknowledged_offend(packet)

    def _unacknowledged_offend(self, packet):
        open_ = self.session.unacknowledged
        if packet.mid in open_:
            return not packet.dup and self.violation("mid-reuse", f"{packet.mid} is still unacknowledged")
        limit = self.settings.unacknowledged
        if limit and len(open_) >= limit:
            return self.violation("unacknowledged", f"more than {limit}")
        return False

    def _publish_excess(self, packet):
        window, limit, rule = (
            (self.account.qos1, self.settings.qos1_per_second, "qos1-rate")
            if packet.qos
            else (self.account.qos0, self.settings.qos0_per_second, "qos0-rate")
        )
        if window.allow(limit, self.loop.time()):
            return False
        if packet.qos:
            self.session.unacknowledged.add(packet.mid)
        self.link.note("dropped", rule=rule, **publish_describe(packet))
        return True

    def _publish_note(self, packet, how):
        self.platform.count_publish(packet)
        if self.settings.record_publishes:
            acked = {"acked": how} if packet.qos else {}
            self.link.note("publish", **publish_describe(packet), **acked)

    def _puback_how(self):
        mode = self.settings.puback
        if mode == "drop":
            self.withheld += 1
            return "no" if self.withheld % self.settings.puback_every == 0 else "yes"
        return {"normal": "yes", "none": "no", "late": "late", "stale": "stale"}[mode]

    def _acknowledge(self, mid, how):
        if how == "yes":
            self._puback_send(mid)
            return
        self.session.unacknowledged.add(mid)
        if how == "late":
            self._later(self.settings.puback_delay, self._puback_send, mid)
        elif how == "stale":
            self.session.stale.append(mid)

    def _puback_stale(self, mids):
        for mid in mids:
            self._puback_send(mid)

    def _puback_send(self, mid):
        self.session.unacknowledged.discard(mid)
        self.platform.journal.counts["pubacks-sent"] += 1
        self.link.write(mqtt.puback(mid))

    def _puback(self, packet):
        topic = self.session.acknowledge(packet.mid)
        if topic is None:
            self.link.note("violation", rule="puback-unknown", detail=str(packet.mid), closed=False)
        else:
            self.link.note("puback", mid=packet.mid, topic=topic)

    def _subscribe(self, packet):
        limit = self.settings.filters_per_subscribe
        if limit and len(packet.filters) > limit:
            if self.violation("filters", f"{len(packet.filters)} in one SUBSCRIBE, more than {limit}"):
                return
        if self.watch and not all(self.watch.allows("R", filter_) for filter_, _ in packet.filters):
            return
        codes = [self._subscribe_one(filter_, qos) for filter_, qos in packet.filters]
        self.link.note("subscribe", mid=packet.mid, filters=[list(f) for f in packet.filters], codes=codes)
        self.link.write(mqtt.suback(packet.mid, codes))

    def _subscribe_one(self, filter_, qos):
        s, mine = self.settings, self.session.subscriptions
        forced = s.suback.get(filter_, s.suback.get("*"))
        if forced is not None:
            if forced < 0x80:
                mine[filter_] = forced
            return forced
        rule = None
        if qos == 2:
            rule, detail = "qos2", f"SUBSCRIBE to {filter_}"
        elif self.device and not topics.belongs(filter_, *self.device):
            rule, detail = "filter-foreign", filter_
        elif s.topic_bytes and len(filter_.encode()) > s.topic_bytes:
            rule, detail = "topic-length", f"{len(filter_.encode())} bytes"
        elif s.subscriptions and filter_ not in mine and len(mine) >= s.subscriptions:
            rule, detail = "subscriptions", f"more than {s.subscriptions}"
        if rule:
            self.link.note("violation", rule=rule, detail=detail, closed=False)
            return 0x80
        mine[filter_] = qos
        return qos

    def _unsubscribe(self, packet):
        for filter_ in packet.filters:
            self.session.subscriptions.pop(filter_, None)
        self.link.note("unsubscribe", mid=packet.mid, filters=packet.filters)
        self.link.write(mqtt.unsuback(packet.mid))

    def _ping(self, _packet):
        self.link.note("ping")
        self.link.write(mqtt.PINGRESP_BYTES)

    def _disconnect(self, _packet):
        self.link.end("client")

    # Help

    def violation(self, rule, detail, close=None):
        """Returns whether the connection was closed for it."""
        closed = self.settings.on_violation == "close" if close is None else close
        self.link.note("violation", rule=rule, detail=detail, closed=closed)
        if closed:
            self.link.end("violation", f"{rule}: {detail}")
        return closed

    def _later(self, seconds, function, *args):
        """Runs @function unless the connection ends first; at once when there is nothing to wait for."""
        if not seconds:
            function(*args)
            return

        def run():
            self.timers.discard(timer)
            function(*args)

        timer = self.loop.call_later(seconds, run)
        self.timers.add(timer)


def publish_describe(packet):
    return {
        "topic": packet.topic, "payload": packet.payload, "len": len(packet.payload), "qos": packet.qos,
        "dup": packet.dup, "mid": packet.mid,
    }  # fmt: skip
