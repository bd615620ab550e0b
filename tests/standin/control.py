#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the stand-in's reins: Standin for tests, a small command line for people."""

import argparse
import base64
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
SAMPLE = {
    "product_key": "a1X2bEnP82z",
    "device_name": "example1",
    "device_secret": "ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe",
}
START_TIMEOUT = 30


class ControlError(Exception):
    """The stand-in refused a request, or went away."""


def call(path, op, wait=30, **request):
    """One request on a connection of its own, so that any thread may call at any time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(wait)
        s.connect(path)
        s.sendall(json.dumps({"op": op, **request}).encode() + b"\n")
        with s.makefile("rb") as f:
            line = f.readline()
    if not line:
        raise ControlError(f"{op}: the stand-in hung up")
    answer = json.loads(line)
    if not answer["ok"]:
        raise ControlError(f"{op}: {answer['error']}")
    return answer["result"]


def event_import(event):
    if "payload_b64" in event:
        event["payload"] = base64.b64decode(event.pop("payload_b64"))
    return event


def match_export(match):
    if "payload" in match:
        payload = match.pop("payload")
        payload = payload.encode() if isinstance(payload, str) else payload
        match["payload_b64"] = base64.b64encode(payload).decode()
    return match


def number_of(after):
    return after["n"] if isinstance(after, dict) else after


class Standin:
    """A stand-in in a process of its own, for a `with` block. Safe to use from several threads."""

    _certs = None  # made once per test process
    _certs_lock = threading.Lock()

    def __init__(
        self, mode="platform", product_key=SAMPLE["product_key"], device_name=SAMPLE["device_name"],
        device_secret=SAMPLE["device_secret"], tcp_port=0, tls_port=0, state=None, certs=None, verbose=False, log=None,
        host="127.0.0.1", https_port=0, product_secret=None, **settings,
    ):  # fmt: skip
        self.mode = mode
        self.identity = {"product_key": product_key, "device_name": device_name, "device_secret": device_secret}
        self.tcp_port = tcp_port
        self.tls_port = tls_port
        self.https_port = https_port
        self.product_secret = product_secret
        self.host = host
        self.verbose = verbose
        self.log = log  # path for its stdout and stderr
        self.settings = settings
        self.certs = certs
        self.state = state
        self.ca_file = None
        self.control = None
        self.process = None
        self._own_state = state is None

    @property
    def auth_url(self):
        return f"https://{self.host}:{self.https_port}"

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        if self.state is None:
            self.state = tempfile.mkdtemp(prefix="standin-")
        os.makedirs(self.state, mode=0o700, exist_ok=True)
        if self.certs is None:
            self.certs = self._certs_shared()
        secret = self._file_write("secret", self.identity["device_secret"] or "")
        settings = self._file_write("settings", json.dumps(self.settings))
        command = [
            PYTHON, os.path.join(HERE, "platform.py"), "--mode", self.mode, "--host", self.host,
            "--tcp-port", str(self.tcp_port), "--tls-port", str(self.tls_port),
            "--https-port", str(self.https_port), "--state", self.state,
            "--certs", self.certs, "--product-key", self.identity["product_key"],
            "--device-name", self.identity["device_name"], "--secret-file", secret, "--settings-file", settings,
        ]  # fmt: skip
        if self.product_secret is not None:
            command += ["--product-secret-file", self._file_write("product-secret", self.product_secret)]
        # Its output goes to a file: a pipe that nobody reads would fill up and stop it.
        self.log = self.log or os.path.join(self.state, "log")
        reader, writer = os.pipe()
        command += ["--ready-fd", str(writer)] + ["--verbose"] * self.verbose
        with open(self.log, "ab") as log, open(reader, "rb") as ready:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[writer]
            )
            os.close(writer)
            self._ready_await(ready)
        return self

    def _ready_await(self, pipe):
        line = pipe.readline() if select.select([pipe], [], [], START_TIMEOUT)[0] else b""
        try:
            ready = json.loads(line)
        except ValueError:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                words = f.read()[-2000:]
            self.stop()
            raise ControlError(f"the stand-in did not start: {words}") from None
        self.tcp_port, self.tls_port, self.https_port = (ready[f"{kind}_port"] for kind in ("tcp", "tls", "https"))
        self.ca_file, self.control = ready["ca_file"], ready["control"]

    def stop(self, keep=False):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self._own_state and self.state and not keep:
            shutil.rmtree(self.state, ignore_errors=True)
            self.state = self.log = None

    def restart(self):
        self.stop(keep=True)
        return self.start()

    def set(self, **settings):
        self._call("set", changes=settings)

    def add_product(self, product_key, product_secret, dynamic=True):
        self._call("add_product", product_key=product_key, product_secret=product_secret, dynamic=dynamic)

    def add_identity(self, product_key, device_name, device_secret=None, **state):
        self._call(
            "add_identity", product_key=product_key, device_name=device_name, device_secret=device_secret, **state
        )

    def remove_identity(self, product_key, device_name):
        self._call("remove_identity", product_key=product_key, device_name=device_name)

    def reset_device(self, product_key, device_name):
        self._call("reset_device", product_key=product_key, device_name=device_name)

    def device(self, product_key=None, device_name=None):
        return self._call(
            "device", product_key=product_key or self.identity["product_key"],
            device_name=device_name or self.identity["device_name"],
        )  # fmt: skip

    def drop_iot_tokens(self):
        self._call("drop_iot_tokens")

    def add_token(self, token, type_, seconds, resources=None):
        self._call("add_token", token=token, type=type_, seconds=seconds, resources=resources)

    def revoke_token(self, token):
        self._call("revoke_token", token=token)

    def invalidate_tokens(self, code, type_="RW"):
        return self._call("invalidate_tokens", code=code, type=type_)

    def secrets(self):
        return self._call("secrets")

    def advance(self, seconds):
        self._call("advance", seconds=seconds)

    def now(self):
        return self._call("now")

    def publish(self, topic, payload=b"", qos=1, force=False):
        payload = payload.encode() if isinstance(payload, str) else payload
        return self._call(
            "publish", topic=topic, payload_b64=base64.b64encode(payload).decode(), qos=qos, force=force
        )

    def kick(self):
        return self._call("kick")

    def cut(self, reset=False):
        return self._call("cut", reset=reset)

    def mark(self):
        return self._call("mark")

    def stats(self):
        return self._call("stats")

    def events(self, kind=None, after=0, **match):
        found = self._call("events", kind=kind, after=number_of(after), match=match_export(match))
        return [event_import(e) for e in found]

    def wait_event(self, kind, timeout=10, after=0, count=1, **match):
        event = self._call(
            "wait", wait=timeout + 30, kind=kind, timeout=timeout, after=number_of(after),
            match=match_export(dict(match)), count=count,
        )  # fmt: skip
        if event is None:
            seen = self.events(after=number_of(after))[-30:]
            lines = "\n".join(f"  {e}"[:300] for e in seen) or "  nothing"
            raise TimeoutError(f"no {kind} {match or ''} (x{count}) within {timeout} s; what happened:\n{lines}")
        return event_import(event)

    def _call(self, op, wait=30, **request):
        try:
            return call(self.control, op, wait, **request)
        except OSError as e:
            raise ControlError(f"{op}: {e}") from e

    def _file_write(self, name, text):
        path = os.path.join(self.state, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            f.write(text)
        return path

    @classmethod
    def _certs_shared(cls):
        with cls._certs_lock:
            if cls._certs is None:
                cls._certs = tempfile.TemporaryDirectory(prefix="standin-certs-")
                subprocess.run([PYTHON, os.path.join(HERE, "certs.py"), cls._certs.name], check=True)
            return cls._certs.name


def settings_parse(words):
    settings = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings


def main():
    p = argparse.ArgumentParser(prog="control.py", description="Talks to a running stand-in.")
    p.add_argument("--socket", required=True)
    sub = p.add_subparsers(dest="op", required=True)
    publish = sub.add_parser("publish", help="send a message down to the device")
    publish.add_argument("topic")
    publish.add_argument("payload")
    publish.add_argument("--qos", type=int, choices=(0, 1), default=1)
    publish.add_argument("--force", action="store_true", help="also to those who did not subscribe")
    change = sub.add_parser("set", help="change behavior: NAME=VALUE ...")
    change.add_argument("setting", nargs="+")
    wait = sub.add_parser("wait", help="wait for an event: KIND [MEMBER=VALUE ...]")
    wait.add_argument("kind")
    wait.add_argument("match", nargs="*")
    wait.add_argument("--after", type=int, default=0)
    wait.add_argument("--timeout", type=float, default=10)
    events = sub.add_parser("events", help="what happened")
    events.add_argument("kind", nargs="?")
    advance = sub.add_parser("advance", help="push the stand-in's clock")
    advance.add_argument("seconds", type=float)
    for op in ("kick", "cut", "stats", "mark", "stop"):
        sub.add_parser(op)
    args = p.parse_args()

    if args.op == "publish":
        payload = base64.b64encode(args.payload.encode()).decode()
        request = {"topic": args.topic, "payload_b64": payload, "qos": args.qos, "force": args.force}
    elif args.op == "set":
        request = {"changes": settings_parse(args.setting)}
    elif args.op == "wait":
        match = match_export(settings_parse(args.match))
        request = {"kind": args.kind, "match": match, "after": args.after, "timeout": args.timeout}
        request["wait"] = args.timeout + 30
    elif args.op == "advance":
        request = {"seconds": args.seconds}
    elif args.op == "events":
        request = {"kind": args.kind}
    else:
        request = {}
    try:
        result = call(args.socket, args.op, **request)
    except (OSError, ControlError) as e:
        print(f"control.py: {e}", file=sys.stderr)
        return 1
    if args.op == "wait" and result is None:
        print(f"control.py: no {args.kind} within {args.timeout} s", file=sys.stderr)
        return 1
    for item in result if args.op == "events" else [result]:
        if item is not None:
            print(json.dumps(item, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
