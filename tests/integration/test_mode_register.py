# SPDX-License-Identifier: Apache-2.0
"""cloud.auth = "register" and "register-free": once registered, always registered; and every way in which it fails."""

import os
import signal

import pytest

from harness import conf, modes
from harness.place import PATIENCE, free_port

VIA = ["https", "mqtt"]
KINDS = ["https", "mqtt", "free"]


def make(world, cloud, kind, /, **changes):
    if kind == "free":
        return modes.register_free(world, cloud, **changes)
    return modes.register(world, cloud, kind, **changes)


@pytest.fixture
def cloud(world):
    return modes.unregistered(world)


def registrations(cloud, after=0):
    """How often the cloud has given something out."""
    https = cloud.events("http-answer", after=after, code=200)
    mqtt = [way for way in modes.how(cloud, after) if way in ("register", "regnwl")]
    return len(https) + len(mqtt)


def stored(world, cloud):
    with open(modes.registration_file(world, cloud), encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file)


# What it is for


@pytest.mark.parametrize("via", VIA)
def test_device_registers_once_and_signs_from_then_on(world, cloud, via):
    daemon = modes.register(world, cloud, via).start()
    modes.works(daemon, cloud)
    assert modes.how(cloud)[-1] == "device"
    assert stored(world, cloud) == {"device_secret": cloud.device()["secret"]}
    assert registrations(cloud) == 1


@pytest.mark.parametrize("topic", ["/ext/register", "/ext/regnwl"])
@pytest.mark.parametrize("qos", [0, 1])
def test_device_that_nobody_created_registers_and_shows_its_token(world, cloud, topic, qos):
    cloud.set(regnwl_topic=topic, register_qos=qos)
    daemon = modes.register_free(world, cloud).start()
    modes.works(daemon, cloud)
    assert modes.how(cloud) == ["regnwl", "connwl"]
    keeps = stored(world, cloud)
    assert set(keeps) == {"client_id", "device_token"}
    assert cloud.device()["clones"][keeps["client_id"]] == keeps["device_token"]


@pytest.mark.parametrize("kind", ["mqtt", "free"])
def test_instance_is_named_where_there_is_one(world, kind):
    cloud = modes.unregistered(world, instance_id="iot-060a0bgd")
    daemon = make(world, cloud, kind, cloud={"instance_id": "iot-060a0bgd"}).start()
    modes.works(daemon, cloud)
    params = cloud.events("connect")[0]["params"]
    assert params["instanceId"] == "iot-060a0bgd"
    assert params["securemode"] == ("-2" if kind == "free" else "2")


@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_method_signs_a_registration(world, cloud, kind, method):
    make(world, cloud, kind, cloud={"sign_method": method}).start().wait_online()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_given_is_kept_whole_and_private(world, cloud, kind):
    make(world, cloud, kind).start().wait_online()
    path = modes.registration_file(world, cloud)
    assert modes.mode_of(path) == 0o600
    assert not os.path.exists(path + ".new")


@pytest.mark.parametrize("kind", KINDS)
def test_second_start_does_not_register_again(world, cloud, kind):
    make(world, cloud, kind).start().wait_online()
    world.daemons[0].stop()
    mark = cloud.mark()
    again = make(world, cloud, kind, cloud={"command": "/bin/false"}).start()
    modes.works(again, cloud)
    assert registrations(cloud, mark) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_connection_that_is_cut_does_not_register_again(world, cloud, kind):
    daemon = make(world, cloud, kind).start()
    daemon.wait_online()
    mark = cloud.mark()
    cloud.cut()
    cloud.wait_event("connack", code=0, after=mark)
    assert registrations(cloud, mark) == 0


def test_each_device_has_a_file_of_its_own(world, cloud):
    modes.register(world, cloud, "https").start().wait_online()
    world.daemons[0].stop()
    cloud.add_identity(cloud.identity["product_key"], "other")
    other = modes.register(world, cloud, "https", identity={"device_name": "other"}).start()
    other.wait_online()
    names = [name for name in os.listdir(world.directory) if name.startswith("registration-")]
    assert len(names) == 2


def test_registration_of_one_mode_leaves_that_of_another_alone(world, cloud):
    modes.register_free(world, cloud).start().wait_online()
    world.daemons[0].stop()
    token = stored(world, cloud)
    cloud.reset_device(cloud.identity["product_key"], cloud.identity["device_name"])
    modes.register(world, cloud, "https").start().wait_online()
    assert stored(world, cloud) == {**token, "device_secret": cloud.device()["secret"]}


# Death in between

# The answer is here, and the daemon dies before it hears it.
MURDER = 'answer=$(%s) || exit\nif mkdir %s 2>/dev/null; then kill -9 $PPID; exit; fi\nprintf "%%s\\n" "$answer"\n'


