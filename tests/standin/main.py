# SPDX-License-Identifier: Apache-2.0
"""The stand-in's command line."""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile

from . import certs
from .doorman import Doorman
from .server import Platform
from .settings import MODES


def arguments_parse():
    p = argparse.ArgumentParser(prog="platform.py", description="A strict stand-in for the platform's MQTT endpoint.")
    p.add_argument("--mode", choices=MODES, default="platform")
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    p.add_argument("--tcp-port", type=int, default=0, help="0: any free port; -1: none")
    p.add_argument("--tls-port", type=int, default=0, help="0: any free port; -1: none")
    p.add_argument("--https-port", type=int, default=0, help="the same for the authentication services")
    p.add_argument("--state", help="folder for the control socket and the certificates (default: a temporary one)")
    p.add_argument("--certs", help="folder of certificates, made when missing (default: STATE/certs)")
    p.add_argument("--product-key", default="a1X2bEnP82z")
    p.add_argument("--device-name", default="example1")
    p.add_argument("--secret-file", help="file with the device's secret; empty: known, but without one")
    p.add_argument("--product-secret-file", help="file with the product's secret, for registration")
    p.add_argument("--settings-file", help="JSON object of settings, see README.md")
    p.add_argument("--ready-fd", type=int, default=1, help="where the ready line goes (default: stdout)")
    p.add_argument("--verbose", action="store_true", help="one line per event on stdout")
    return p.parse_args()


def text_print(line):
    print(line, flush=True)


def ready_tell(fd, ready):
    os.write(fd, json.dumps(ready).encode() + b"\n")
    if fd > 2:
        os.close(fd)


def file_read(path):
    with open(path, encoding="utf-8") as f:
        return f.read().strip()


async def run(args, state):
    certs_dir = os.path.abspath(args.certs or os.path.join(state, "certs"))
    certs.make(certs_dir)
    platform = Platform(args.mode, args.host, certs_dir, text_print if args.verbose else None)
    if args.secret_file:
        platform.registry.device_add(args.product_key, args.device_name, file_read(args.secret_file) or None)
    if args.product_secret_file:
        platform.registry.product_add(args.product_key, file_read(args.product_secret_file))
    if args.settings_file:
        settings = json.loads(file_read(args.settings_file))
        platform.settings.set(settings)
    ports = {"tcp": args.tcp_port, "tls": args.tls_port, "https": args.https_port}
    await platform.listen(**{kind: None if port < 0 else port for kind, port in ports.items()})

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    control = os.path.join(os.path.abspath(state), "control.sock")
    if os.path.exists(control):
        os.unlink(control)
    door = await Doorman(platform, stop).listen(control)

    ready = {
        "ready": True, "tcp_port": platform.ports.get("tcp"), "tls_port": platform.ports.get("tls"),
        "https_port": platform.ports.get("https"), "control": control,
        "ca_file": os.path.join(certs_dir, certs.CA_FILE), "certs": certs_dir, "pid": os.getpid(),
    }  # fmt: skip
    ready_tell(args.ready_fd, ready)
    await stop.wait()

    platform.close_listeners()
    door.close()
    platform.cut("the stand-in ends", reason="stop")
    os.unlink(control)
    await asyncio.sleep(0)


def main():
    args = arguments_parse()
    try:
        if args.state:
            os.makedirs(args.state, mode=0o700, exist_ok=True)
            asyncio.run(run(args, args.state))
        else:
            with tempfile.TemporaryDirectory(prefix="standin-") as state:
                asyncio.run(run(args, state))
    except (OSError, ValueError, RuntimeError) as e:
        print(f"platform.py: {e}", file=sys.stderr)
        return 1
    return 0
