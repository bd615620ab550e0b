# SPDX-License-Identifier: Apache-2.0
"""The real iotlinkctl."""

import errno
import json
import os
import pty
import re
import signal
import subprocess
import threading

from harness.place import REPOSITORY, Deadline

BINARY = os.environ.get("IOTLINKCTL", os.path.join(REPOSITORY, "build/src/ctl/iotlinkctl"))

DONE, REFUSED, USAGE, NO_DAEMON = 0, 1, 64, 69


class Ctl:
    def __init__(self, socket_path=None):
        self.head = [BINARY] + (["--socket", socket_path] if socket_path else [])
        self.children = []

    def run(self, *arguments, stdin=None, seconds=None, binary=False):
        """Runs it to its end; the result has returncode, stdout, stderr."""
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run(
            [*self.head, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=Deadline(seconds).left(),
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        if not binary:
            done.stdout = done.stdout.decode()
        done.stderr = done.stderr.decode()
        return done

    def json(self, *arguments, **options):
        done = self.run("--json", *arguments, **options)
        assert done.returncode == DONE, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def spawn(self, *arguments, terminal=False):
        """Runs it beside the test; @terminal: its stderr is one."""
        child = Running([*self.head, *arguments], terminal)
        self.children.append(child)
        return child

    def cleanup(self):
        for child in self.children:
            child.cleanup()


class Running:
    def __init__(self, command, terminal=False):
        ours, theirs = pty.openpty() if terminal else (None, subprocess.PIPE)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        if terminal:
            os.close(theirs)
            self.process.stderr = open(ours, "rb")
        self.output = b""
        self.errors = b""
        self.news = threading.Condition()
        self.threads = [
            threading.Thread(target=self._collect, args=("output", self.process.stdout), daemon=True),
            threading.Thread(target=self._collect, args=("errors", self.process.stderr), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def _collect(self, name, stream):
        while True:
            try:
                data = stream.read1(65536)
            except OSError as error:
                assert error.errno == errno.EIO  # a terminal's end
                data = b""
            with self.news:
                setattr(self, name, getattr(self, name) + data)
                self.news.notify_all()
            if not data:
                return

    def wait_output(self, pattern, seconds=None, name="output"):
        deadline = Deadline(seconds)
        expression = re.compile(pattern.encode(), re.DOTALL | re.MULTILINE)
        with self.news:
            while True:
                found = expression.search(getattr(self, name))
                if found:
                    return found
                if deadline.passed() or not self.threads[0].is_alive():
                    raise AssertionError(
                        "nothing like %r in %r (stderr %r)" % (pattern, self.output, self.errors)
                    )
                self.news.wait(min(0.2, max(0.001, deadline.left())))

    def wait_exit(self, seconds=None):
        status = self.process.wait(Deadline(seconds).left())
        for thread in self.threads:
            thread.join(5)
        return status

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def cleanup(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for thread in self.threads:
            thread.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
