# SPDX-License-Identifier: Apache-2.0
"""Everything that tests/data/diagnosis.toml says goes wrong in the field: caused for real, named rightly, and in the guide.

A cause returns the daemon in trouble (its journal and status are looked at), the result of iotlinkctl for what a
program is told, or a configuration that is refused.
"""

import os
import re
import socket
import threading
import tomllib

import pytest

from harness import conf, modes, namespaces
from harness.daemon import Daemon, run_to_exit
from harness.place import REPOSITORY, await_true
from harness.roots import root_until
from harness.topics import DOWN, UP
from standin.rawclient import RawClient

WRONG_SECRET = modes.WRONG_SECRET
NAMES = "a1X2bEnP82z.iot-as-mqtt.%s.aliyuncs.com"

with open(os.path.join(REPOSITORY, "tests/data/diagnosis.toml"), "rb") as table:
    FAULTS = tomllib.load(table)


# Never online


def cause_wrong_secret(world):
    return world.device(world.cloud(), identity={"device_secret": WRONG_SECRET}).start()


def cause_wrong_product_key(world):
    return world.device(world.cloud(), identity={"product_key": "a1ZZZZZZZZZ"}).start()


def cause_wrong_device_name(world):
    return world.device(world.cloud(auth_code=4), identity={"device_name": "exampel1"}).start()


def at_the_platform(world, region):
    """The platform's real host names; behind them is a stand-in that knows other devices only."""
    other = world.cloud(product_key="a1Other0000")
    cloud = {
        "region": region,
        "endpoint": None,
        "tls": {"roots": [{"file": other.ca_file, "port": other.tls_port}]},
    }
    daemon = world.device(other, identity={"product_key": "a1X2bEnP82z"}, cloud=cloud)
    daemon.wrapper = namespaces.hosts(world, NAMES % "cn-shanghai", NAMES % "cn-beijing")
    return daemon.start()


def cause_wrong_region(world):
    return at_the_platform(world, "cn-beijing")


def cause_instance_id_missing(world):
    return at_the_platform(world, "cn-shanghai")


def cause_device_disabled(world):
    cloud = world.cloud()
    daemon = world.online(cloud)
    cloud.remove_identity(cloud.identity["product_key"], cloud.identity["device_name"])
    cloud.kick()
    return daemon


def boxed(world, names, **cloud):
    daemon = world.device(world.cloud(), tls=False, cloud=cloud)
    daemon.wrapper = namespaces.network(names)
    return daemon.start()


def cause_host_misspelled(world):
    return boxed(world, "nxdomain", endpoint=None, instance_id="iot-060a0bgdd")


def cause_dns_dead(world):
    return boxed(world, "servfail", endpoint=None, region="cn-shanghai")


def cause_no_route(world):
    return boxed(world, "nxdomain", endpoint="192.0.2.1:1883")


def cause_port_closed(world):
    cloud = world.cloud()
    cloud.set(refuse=True)
    return world.device(cloud).start()