@pytest.mark.parametrize("kind", KINDS)
def test_death_between_receipt_and_storage_is_survived(world, cloud, kind):
    killer = modes.script(world, MURDER % (modes.HELPER, world.path("killed")))
    daemon = make(world, cloud, kind, cloud={"command": killer}).spawn()
    assert daemon.wait_exit() == -signal.SIGKILL
    assert registrations(cloud) == 1
    assert not os.path.exists(modes.registration_file(world, cloud))
    daemon.start()
    modes.works(daemon, cloud)
    assert registrations(cloud) == 2, "only the newest is good"


@pytest.mark.parametrize("kind", KINDS)
def test_leftovers_of_a_power_cut_do_not_matter(world, cloud, kind):
    with open(modes.registration_file(world, cloud) + ".new", "w", encoding="ascii") as file:
        file.write("device_secr")
    daemon = make(world, cloud, kind).start()
    modes.works(daemon, cloud)
    assert not os.path.exists(modes.registration_file(world, cloud) + ".new")


def test_death_at_any_time_after_storage_needs_no_second_registration(world, cloud):
    daemon = modes.register(world, cloud, "https").start()
    daemon.wait_log("Registered; ")
    daemon.kill()
    mark = cloud.mark()
    daemon.start()
    daemon.wait_online()
    assert registrations(cloud, mark) == 0


# Where it is kept


def spoil(world, cloud, text="device_secret=%s\n" % modes.DEVICE_SECRET, mode=0o600):
    path = modes.registration_file(world, cloud)
    with open(path, "w", encoding="latin-1") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_file_that_others_can_read_is_refused(world, cloud, mode):
    path = spoil(world, cloud, mode=mode)
    daemon = modes.register(world, cloud, "https").spawn()
    assert daemon.wait_exit() != 0
    modes.expect_logged(daemon, "chmod 600", path)
    assert modes.DEVICE_SECRET not in daemon.log
    assert not cloud.events("http-request") and not cloud.events("connect")


@pytest.mark.parametrize("text", ["", "device_secr", "\n", "device_token=x\n", "\0\0\0\0", "a b\n", "x" * 20000])
def test_damaged_file_is_refused_and_not_registered_over(world, cloud, text):
    path = spoil(world, cloud, text)
    daemon = modes.register(world, cloud, "https").spawn()
    assert daemon.wait_exit() != 0
    modes.expect_logged(daemon, "registration", path, "Restore")
    assert not cloud.events("http-request")


def test_directory_that_is_not_there_is_an_error_of_the_configuration(world, cloud):
    daemon = modes.register(world, cloud, "https", local={"state": world.path("none")}).spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "local.state", world.path("none"))


def test_storage_that_fails_is_explained(world, cloud):
    """The device has a secret, and nowhere to put it: it is not used, and nothing is hidden."""
    os.mkdir(modes.registration_file(world, cloud) + ".new")
    daemon = modes.register(world, cloud, "https").start()
    state = daemon.wait_state("offline", reason="auth-unreachable")
    modes.expect_logged(daemon, "Cannot store", modes.registration_file(world, cloud))
    assert "stored" in state["message"], state
    assert not cloud.events("connect"), "a secret that is not stored is not used"
    os.rmdir(modes.registration_file(world, cloud) + ".new")
    daemon.wait_online()


# Refusals

CODES = {
    460: ("auth-refused", "a parameter is missing or malformed", "cloud.sign_method"),
    500: ("auth-unreachable", "internal error", "This passes"),
    6100: ("auth-refused", "the device does not exist", "Create it in the console"),
    6250: ("auth-refused", "the product does not exist", "identity.product_key"),
    6288: ("auth-refused", "dynamic registration is switched off", "Switch it on"),
    6289: ("auth-refused", "already activated", "reset the device in the console"),
    6292: ("auth-refused", "does not know this method of signing", "cloud.sign_method"),
    6600: ("auth-refused", "the signature is wrong", "product secret"),
}


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_explained(world, cloud, code):
    cloud.set(http_code=code)
    daemon = modes.register(world, cloud, "https").start()
    reason, cause, advice = CODES[code]
    modes.expect_denied(world, daemon, reason, "code %d" % code, cause, advice)
    assert not os.path.exists(modes.registration_file(world, cloud))


def test_wrong_product_secret_is_named(world, cloud):
    daemon = modes.register(
        world, cloud, "https", identity={"product_secret": modes.WRONG_SECRET}
    ).start()
    modes.expect_denied(world, daemon, "auth-refused", "code 6600", "product secret")


def test_wrong_product_is_named(world, cloud):
    daemon = modes.register(world, cloud, "https", identity={"product_key": "a1ZZZZZZZZZ"}).start()
    modes.expect_denied(world, daemon, "auth-refused", "code 6250", "identity.product_key")


def test_unknown_device_is_named(world, cloud):
    daemon = modes.register(world, cloud, "https", identity={"device_name": "nobody"}).start()
    modes.expect_denied(world, daemon, "auth-refused", "code 6100", "identity.device_name")


def test_registration_switched_off_is_named(world, cloud):
    cloud.add_product(cloud.identity["product_key"], modes.PRODUCT_SECRET, dynamic=False)
    daemon = modes.register(world, cloud, "https").start()
    modes.expect_denied(world, daemon, "auth-refused", "code 6288", "Switch it on")


