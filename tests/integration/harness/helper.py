# SPDX-License-Identifier: Apache-2.0
"""The real iotlink-auth, run as the daemon runs it, and a broker that says what it is told to."""

import os
import socket
import ssl
import subprocess
import threading

from harness.daemon import BINARY as IOTLINKD
from harness.place import PATIENCE

BINARY = os.environ.get(
    "IOTLINK_AUTH", os.path.join(os.path.dirname(IOTLINKD), "../helper/iotlink-auth")
)
SECONDS = 50.0  # the daemon waits for 60


def text_of(fields):
    return "".join("%s=%s\n" % item for item in fields.items() if item[1] is not None) + "\n"


def start(wrapper=(), **environment):
    """Nothing of our own environment gets in but what the sanitizers read."""
    kept = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")}
    return subprocess.Popen(
        [*wrapper, BINARY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**kept, **environment},
        text=True,
    )


def finish(process, text=None):
    """The answer as a dict. There is one, whatever happened, and nothing on stderr."""
    try:
        out, err = process.communicate(text, timeout=SECONDS * PATIENCE)
    finally:
        process.kill()
    assert err == "", err
    assert process.returncode == 0
    assert out.endswith("\n")
    lines = [line.partition("=") for line in out[:-1].split("\n")]
    answer = {name: value for name, _, value in lines}
    assert len(answer) == len(lines), out
    assert lines[0][0] == "result"
    if answer["result"] == "ok":
        assert "message" not in answer
    else:
        assert set(answer) <= {"result", "code", "message"}
        assert answer["message"]
    return answer


def ask(fields, wrapper=(), **environment):
    return finish(start(wrapper, **environment), text_of(fields))


class Broker:
    """Takes TLS connections; to each that sends a CONNECT it sends @reply, in one record."""

    def __init__(self, certs, reply, close=False):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(
            os.path.join(certs, "good.pem"), os.path.join(certs, "good.key")
        )
        self.reply = reply
        self.close = close
        self.received = b""  # what came after the CONNECT
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(plain, server_side=True) as connection:
                    self._converse(connection)
            except OSError:
                pass

    def _converse(self, connection):
        if not connection.recv(4096):
            return
        connection.sendall(self.reply)
        while not self.close:
            data = connection.recv(4096)
            if not data:
                return
            self.received += data

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
