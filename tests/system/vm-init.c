/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first program of the virtual machine: loads what Debian's kernel needs to see its disk, in
 * order, and hands over to systemd on it. Linked statically.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const modules[] = {
                "virtio_ring", "virtio",     "virtio_pci_legacy_dev", "virtio_pci_modern_dev",
                "virtio_pci",  "virtio_blk", "virtio_console"};

static void check(int r, const char *what) {
        if (r >= 0)
                return;
        (void)printf("init: %s: %s\n", what, strerror(errno));
        (void)fflush(stdout);
        (void)sleep(1);
        _exit(EXIT_FAILURE);
}

static void load(const char *name) {
        char path[128];
        int fd;

        (void)snprintf(path, sizeof(path), "/modules/%s.ko", name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        check(fd, path);
        if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
                check(-1, path);
        (void)close(fd);
}

int main(void) {
        char *const arguments[] = {"/lib/systemd/systemd", NULL};

        check(mkdir("/disk", 0755), "mkdir /disk");
        check(mount("devtmpfs", "/dev", "devtmpfs", 0, ""), "mount /dev");
        for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
                load(modules[i]);
        for (int tries = 0; access("/dev/vda", F_OK) < 0 && tries < 3000; tries++)
                (void)usleep(10000);
        check(mount("/dev/vda", "/disk", "ext4", 0, ""), "mount the disk");
        check(mount("/dev", "/disk/dev", "", MS_MOVE, ""), "move /dev");
        check(chdir("/disk"), "chdir");
        check(mount(".", "/", "", MS_MOVE, ""), "move the disk");
        check(chroot("."), "chroot");
        check(chdir("/"), "chdir /");
        (void)execv(arguments[0], arguments);
        check(-1, "systemd");
        return EXIT_FAILURE;
}
