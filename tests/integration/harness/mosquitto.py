# SPDX-License-Identifier: Apache-2.0
"""Debian's mosquitto on loopback, TCP and TLS, restartable on the same ports."""

import os
import shutil
import socket
import subprocess

from harness.place import Deadline, await_true, free_port

BINARY = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") or "mosquitto"

CONFIG = """\
user root
per_listener_settings false
allow_anonymous true
persistence true
persistence_location {directory}/
{logging}
max_inflight_messages 0
max_queued_messages 0

listener {port} 127.0.0.1
"""

LOGGING = "log_dest file {log}\nlog_type all\nconnection_messages true"

TLS_CONFIG = """
listener {tls_port} 127.0.0.1
cafile {root}
certfile {certificate}
keyfile {key}
"""


class Mosquitto:
    """@tls: an object with .root, .certificate and .key (paths), or None for TCP only."""

    def __init__(self, directory, tls=None, more="", quiet=False):
        self.directory = os.path.join(directory, "mosquitto")
        os.makedirs(self.directory, exist_ok=True)
        self.log_path = os.path.join(self.directory, "log")
        self.tls = tls
        self.more = more
        self.quiet = quiet  # no log: for measuring
        self.process = None
        self.port = self.tls_port = None

    @property
    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def start(self):
        for attempt in range(5):
            if self.port is None or attempt:
                self.port, self.tls_port = free_port(), free_port()
            if self._try_start():
                return self
        raise AssertionError("mosquitto does not start:\n%s" % self.log)

    def _try_start(self):
        values = {
            "directory": self.directory,
            "logging": "log_dest none" if self.quiet else LOGGING.format(log=self.log_path),
            "port": self.port,
            "tls_port": self.tls_port,
        }
        text = CONFIG.format(**values)
        if self.tls:
            text += TLS_CONFIG.format(
                root=self.tls.root, certificate=self.tls.certificate, key=self.tls.key, **values
            )
        path = os.path.join(self.directory, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + self.more)
        self.process = subprocess.Popen(
            [BINARY, "-c", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ports = [self.port] + ([self.tls_port] if self.tls else [])
        await_true(
            lambda: self.process.poll() is not None or all(map(listening, ports)),
            what="mosquitto listening",
        )
        return self.process.poll() is None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(Deadline().left())

    def restart(self):
        self.stop()
        return self.start()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def cleanup(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