def test_lost_secret_of_an_activated_device_is_explained_and_a_reset_helps(world, cloud):
    daemon = modes.register(world, cloud, "https").start()
    daemon.wait_online()
    daemon.stop()
    os.unlink(modes.registration_file(world, cloud))
    daemon.start()
    modes.expect_denied(world, daemon, "auth-refused", "code 6289", "reset the device")
    daemon.stop()
    cloud.reset_device(cloud.identity["product_key"], cloud.identity["device_name"])
    daemon.start()
    modes.works(daemon, cloud)


@pytest.mark.parametrize("kind", ["mqtt", "free"])
@pytest.mark.parametrize("wrong", ["secret", "product", "switched-off"])
def test_refusal_over_mqtt_is_explained(world, cloud, kind, wrong):
    identity = {}
    if wrong == "secret":
        identity = {"product_secret": modes.WRONG_SECRET}
    elif wrong == "product":
        identity = {"product_key": "a1ZZZZZZZZZ"}
    else:
        cloud.add_product(cloud.identity["product_key"], modes.PRODUCT_SECRET, dynamic=False)
    daemon = make(world, cloud, kind, identity=identity).start()
    modes.expect_denied(
        world, daemon, "auth-refused", "CONNACK 4", "product secret", "registration is switched on"
    )


@pytest.mark.parametrize("code", [1, 2, 3, 5, 99])
def test_each_connack_is_explained(world, cloud, code):
    cloud.set(connack=code)
    daemon = modes.register(world, cloud, "mqtt").start()
    modes.expect_denied(
        world, daemon, "auth-unreachable" if code == 3 else "auth-refused", "CONNACK %d" % code
    )


def test_wrong_instance_is_named(world):
    cloud = modes.unregistered(world, instance_id="iot-060a0bgd")
    daemon = modes.register(world, cloud, "mqtt", cloud={"instance_id": "iot-other"}).start()
    modes.expect_denied(world, daemon, "auth-refused", "CONNACK", "cloud.instance_id")


def test_plain_tcp_is_refused_by_the_configuration(world, cloud):
    daemon = modes.register(world, cloud, "mqtt", cloud={"tls": {"enable": False, "roots": None}})
    daemon.spawn()
    assert daemon.wait_exit() == 78
    modes.expect_logged(daemon, "needs TLS")


@pytest.mark.parametrize("kind", ["mqtt", "free"])
def test_untrusted_broker_gets_no_registration(world, cloud, kind):
    cloud.set(cert="untrusted")
    daemon = make(world, cloud, kind).start()
    modes.expect_denied(world, daemon, "auth-refused", "a root that is not trusted here")
    assert not cloud.events("connect")


@pytest.mark.parametrize("kind", ["mqtt", "free"])
def test_next_root_and_port_get_their_turn(world, cloud, kind):
    pairs = [
        {"file": cloud.ca_file, "port": free_port()},
        {"file": cloud.ca_file, "port": cloud.tls_port},
    ]
    daemon = make(world, cloud, kind, cloud={"endpoint": "localhost", "tls": {"roots": pairs}})
    modes.works(daemon.start(), cloud)


@pytest.mark.parametrize("kind", ["mqtt", "free"])
def test_refused_port_is_named(world, cloud, kind):
    endpoint = "localhost:%d" % free_port()
    daemon = make(world, cloud, kind, cloud={"endpoint": endpoint}).start()
    modes.expect_denied(world, daemon, "auth-unreachable", "no TCP connection")


@pytest.mark.slow  # the MQTT library waits for the end of what it takes for a packet
def test_garbage_in_place_of_an_answer_is_overcome(world, cloud):
    cloud.set(answer="garbage")
    daemon = modes.register(world, cloud, "mqtt").start()
    modes.expect_denied(
        world, daemon, "auth-unreachable", "did not answer CONNECT", seconds=20 * PATIENCE
    )
    cloud.set(answer=None)
    daemon.wait_online()


def test_registration_that_the_cloud_cuts_off_is_overcome(world, cloud):
    cloud.set(register_give=False)
    daemon = modes.register(world, cloud, "mqtt").start()
    cloud.wait_event("connack", code=0, how="register")
    cloud.set(register_give=True)
    cloud.cut()
    modes.expect_logged(daemon, "no credentials", "closed the connection before")
    modes.works(daemon, cloud)


def test_sixth_device_of_a_name_is_refused(world, cloud):
    product, name = cloud.identity["product_key"], cloud.identity["device_name"]
    for number in range(6):
        config = conf.merged(
            modes.register_free(world, cloud).config,
            {"local": {"state": os.path.join(world.directory, str(number))}},
        )
        os.mkdir(config["local"]["state"])
        daemon = world.daemon(config, "clone%d" % number).start()
        if number < 5:
            daemon.wait_online()
            daemon.stop()
    modes.expect_denied(world, daemon, "auth-refused", "CONNACK 4")
    assert len(cloud.device(product, name)["clones"]) == 5
