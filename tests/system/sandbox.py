# SPDX-License-Identifier: Apache-2.0
"""What a unit's directives forbid, tried out.

The probes run as root with every capability, once as they are and once under the unit's directives,
so that what fails there is forbidden by a directive and not for want of privileges.
"""

import os
import re
import subprocess

DONE = "/var/lib/iotlinkd/probes"


def call(number, *arguments):
    """A system call; fails unless it succeeds."""
    words = ",".join(map(str, (number, *arguments)))
    return "perl -e 'exit(syscall(%s) == -1 ? 1 : 0)'" % words


def call_not(error, number, *arguments):
    """The same, with arguments that only a call which is allowed looks at: fails with EPERM."""
    words = ",".join(map(str, (number, *arguments)))
    return "perl -e 'syscall(%s); exit($! == %d ? 0 : 1)'" % (words, error)


EFAULT, EINVAL = 14, 22
PROBES = {  # directive: what it does not allow (x86-64's numbers)
    "ProtectSystem": "touch /usr/probe",
    "ProtectHome": "test -e /home/probe",
    "PrivateTmp": "test -e /tmp/probe",
    "PrivateDevices": "test -e /dev/probe",
    "PrivateMounts": "mount -t tmpfs probe /mnt && umount /mnt",
    "ProcSubset": "test -e /proc/uptime",
    "ProtectKernelLogs": call(103, 10, 0, 0),
    "SystemCallArchitectures": "/etc/iotlinkd/foreign-call",
    "ProtectKernelModules": "test -e /usr/lib/modules/probe",
    "ProtectControlGroups": "mkdir /sys/fs/cgroup/probe && rmdir /sys/fs/cgroup/probe",
    "ProtectHostname": "perl -e '$name = \"probe\"; exit(syscall(170, $name, 5) == -1 ? 1 : 0)'",
    "ProtectClock": call_not(EFAULT, 227, 0, 1),
    "RestrictAddressFamilies": call(41, 16, 3, 0),
    "RestrictNamespaces": "unshare -u true",
    "RestrictRealtime": call_not(EFAULT, 144, 0, 1, 1),
    "RestrictSUIDSGID": "touch /var/lib/iotlinkd/s && chmod u+s /var/lib/iotlinkd/s",
    "LockPersonality": call(135, 8),
    "MemoryDenyWriteExecute": call(9, 0, 4096, 7, 0x22, -1, 0),
    "SystemCallFilter": call_not(EINVAL, 169, 0, 0, 0),
    "NoNewPrivileges": "grep -q 'NoNewPrivs:.*0' /proc/self/status",
    "LimitCORE": "test $(ulimit -H -c) != 0",
    "UMask": "touch /var/lib/iotlinkd/u && test $(stat -c %a /var/lib/iotlinkd/u) = 644",
}
# getpid() as 32-bit programs call it, from a 64-bit one.
FOREIGN_CALL = """
void _start(void);
void _start(void) {
        long r;

        __asm__ volatile("int $0x80" : "=a"(r) : "0"(20L) : "memory", "r8", "r9", "r10", "r11");
        __asm__ volatile("syscall" : : "a"(60L), "D"(r > 0 ? 0L : 1L) : "rcx", "r11");
}
"""
PRIVILEGES = re.compile(r"^(User|Group|CapabilityBoundingSet|AmbientCapabilities)=.*\n", re.M)
PROCESS = re.compile(
    r"^(Type|NotifyAccess|Exec\w+|Restart\w*|WatchdogSec|StandardOutput|StandardError)=.*\n", re.M
)


def build_foreign_call(path):
    subprocess.run(
        ["gcc", "-x", "c", "-O1", "-static", "-nostdlib", "-fno-stack-protector", "-o", path, "-"],
        input=FOREIGN_CALL, text=True, check=True,
    )  # fmt: skip


def prepare(box):
    for path in ("/home/probe", "/tmp/probe", "/usr/lib/modules/probe"):
        os.makedirs(os.path.dirname(box.path(path)), exist_ok=True)
        box.run("touch", path)
    box.run("mknod", "/dev/probe", "c", "1", "3")
    box.run("mkdir", "-p", "/var/lib/iotlinkd")
    build_foreign_call(box.path("/etc/iotlinkd/foreign-call"))
    lines = [": >%s.new" % DONE]
    for name, command in PROBES.items():
        lines.append("if (%s) >/dev/null 2>&1; then echo %s >>%s.new; fi" % (command, name, DONE))
    lines.append("mv %s.new %s" % (DONE, DONE))
    box.write("/etc/iotlinkd/probe.sh", "\n".join(lines) + "\n")


def result(box):
    with open(box.path(DONE), encoding="ascii") as file:
        done = set(file.read().split())
    box.run("sh", "-c", "rm -f /var/lib/iotlinkd/? /usr/probe %s" % DONE)
    return done


def free(box):
    """The probes that work without directives."""
    box.run("sh", "/etc/iotlinkd/probe.sh")
    return result(box)


def under(box, unit):
    """The probes that work under the unit's directives."""
    with open(box.path("/usr/lib/systemd/system/" + unit), encoding="utf-8") as file:
        text = PROCESS.sub("", PRIVILEGES.sub("", file.read()))
    text = re.sub(r"^(Requires|After)=.*\n", "", text, flags=re.M)
    text = text.replace(
        "[Service]\n", "[Service]\nType=oneshot\nExecStart=/bin/sh /etc/iotlinkd/probe.sh\n"
    )
    box.write("/etc/systemd/system/probe.service", text)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "probe")
    return result(box)