class Listener:
    """A server on 127.0.0.1 that says @greeting to each connection and ends it after what it is told, if @ends."""

    def __init__(self, greeting=b"", ends=False):
        self.greeting = greeting
        self.ends = ends
        self.held = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.sendall(self.greeting)
            if self.ends:
                try:
                    connection.recv(4096)
                except OSError:
                    pass
                connection.close()
            else:
                self.held.append(connection)

    def cleanup(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        for connection in self.held:
            connection.close()


def towards(world, server, tls=True, **cloud):
    """A daemon whose endpoint is @server, which is no stand-in."""
    world.keep(server)
    daemon = world.device(world.cloud(), tls=tls, cloud=cloud)
    daemon.config["cloud"]["endpoint"] = "localhost:%d" % server.port
    return daemon.start()


def cause_plain_tcp_switched_off(world):
    return towards(world, Listener(ends=True), tls=False)


def cause_firewall_swallows(world):
    firewall = world.keep(namespaces.Firewall())
    cloud = world.cloud()
    firewall.drop(cloud.tls_port)
    daemon = world.device(cloud, cloud={"connect_timeout": 5})
    firewall.run(daemon.spawn)
    daemon.wait_ready()
    return daemon


def cause_firewall_swallows_tls(world):
    return towards(world, Listener(), connect_timeout=5)


def cause_captive_portal(world):
    cloud = world.cloud()
    cloud.set(answer="http")
    return world.device(cloud).start()


def cause_captive_portal_on_plain_tcp(world):
    cloud = world.cloud()
    cloud.set(answer="http")
    return world.device(cloud, tls=False).start()


def cause_clock_in_1970(world):
    return world.device(world.cloud()).start(**namespaces.clock("1970-01-02 00:00:00"))


def with_server_certificate(world, cert):
    cloud = world.cloud()
    cloud.set(cert=cert)
    return world.device(cloud).start()


def cause_clock_behind(world):
    return with_server_certificate(world, "future")


def cause_untrusted_root(world):
    return with_server_certificate(world, "untrusted")


def cause_certificate_expired(world):
    return with_server_certificate(world, "expired")


def cause_certificate_of_another_host(world):
    return with_server_certificate(world, "wrong-host")


def with_root_until(world, days):
    cloud = world.cloud()
    roots = [{"file": root_until(world, cloud, days)}]
    return world.device(cloud, cloud={"tls": {"roots": roots}}).start()


def cause_root_expired(world):
    return with_root_until(world, -2)


def cause_root_expires_soon(world):
    return with_root_until(world, 30)


def cause_root_file_gone(world):
    cloud = world.cloud()
    daemon = world.device(cloud, cloud={"tls": {"roots": [{"file": world.path("root.pem")}]}})
    os.symlink(cloud.ca_file, world.path("root.pem"))
    daemon.start()
    daemon.wait_online()
    os.unlink(world.path("root.pem"))
    cloud.cut()
    return daemon


def cause_old_tls(world):
    cloud = world.cloud()
    cloud.set(tls_min="1.0", tls_max="1.1")
    return world.device(cloud).start()


def cause_not_tls(world):
    return towards(world, Listener(b"SSH-2.0-OpenSSH_9.2p1\r\n"))


def cause_tls_to_a_plain_port(world):
    return towards(world, Listener(ends=True))


def cause_plain_to_a_tls_port(world):
    cloud = world.cloud()
    endpoint = "localhost:%d" % cloud.tls_port
    return world.device(cloud, tls=False, cloud={"endpoint": endpoint}).start()


def cause_client_certificate_missing(world):
    class Tls:
        """What the harness's mosquitto wants to know."""

    cloud = world.cloud()
    for name, file in (("root", "ca.pem"), ("certificate", "good.pem"), ("key", "good.key")):
        setattr(Tls, name, os.path.join(cloud.certs, file))
    broker = world.mosquitto(Tls, more="require_certificate true\n")
    return world.device(cloud, cloud={"endpoint": "localhost:%d" % broker.tls_port}).start()


def cause_not_a_broker(world):
    return towards(world, Listener(b"220 mail.example ESMTP\r\n", ends=True), tls=False)


def cause_broker_silent(world):
    cloud = world.cloud()
    cloud.set(answer="silence")
    return world.device(cloud, cloud={"connect_timeout": 5}).start()


def cause_broker_busy(world):
    return world.device(world.cloud(connack=3)).start()


def cause_client_id_refused(world):
    return world.device(world.cloud(keepalive_min=60), cloud={"keepalive": 30}).start()


def cause_not_mqtt_3_1_1(world):
    return world.device(world.cloud(connack=1)).start()


def cause_connects_too_often(world):
    cloud = world.cloud(connects_per_minute=2)
    with RawClient(cloud) as other:
        other.connect()
    daemon = world.online(cloud, cloud={"limits": {"connects_per_minute": 0}})
    cloud.cut()
    return daemon


# No credentials


def cause_registration_switched_off(world):
    cloud = modes.unregistered(world)
    cloud.add_product(cloud.identity["product_key"], modes.PRODUCT_SECRET, dynamic=False)
    return modes.register(world, cloud, "https").start()


def cause_registered_already(world):
    cloud = modes.unregistered(world)
    daemon = modes.register(world, cloud, "https").start()
    daemon.wait_online()
    daemon.stop()
    os.unlink(modes.registration_file(world, cloud))
    return daemon.start()


def cause_wrong_product_secret(world):
    identity = {"product_secret": WRONG_SECRET}
    return modes.register(world, modes.unregistered(world), "https", identity=identity).start()


def cause_authentication_service_down(world):
    cloud = world.cloud()
    cloud.set(http_refuse=True)
    return modes.https(world, cloud).start()


def cause_token_expired(world):
    cloud = modes.mq_cloud(world)
    cloud.add_token("a-token-of-yesterday", "RW", 60)
    cloud.advance(61)
    return modes.mq(world, cloud, "mq-token", identity={"token": "RW|a-token-of-yesterday"}).start()


def cause_credential_command_fails(world):
    command = modes.script(world, "echo no key in slot 3 >&2\nexit 1\n")
    config = modes.configuration(world, world.cloud(), "command", cloud={"command": command})
    return world.daemon(config).start()


# Not for long


def cause_twin(world):
    cloud = world.cloud(limits=False)
    daemon = world.device(cloud, cloud={"limits": {"connects_per_minute": 0}}).start()
    seen = cloud.start_mark if hasattr(cloud, "start_mark") else 0
    for _ in range(3):
        seen = cloud.wait_event("connack", code=0, after=seen)
        await_true(lambda: daemon.status()["state"] == "online", what="being online")
        with RawClient(cloud) as twin:
            twin.connect()
            seen = cloud.mark()
    return daemon


def cut_off(world, publish):
    """Online, and then no packet comes through any more."""
    firewall = world.keep(namespaces.Firewall())
    cloud = firewall.run(world.cloud)
    daemon = world.device(cloud, cloud={"keepalive": 30})
    firewall.run(daemon.spawn)
    daemon.wait_ready()
    daemon.wait_online()
    firewall.drop(cloud.tls_port)
    if publish:
        daemon.client().say(op="pub", id=1, topic=UP, payload="x", qos=1)
    return daemon


def cause_half_open(world):
    return cut_off(world, publish=False)


def cause_half_open_while_publishing(world):
    return cut_off(world, publish=True)


def cause_cut(world):
    cloud = world.cloud()
    daemon = world.online(cloud)
    cloud.set(refuse=True)
    cloud.cut()
    return daemon


# Messages


def cause_subscription_refused(world):
    cloud = world.cloud(suback={DOWN: 0x80})
    daemon = world.online(cloud)
    daemon.client().say(op="sub", id=1, filter=DOWN)
    return daemon


def cause_topic_not_routed(world):
    routes = [{"local": "telemetry/#", "remote": UP + "/#", "direction": "up"}]
    world.online(world.cloud(), routes=routes)
    return world.ctl().run("pub", "measurements/t1", "21.5")


def cause_payload_too_large(world):
    world.online(world.cloud())
    return world.ctl().run("pub", UP, "-", stdin="x" * (256 * 1024 + 1))


def cause_over_the_rate(world):
    limits = {"qos0_per_second": 1, "qos0_excess": "refuse"}
    daemon = world.online(world.cloud(), cloud={"limits": limits})
    world.ctl().run("pub", "--qos", "0", "--lines", UP, stdin="21.5\n" * 50)
    return daemon


def cause_store_overflows(world):
    cloud = world.cloud()
    cloud.set(refuse=True)
    route = {"local": UP, "remote": UP, "direction": "up", "when_full": "drop-oldest"}
    limits = {"store": {"max_messages": 10}, "local": {"state": state(world)}}
    daemon = world.device(cloud, routes=[route], **limits).start()
    world.ctl().run("pub", "--qos", "1", "--lines", UP, stdin="21.5\n" * 20)
    return daemon


def cause_publish_while_offline(world):
    cause_port_closed(world).wait_state("offline")
    return world.ctl().run("pub", "--qos", "0", UP, "21.5")


def cause_store_full(world):
    cloud = world.cloud()
    cloud.set(refuse=True)
    limits = {"store": {"max_messages": 10}, "local": {"state": state(world)}}
    world.device(cloud, **limits).start()
    for _ in range(10):
        assert world.ctl().run("pub", "--qos", "1", UP, "x").returncode == 0
    return world.ctl().run("pub", "--qos", "1", UP, "x")


# The store


def state(world, made=True):
    if made:
        os.mkdir(world.path("state"), 0o700)
    return world.path("state")


def storing_in(world, directory):
    return world.device(world.cloud(), local={"state": directory})


def cause_disk_full(world):
    directory = state(world)
    daemon = storing_in(world, directory)
    daemon.wrapper = namespaces.mounts(
        "mount -t tmpfs -o size=64k tmpfs %s\nhead -c 65536 /dev/zero >%s/other" % (directory, directory)
    )
    return daemon.start()


def cause_state_directory_missing(world):
    return storing_in(world, state(world, made=False)).start()


def cause_state_directory_of_somebody_else(world):
    daemon = storing_in(world, state(world))
    os.chown(world.path("state"), 12345, 12345)
    daemon.wrapper = namespaces.allowed(["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    return daemon.start()


def cause_state_directory_read_only(world):
    directory = state(world)
    daemon = storing_in(world, directory)
    daemon.wrapper = namespaces.mounts("mount -t tmpfs -o ro tmpfs " + directory)
    return daemon.start()


def cause_store_corrupt(world):
    with open(os.path.join(state(world), "spool.db"), "wb", opener=modes.private) as file:
        file.write(b"rubbish" * 1000)
    return storing_in(world, world.path("state")).start()


# Not started


def good(world, **changes):
    return conf.merged(conf.device("127.0.0.1:1883", world.socket), changes)


def cause_config_missing(world):
    return world.path("none.conf")


def cause_config_syntax(world):
    return 'identity = {\nproduct_key "a1X2bEnP82z";\n};\n'


def cause_config_unknown_key(world):
    return good(world, cloud={"keepalife": 300})


def cause_keepalive_out_of_range(world):
    return good(world, cloud={"keepalive": 29})


def cause_region_misspelled(world):
    return good(world, cloud={"endpoint": None, "region": "cn-shangai"})


def secret_in_a_file(world):
    identity = {"device_secret": None, "device_secret_file": world.path("device.secret")}
    return good(world, identity=identity)


def cause_secret_file_missing(world):
    return secret_in_a_file(world)


def cause_secret_file_public(world):
    with open(world.path("device.secret"), "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(WRONG_SECRET)
    return secret_in_a_file(world)


def cause_secret_missing(world):
    return good(world, identity={"device_secret": None})


def cause_credential_command_missing(world):
    command = world.path("gone")
    return {
        "cloud": {"auth": "command", "command": command, "endpoint": "localhost:1883", "tls": {"enable": False}},
        "local": {"socket": world.socket},
    }


def cause_root_file_missing(world):
    return conf.device("localhost:8883", world.socket, world.path("nowhere.pem"))


def cause_running_twice(world):
    cloud = world.cloud()
    world.device(cloud).start()
    second = world.device(cloud, name="second").spawn()
    assert second.wait_exit() == 1
    return second


# Programs


def cause_socket_permission(world):
    world.online(world.cloud())
    ctl = world.ctl()
    ctl.head = [*namespaces.allowed(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]), *ctl.head]
    return ctl.run("status")


def cause_daemon_not_running(world):
    return world.ctl().run("status")


def cause_program_reads_too_slowly(world):
    cloud = world.cloud(limits=False)
    daemon = world.online(cloud, local={"client_buffer": 65536})
    program = daemon.client(receive_buffer=4096)
    program.subscribe(DOWN)
    for _ in range(8):
        cloud.publish(DOWN, b"x" * 65536, qos=1)
    return daemon


def cause_too_many_programs(world):
    daemon = world.device(world.cloud(), local={"max_clients": 1}).start()
    first = daemon.client()
    first.hello()
    with socket.socket(socket.AF_UNIX) as one_too_many:
        one_too_many.connect(daemon.socket_path)
        one_too_many.recv(4096)
    first.close()
    return daemon


# What is seen of them

SLOW = ("half-open", "half-open-while-publishing", "twin")


def lacking(words, text):
    flat = re.sub(r"\s+", " ", text)
    return [word for word in words if word not in flat]


def entries(daemon, fault):
    """The entries of this event, and where it has one, for this reason."""
    reason = " REASON=" + fault["reason"] + " " if "reason" in fault else ""
    found = [line + " " for line in daemon.log.split("\n")]
    return [line for line in found if " EVENT=%s " % fault["event"] in line and reason in line]


def check_daemon(world, daemon, fault):
    await_true(
        lambda: entries(daemon, fault), 60 if fault["event"] == "offline" else 25, "the entry %s" % fault
    )
    found = entries(daemon, fault)
    assert len(found) == 1, found
    assert not lacking(fault["words"], found[0]), (fault["words"], found[0])
    assert found[0].split(":")[0] in ("warning", "error")
    if "status" in fault:
        shown = world.ctl().run("status").stdout
        assert re.search("^" + fault["status"], shown, re.M), shown
    elif "reason" in fault and fault["event"] != "subscription-refused":
        shown = world.ctl().run("status").stdout
        assert re.search(r"^(reason|last refusal) +%s$" % fault["reason"], shown, re.M), shown
        assert not lacking([word for word in fault["words"] if not re.match("cn-|iot-", word)], shown), shown


def check_program(done, fault):
    assert "exit %d of iotlinkctl" % done.returncode == fault["event"], done
    assert not lacking(fault["words"], done.stderr), (fault["words"], done.stderr)


def check_configuration(world, config, fault):
    path = config
    if not isinstance(config, str) or "\n" in config:
        path = world.path("test.conf")
        with open(path, "w", encoding="utf-8", opener=modes.private) as file:
            file.write(config if isinstance(config, str) else conf.file_text(config))
    for arguments in ([], ["--check"]):
        done = run_to_exit(path, *arguments)
        assert done.returncode == 78, done
        lines = [line for line in done.stderr.split("\n") if line]
        assert len(lines) == 1, lines
        assert not lacking(fault["words"], lines[0]), (fault["words"], lines)
        assert path in lines[0]
        assert arguments or "EVENT=config-invalid" in lines[0]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in FAULTS]
)
def test_fault_is_named_with_a_remedy(world, name):
    fault = FAULTS[name]
    seen = globals()["cause_" + name.replace("-", "_")](world)
    if fault["event"] == "exit 78":
        check_configuration(world, seen, fault)
    elif isinstance(seen, Daemon):
        check_daemon(world, seen, fault)
    else:
        check_program(seen, fault)


def test_every_fault_has_a_cause_and_every_cause_a_fault():
    causes = {name[len("cause_") :].replace("_", "-") for name in globals() if name.startswith("cause_")}
    assert causes == set(FAULTS)


# The guide


def rows_of_the_guide():
    """Title: what says so, from the tables of "What goes wrong"."""
    with open(os.path.join(REPOSITORY, "docs/TROUBLESHOOTING.md"), encoding="utf-8") as file:
        guide = file.read()
    section = guide[guide.index("## What goes wrong") : guide.index("## Events")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in re.findall(r"^\|.*\|$", section, re.M)]
    assert all(len(row) == 3 and row[2] for row in cells), [row for row in cells if len(row) != 3]
    rows = [row for row in cells if row[0] != "what is wrong" and not row[0].startswith("---")]
    titles = [row[0] for row in rows]
    assert len(set(titles)) == len(titles), "a row twice"
    return {row[0]: row[1] for row in rows}


def what_says_so(fault):
    program = re.match(r"(exit \d+) of (\w+)", fault["event"])
    if program:
        return "`%s`, %s" % (program.group(2), program.group(1))
    if fault["event"] == "exit 78":
        return fault["event"]
    return " ".join("`%s`" % fault[key] for key in ("event", "reason") if key in fault)


def test_the_guide_has_a_row_for_every_fault_and_no_other():
    assert rows_of_the_guide() == {fault["title"]: what_says_so(fault) for fault in FAULTS.values()}
