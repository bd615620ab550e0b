# SPDX-License-Identifier: Apache-2.0
"""Roots that end when a test wants them to."""

import datetime
import os
import shutil
import subprocess


def root_until(world, cloud, days, name="root.pem"):
    """The stand-in's root again, same name and key, that ends in @days (negative: has ended)."""
    end = datetime.datetime.utcnow() + datetime.timedelta(days=days, hours=1)
    work = world.path(name + ".d")
    os.mkdir(work)
    for file in ("openssl.cnf", "ca.key", "ca.pem"):
        shutil.copy(os.path.join(cloud.certs, file), work)
    for file, text in (("index", ""), ("serial", "77\n")):
        with open(os.path.join(work, file), "w", encoding="ascii") as stream:
            stream.write(text)
    environment = {**os.environ, "NAMES": "DNS:unused"}
    for command in (
        ["x509", "-x509toreq", "-in", "ca.pem", "-signkey", "ca.key", "-out", "request"],
        ["ca", "-batch", "-notext", "-selfsign", "-config", "openssl.cnf", "-in", "request"]
        + ["-keyfile", "ca.key", "-extensions", "root", "-startdate", "20200101000000Z"]
        + ["-enddate", end.strftime("%Y%m%d%H%M%SZ"), "-out", "../" + name],
    ):
        subprocess.run(["openssl", *command], cwd=work, env=environment, capture_output=True, check=True)
    return world.path(name)
