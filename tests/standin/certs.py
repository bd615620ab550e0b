# SPDX-License-Identifier: Apache-2.0
"""A CA for tests and the server certificates, good and bad, made with the openssl command."""

import os
import subprocess
import sys

CA_FILE = "ca.pem"
OTHER_CA_FILE = "other-ca.pem"

NAMES_GOOD = "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:*.iot-as-mqtt.cn-shanghai.aliyuncs.com,DNS:*.iot-as-mqtt.cn-beijing.aliyuncs.com"
NAMES_WRONG = "DNS:somewhere-else.example"

# name: (CA, subject alternative names, from, to)
SERVERS = {
    "good": ("ca", NAMES_GOOD, "20240101000000Z", "20490101000000Z"),
    "expired": ("ca", NAMES_GOOD, "20200101000000Z", "20210101000000Z"),
    "future": ("ca", NAMES_GOOD, "20480101000000Z", "20490101000000Z"),
    "wrong-host": ("ca", NAMES_WRONG, "20240101000000Z", "20490101000000Z"),
    "untrusted": ("other-ca", NAMES_GOOD, "20240101000000Z", "20490101000000Z"),
}

CONFIG = """
[ca]
default_ca = test
[test]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
[server]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = ${ENV::NAMES}
[client]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(directory, *args, names="DNS:unused"):
    env = {**os.environ, "NAMES": names}
    done = subprocess.run(["openssl", *args], cwd=directory, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr}")


def root_make(directory, name, common_name):
    openssl(
        directory, "req", "-x509", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-config", "openssl.cnf",
        "-extensions", "root", "-days", "9000", "-subj", f"/CN={common_name}",
    )  # fmt: skip


def leaf_make(directory, name, ca, kind, names, start, end):
    openssl(
        directory, "req", "-new", *KEY, "-keyout", f"{name}.key", "-out", "request", "-config", "openssl.cnf",
        "-subj", f"/CN=standin {name}",
    )  # fmt: skip
    openssl(
        directory, "ca", "-batch", "-notext", "-config", "openssl.cnf", "-in", "request", "-out", f"{name}.pem",
        "-cert", f"{ca}.pem", "-keyfile", f"{ca}.key", "-extensions", kind, "-startdate", start, "-enddate", end,
        names=names,
    )  # fmt: skip


def make(directory):
    """Fills @directory, unless that was done before: ca.pem, other-ca.pem, and NAME.pem and NAME.key for each of
    SERVERS and for "client"."""
    done = os.path.join(directory, "complete")
    if os.path.exists(done):
        return
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for name, text in (("openssl.cnf", CONFIG), ("index", ""), ("serial", "1000\n")):
        with open(os.path.join(directory, name), "w", encoding="ascii") as f:
            f.write(text)
    root_make(directory, "ca", "standin test CA")
    root_make(directory, "other-ca", "standin other CA")
    for name, (ca, names, start, end) in SERVERS.items():
        leaf_make(directory, name, ca, "server", names, start, end)
    leaf_make(directory, "client", "ca", "client", "DNS:unused", "20240101000000Z", "20490101000000Z")
    with open(done, "w", encoding="ascii"):
        pass


if __name__ == "__main__":
    make(sys.argv[1])
