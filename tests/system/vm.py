# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with Debian's own kernel, for what a container can't show: its power can be cut.

Emulated instruction by instruction (no KVM needed), so it is slow. It has no network; commands and
what a program writes come over two virtio ports.
"""

import base64
import glob
import os
import shutil
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.realpath(__file__))
MODULES = ("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev",
           "virtio/virtio_pci_modern_dev", "virtio/virtio_pci", "block/virtio_blk",
           "char/virtio_console")  # fmt: skip

AGENT = r"""#!/bin/bash
# One command a line, in Base64; the answer is its exit status and its output, in Base64. There is no
# udev here that would give the ports their names.
mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
        ln -sf "../${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
done
exec 3<>/dev/virtio-ports/control
echo ready >&3
while IFS= read -r line <&3; do
        output=$(base64 -d <<<"$line" | bash 2>&1 </dev/stdin | base64 -w 0; exit "${PIPESTATUS[1]}")
        echo "$? $output" >&3
done
"""
UNIT = """[Unit]
After=basic.target iotlinkd.service
[Service]
ExecStart=/root/agent
[Install]
WantedBy=multi-user.target
"""
MASKED = ("getty@.service", "serial-getty@.service", "systemd-logind.service", "apt-daily.timer",
          "apt-daily-upgrade.timer", "e2scrub_reap.service", "dpkg-db-backup.timer",
          "e2scrub_all.timer", "fstrim.timer")  # fmt: skip


def run(*command, **options):
    subprocess.run(command, check=True, **options)


def kernel(directory):
    """Debian's kernel for clouds, unpacked below @directory; returns its version."""
    found = glob.glob(directory + "/kernel/boot/vmlinuz-*")
    if not found:
        depends = subprocess.run(
            ["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip
        name = next(l.split()[-1] for l in depends.splitlines() if "Depends:" in l)
        run("apt-get", "-q", "download", name, cwd=directory, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)  # fmt: skip
        (package,) = glob.glob(directory + "/linux-image-*.deb")
        run("dpkg-deb", "-x", package, directory + "/kernel")
        os.unlink(package)
        found = glob.glob(directory + "/kernel/boot/vmlinuz-*")
    return os.path.basename(found[0])[len("vmlinuz-") :]


def make_initrd(directory, version):
    top = directory + "/initrd"
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(top + "/modules")
    run("gcc", "-Wall", "-Wextra", "-static", "-O1", "-o", top + "/init", HERE + "/vm-init.c")
    for module in MODULES:
        shutil.copy(
            "%s/kernel/lib/modules/%s/kernel/drivers/%s.ko" % (directory, version, module),
            top + "/modules/",
        )
    with open(directory + "/initrd.img", "wb") as image:
        run("sh", "-c", "find . | cpio --quiet -o -H newc", cwd=top, stdout=image)


def make_disk(directory, root, prepare):
    """An ext4 file system with a copy of @root that @prepare, called with its path, has changed."""
    copy = directory + "/root"
    shutil.rmtree(copy, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", root, copy)
    prepare(copy)
    units = copy + "/etc/systemd/system"
    for name in MASKED:
        os.symlink("/dev/null", "%s/%s" % (units, name))
    for path, text, mode in (
        ("/root/agent", AGENT, 0o755),
        ("/etc/systemd/system/agent.service", UNIT, 0o644),
        ("/etc/hostname", "gateway\n", 0o644),
        ("/etc/machine-id", "", 0o644),
    ):
        with open(copy + path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(copy + path, mode)
    os.makedirs(units + "/multi-user.target.wants", exist_ok=True)
    os.symlink("../agent.service", units + "/multi-user.target.wants/agent.service")
    disk = directory + "/disk.ext4"
    with open(disk, "wb") as file:
        file.truncate(1 << 30)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-d", copy, disk)
    shutil.rmtree(copy)


class Vm:
    def __init__(self, directory, version):
        self.directory = directory
        self.kernel = "%s/kernel/boot/vmlinuz-%s" % (directory, version)
        self.process = None
        self.ports = {}
        self.buffer = b""

    def start(self, seconds=300):
        """Returns how long it took until it took commands."""
        began = time.monotonic()
        command = [
            "qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", "768", "-display", "none", "-nodefaults", "-no-user-config", "-no-reboot",
            "-kernel", self.kernel, "-initrd", self.directory + "/initrd.img", "-append",
            "console=ttyS0 panic=-1 quiet mitigations=off random.trust_cpu=on audit=0",
            "-serial", "file:%s/console" % self.directory, "-nic", "none",
            "-drive", "file=%s/disk.ext4,format=raw,if=none,id=disk,cache=writeback" % self.directory,
            "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-serial-pci",
        ]  # fmt: skip
        for name in ("control", "receipts"):
            path = "%s/%s.sock" % (self.directory, name)
            if os.path.exists(path):
                os.unlink(path)
            command += ["-chardev", "socket,path=%s,server=on,wait=off,id=%s" % (path, name),
                        "-device", "virtserialport,chardev=%s,name=%s" % (name, name)]  # fmt: skip
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        for name in ("control", "receipts"):
            self.ports[name] = self._connect("%s/%s.sock" % (self.directory, name))
        self.buffer = b""
        assert self._line(seconds) == b"ready"
        return time.monotonic() - began

    def _connect(self, path):
        port = socket.socket(socket.AF_UNIX)
        while True:
            try:
                port.connect(path)
                return port
            except OSError:
                if self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def _line(self, seconds):
        port = self.ports["control"]
        port.settimeout(seconds)
        while b"\n" not in self.buffer:
            data = port.recv(1 << 16)
            if not data:
                raise EOFError("the virtual machine has ended")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def run(self, command, check=True, seconds=120):
        """A shell command's output."""
        self.ports["control"].sendall(base64.b64encode(command.encode()) + b"\n")
        status, _, output = self._line(seconds).partition(b" ")
        text = base64.b64decode(output).decode(errors="replace")
        if check and status != b"0":
            raise AssertionError("%r ended with %s: %s" % (command, status.decode(), text))
        return text

    def cut(self):
        """The power fails."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for port in self.ports.values():
            port.close()
