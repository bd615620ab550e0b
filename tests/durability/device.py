# SPDX-License-Identifier: Apache-2.0
"""A real file system on a disk of ours (disk_plugin.py): ext4 on a loop device on a FUSE file.

Needs root, FUSE, loop devices, nbdkit with Python and nbdfuse.
"""

import os
import re
import shutil
import subprocess
import sys

from place import HERE, await_true

SIZE = 48 << 20
BLOCK = 4096
MARKS = 64 << 10  # behind the file system: for notes that land in the same log
NEEDED = ("nbdkit", "nbdfuse", "losetup", "mke2fs", "debugfs", "mount", "umount", "unshare")


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def missing():
    """What this machine lacks, or None."""
    if os.geteuid() != 0:
        return "it mounts things: run it as root"
    for program in NEEDED:
        if not shutil.which(program):
            return "%s is missing: packaging/install-build-deps crash" % program
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(path):
            return "there is no %s here" % path
    return None


def end_of_journal(path):
    """Where files' contents begin, with packed_meta_blocks: behind the journal."""
    shown = subprocess.run(["debugfs", "-R", "stat <8>", path],
                           check=True, capture_output=True, text=True).stdout  # fmt: skip
    extents = shown[shown.index("EXTENTS:") :]
    return (max(map(int, re.findall(r"\d+", extents))) + 1) * BLOCK


def in_own_namespace():
    """Starts the program again where its mounts are its own, and vanish with it."""
    if os.environ.get("DURABILITY_MOUNTS") != "own":
        os.environ["DURABILITY_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])


class Disk:
    """Mounted at @path between start() and stop(); then @log and @base tell its life."""

    def __init__(self, directory):
        self.directory = directory
        self.base, self.log, self.errors, self.place, self.path = (
            os.path.join(directory, name) for name in ("base", "log", "errors", "nbd", "disk")
        )
        self.device = os.path.join(self.place, "nbd")
        self.data = None  # where files' contents begin
        self.server = self.loop = self.marks = None

    def start(self):
        with open(self.base, "wb") as file:
            file.truncate(SIZE)
        run("mke2fs", "-q", "-t", "ext4", "-b", str(BLOCK), "-J", "size=4",
            "-E", "packed_meta_blocks=1,lazy_itable_init=0,lazy_journal_init=0", self.base)  # fmt: skip
        self.data = end_of_journal(self.base)
        os.truncate(self.base, SIZE + MARKS)
        os.mkdir(self.place)
        os.mkdir(self.path)
        errors = open(os.path.join(self.directory, "nbdkit.log"), "wb")
        plugin = os.path.join(HERE, "disk_plugin.py")
        parameters = ["%s=%s" % (name, getattr(self, name)) for name in ("base", "log", "errors")]
        self.server = subprocess.Popen(
            ["nbdfuse", self.place, "[", "nbdkit", "--exit-with-parent", "python", plugin]
            + parameters + ["]"], stderr=errors,  # fmt: skip
        )
        errors.close()
        await_true(lambda: os.path.exists(self.device), 10, "the disk's file")
        found = subprocess.run(
            ["losetup", "-f", "--show", "--sizelimit", str(SIZE), self.device],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.loop = found.stdout.strip()
        self.marks = os.open(self.device, os.O_WRONLY)
        self.mount()
        return self

    def mount(self):
        run("mount", "-o", "noatime,commit=1", self.loop, self.path)

    def unmount(self):
        run("umount", self.path)

    def note(self, text):
        """Writes @text into the log."""
        assert os.pwrite(self.marks, text, SIZE) == len(text) <= MARKS

    def fail(self):
        """Writes of files' contents fail; those of the file system's own do not, or it gives up."""
        os.sync()
        with open(self.errors + ".new", "w", encoding="ascii") as file:
            file.write(str(self.data))
        os.rename(self.errors + ".new", self.errors)

    def heal(self):
        if os.path.exists(self.errors):
            os.unlink(self.errors)

    def stop(self):
        self.heal()
        if os.path.ismount(self.path):
            self.unmount()
        if self.loop:
            run("losetup", "-d", self.loop)
        if self.marks is not None:
            os.close(self.marks)
        if self.server:
            subprocess.run(["umount", self.place], check=False)
            self.server.wait(10)
