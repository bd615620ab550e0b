# SPDX-License-Identifier: Apache-2.0
"""Daemons for every cloud.auth, each against the stand-in, and what all of them must be able to do."""

import os
import stat

from harness import conf
from harness.daemon import BINARY
from harness.topics import DOWN, UP

BUILD = os.path.dirname(os.path.dirname(os.path.realpath(BINARY)))
HELPER = os.environ.get("IOTLINK_AUTH", os.path.join(BUILD, "helper/iotlink-auth"))

DEVICE_SECRET = "ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe"
PRODUCT_SECRET = "Xk29vWmqLd7ProductPe4Tz"
WRONG_SECRET = "0123456789abcdef0123456789abcdef"
DEBUG = {"DEBUG_INVOCATION": "1", "IOTLINK_DEBUG": "1", "SYSTEMD_LOG_LEVEL": "debug"}

# AliwareMQ
ACCESS_KEY, ACCESS_SECRET, INSTANCE = "DC.LTAI5tTest", "mQsecret7Yh2Lk9PwTest", "post-cn-test01"
GROUP, MEMBER = "GID_gateways", "gateway-1"
MQ_UP, MQ_DOWN = "fleet/up", "fleet/down"


def configuration(world, cloud, auth, /, tls=True, **changes):
    """What any mode needs that connects to @cloud; nothing of who the device is."""
    base = {
        "identity": {},
        "cloud": {
            "auth": auth,
            "endpoint": "localhost:%d" % (cloud.tls_port if tls else cloud.tcp_port),
            "tls": {"roots": [{"file": cloud.ca_file}]} if tls else {"enable": False},
            "reconnect": {"min": 1, "max": 2},
            "limits": {"connects_per_minute": 0},
        },
        "local": {"socket": world.socket, "state": world.directory},
    }
    return conf.merged(base, changes)


def named(cloud, **more):
    return {
        "product_key": cloud.identity["product_key"],
        "device_name": cloud.identity["device_name"],
        **more,
    }


def asking(world, cloud, auth, identity, /, **changes):
    """A mode whose credentials iotlink-auth gets."""
    config = configuration(world, cloud, auth, identity=identity)
    config["cloud"]["command"] = HELPER
    if auth != "register-free":
        config["cloud"].update(auth_url=cloud.auth_url, auth_root=cloud.ca_file)
    return world.daemon(conf.merged(config, changes))


def device(world, cloud, /, **changes):
    identity = named(cloud, device_secret=cloud.identity["device_secret"] or DEVICE_SECRET)
    return world.daemon(conf.merged(configuration(world, cloud, "device", identity=identity), changes))


def https(world, cloud, /, **changes):
    identity = named(cloud, device_secret=cloud.identity["device_secret"])
    return asking(world, cloud, "https", identity, **changes)


def register(world, cloud, via, /, **changes):
    changes = conf.merged({"cloud": {"auth_via": via}}, changes)
    return asking(world, cloud, "register", named(cloud, product_secret=PRODUCT_SECRET), **changes)


def register_free(world, cloud, /, **changes):
    return asking(
        world, cloud, "register-free", named(cloud, product_secret=PRODUCT_SECRET), **changes
    )


def mq(world, cloud, auth, /, **changes):
    identity = {"access_key_id": ACCESS_KEY, "group_id": GROUP, "device_id": MEMBER}
    config = configuration(
        world, cloud, auth, identity=identity, cloud={"instance_id": INSTANCE}
    )
    return world.daemon(conf.merged(config, changes))


def mq_cloud(world, **settings):
    return world.cloud(
        mode="mq",
        **{
            "access_key": ACCESS_KEY,
            "access_secret": ACCESS_SECRET,
            "instance_id": INSTANCE,
            **settings,
        }
    )


def unregistered(world, **settings):
    """A platform that knows the device and its product, and has given the device no secret yet."""
    return world.cloud(
        **{"device_secret": None, "product_secret": PRODUCT_SECRET, "limits": False, **settings}
    )


def script(world, text, name="command"):
    """An executable for cloud.command; returns its path."""
    path = world.path(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def works(daemon, cloud, up=UP, down=DOWN):
    """Online, and messages go both ways."""
    daemon.wait_online()
    client = daemon.client()
    mark = cloud.mark()
    assert client.publish(up, "up", qos=1)["state"] == "delivered"
    cloud.wait_event("publish", topic=up, payload="up", after=mark)
    client.subscribe(down)
    cloud.publish(down, b"down", qos=1)
    assert client.message()["payload"] == "down"


def how(cloud, after=0):
    """The ways in which the stand-in let somebody in."""
    return [event["how"] for event in cloud.events("connack", after=after, code=0)]


def expect_denied(world, daemon, reason, *texts, seconds=None):
    """@daemon is not online for @reason, and log and status say each of @texts."""
    state = daemon.wait_state("offline", seconds, reason=reason)
    line = daemon.wait_log(r"cannot connect|lost the connection|no credentials", seconds)
    status = world.ctl().run("status")
    assert status.returncode == 0, status
    for text in texts:
        assert text in line, (text, line)
        assert text in status.stdout, (text, status.stdout)
    return state


def expect_logged(daemon, pattern, *texts, since=0):
    """One entry that fits @pattern says each of @texts."""
    line = daemon.wait_log(pattern, since=since)
    for text in texts:
        assert text in line, (text, line)
    return line


def private(path, flags):
    """An opener for files that only their owner may read."""
    return os.open(path, flags, 0o600)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def registration_file(world, cloud):
    return world.path(
        "registration-%s.%s" % (cloud.identity["product_key"], cloud.identity["device_name"])
    )
