# SPDX-License-Identifier: Apache-2.0
"""The real iotlinkd as a child process: its config, its stderr, its sd_notify, its end."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

from harness import conf
from harness.client import SocketClient
from harness.place import PATIENCE, REPOSITORY, Deadline

BINARY = os.environ.get("IOTLINKD", os.path.join(REPOSITORY, "build/src/daemon/iotlinkd"))


class Daemon:
    """@config is a dict (see conf) or the whole text of a file."""

    def __init__(self, directory, config, name="iotlinkd"):
        self.directory = directory
        self.config = config
        self.config_path = os.path.join(directory, name + ".conf")
        self.notify_path = os.path.join(directory, name + ".notify")
        self.process = None
        self.lines = []
        self.news = threading.Condition()
        self.notified = []
        self.threads = []
        self.clients = []
        self.notify = None
        self.hung = False  # a test that knows it can't stop in order says so here
        self.stderr = subprocess.PIPE  # or a file descriptor; nothing is collected then
        self.wrapper = []  # a command that runs it, for tests that need another world around it
        self.pass_fds = ()  # to the wrapper

    @property
    def socket_path(self):
        return self.config["local"]["socket"]

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with self.news:
            return "\n".join(self.lines)

    # Life

    def write_config(self):
        text = self.config if isinstance(self.config, str) else conf.file_text(self.config)
        with open(self.config_path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)

    def spawn(self, *arguments, **environment):
        """Starts the program without waiting for anything."""
        self.write_config()
        self.notified.clear()  # of a start before this one
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(self.notify_path):
            os.unlink(self.notify_path)
        self.notify.bind(self.notify_path)
        self.process = subprocess.Popen(
            [*self.wrapper, BINARY, "--config", self.config_path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.stderr,
            cwd="/",
            pass_fds=self.pass_fds,
            env=self.environment(environment),
        )
        self.threads = [
            threading.Thread(target=self._collect_log, args=(self.process.stderr,), daemon=True),
            threading.Thread(target=self._collect_notify, args=(self.notify,), daemon=True),
        ]
        for thread in self.threads:
            thread.start()
        return self

    def environment(self, more):
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME", "LD_LIBRARY_PATH")
            or name.endswith("SAN_OPTIONS")
            or name.startswith("IOTLINK_TEST_")
        }
        return {**kept, "LC_ALL": "C.UTF-8", "NOTIFY_SOCKET": self.notify_path, **more}

    def start(self, *arguments, **environment):
        """Starts it and waits until it serves its socket."""
        self.spawn(*arguments, **environment)
        self.wait_ready()
        return self

    def wait_ready(self, seconds=None):
        self.wait_notify(r"\bREADY=1\b", seconds)

    def stop(self, seconds=None):
        """SIGTERM; returns (exit status, seconds it took)."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.wait_exit(seconds)
        return status, time.monotonic() - began

    def kill(self):
        self.process.kill()
        return self.wait_exit()

    def wait_exit(self, seconds=None):
        status = self.process.wait(Deadline(seconds).left())
        self.threads[0].join(5)
        return status

    def running(self):
        return self.process is not None and self.process.poll() is None

    def cleanup(self):
        for client in self.clients:
            client.close()
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(5 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for thread in self.threads[:1]:
            thread.join(5)
        if self.notify:
            try:
                self.notify.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.notify.close()
        if self.process and self.process.stderr:
            self.process.stderr.close()

    # What it says

    def _collect_log(self, stream):
        for line in stream or ():
            with self.news:
                self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def _collect_notify(self, receiver):
        while True:
            try:
                data = receiver.recv(65536)
            except OSError:
                return
            if not data:
                return
            with self.news:
                self.notified.append(data.decode("utf-8", "replace"))
                self.news.notify_all()

    def _wait(self, source, pattern, seconds, since):
        deadline = Deadline(seconds)
        expression = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        looked_at = since
        with self.news:
            while True:
                while looked_at < len(source):
                    if expression.search(source[looked_at]):
                        return source[looked_at]
                    looked_at += 1
                ended = self.process.poll() is not None and not self.threads[0].is_alive()
                if ended or deadline.passed():
                    raise AssertionError(
                        "%s: nothing like %r within %g s"
                        % (
                            "iotlinkd ended with %s" % self.process.returncode
                            if ended
                            else "iotlinkd runs",
                            pattern,
                            deadline.seconds,
                        )
                    )
                self.news.wait(min(0.2, max(0.001, deadline.left())))

    def mark(self):
        """A place in the log to look from: wait_log(..., since=mark)."""
        with self.news:
            return len(self.lines)

    def wait_log(self, pattern, seconds=None, since=0):
        """The first log line (from @since on) that the pattern fits."""
        return self._wait(self.lines, pattern, seconds, since)

    def wait_notify(self, pattern, seconds=None):
        return self._wait(self.notified, pattern, seconds, 0)

    # Asking it

    def client(self, **options):
        client = SocketClient(self.socket_path, **options)
        self.clients.append(client)
        return client

    def status(self):
        with SocketClient(self.socket_path) as client:
            return client.status()

    def wait_state(self, state, seconds=None, **fields):
        with SocketClient(self.socket_path) as client:
            client.say(op="watch")
            return client.state(state, seconds=seconds, **fields)

    def wait_online(self, seconds=None):
        return self.wait_state("online", seconds)


def run_to_exit(config_path, *arguments, seconds=None, **environment):
    """Runs iotlinkd until it ends by itself: refused configurations, --check, --version."""
    return subprocess.run(
        [BINARY, "--config", config_path, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=Deadline(seconds).left(),
        check=False,
        env={**{k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}, **environment},
    )
