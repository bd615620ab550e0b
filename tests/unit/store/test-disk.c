/* SPDX-License-Identifier: Apache-2.0 */
/* A file system of its own, small, then full, then read-only. Only root can mount one. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "bench.h"

/* Mounts that nobody else sees and that go with us. */
static bool own_mounts(void) {
        return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
               mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0;
}

static bool mount_small(const char *directory) {
        return mount("tmpfs", directory, "tmpfs", 0, "size=2m,mode=0700") == 0;
}

static void bench_mount(Bench *b) {
        bench_init(b);
        CHECK(mount_small(b->directory));
}

static void bench_unmount(Bench *b) {
        bench_close(b);
        CHECK(umount2(b->directory, MNT_DETACH) == 0);
        bench_done(b);
}

static void fill_disk(const Bench *b, const char *name) {
        int fd = open(bench_path(b, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        char zeros[4096] = {0};

        CHECK(fd >= 0);
        while (write(fd, zeros, sizeof(zeros)) > 0)
                ;
        CHECK_INT(errno, ENOSPC);
        CHECK(close(fd) == 0);
}

static void test_a_full_disk_loses_nothing_and_recovers(void) {
        uint64_t acknowledged[2048], seq = 0;
        size_t n = 0, n_refused = 0;
        Bench b;

        bench_mount(&b);
        bench_open(&b);
        while (n_refused < 3) {
                bench_queue(&b, ++seq, "t/x", 10000);
                bench_wait(&b, &b.n_done, b.n_done + 1);
                if (b.r == 0) {
                        acknowledged[n++] = seq;
                } else {
                        CHECK_INT(b.r, -ENOSPC);
                        (void)poll(NULL, 0, RETRY_USEC / 1000 + 10);
                        n_refused++;
                }
        }
        CHECK(n > 20);
        /* Reading goes on, and so does starting. */
        bench_read(&b, 0, 1000);
        CHECK_INT(b.n, n);
        bench_reopen(&b);
        CHECK(!b.info.set_aside);
        CHECK_INT(b.info.n_spooled, n);
        bench_read(&b, 0, 1000);
        CHECK_INT(b.n, n);
        for (size_t i = 0; i < n; i++)
                CHECK(b.seqs[i] == acknowledged[i]);

        /* Space returns: all by itself it goes on. */
        CHECK(mount("none", b.directory, "tmpfs", MS_REMOUNT, "size=8m") == 0);
        for (int i = 0; i < 100; i++) {
                bench_queue(&b, ++seq, "t/x", 10000);
                bench_wait(&b, &b.n_done, b.n_done + 1);
                if (b.r == 0)
                        break;
                (void)poll(NULL, 0, 20);
        }
        CHECK_INT(b.r, 0);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, n + 1);
        bench_unmount(&b);
}

static void test_a_disk_filled_by_others_is_waited_for(void) {
        uint64_t seq = 1;
        int r = 0;
        Bench b;

        bench_mount(&b);
        bench_open(&b);
        CHECK_INT(bench_put(&b, seq++), 0);
        fill_disk(&b, "ballast");
        while (r == 0)
                r = bench_put(&b, seq++);
        CHECK_INT(r, -ENOSPC);
        CHECK_INT(bench_counters(&b).error, -ENOSPC);
        CHECK(unlink(bench_path(&b, "ballast")) == 0);
        for (int i = 0; i < 200 && r < 0; i++) {
                r = bench_put(&b, seq++);
                (void)poll(NULL, 0, 10);
        }
        CHECK_INT(r, 0);
        CHECK_INT(bench_counters(&b).error, 0);
        bench_unmount(&b);
}

static void test_no_room_to_begin_with(void) {
        Bench b;

        bench_mount(&b);
        fill_disk(&b, "ballast");
        CHECK_INT(bench_try_open(&b), -ENOSPC);
        CHECK(unlink(bench_path(&b, "ballast")) == 0);
        bench_open(&b);
        CHECK(!b.info.set_aside);
        CHECK_INT(bench_put(&b, 1), 0);
        bench_unmount(&b);
}

static void test_a_read_only_disk_is_named_so(void) {
        Bench b;

        bench_mount(&b);
        CHECK(mount("none", b.directory, "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0);
        CHECK_INT(bench_try_open(&b), -EROFS);
        CHECK(mount("none", b.directory, "tmpfs", MS_REMOUNT, "") == 0);
        bench_open(&b);
        CHECK_INT(bench_put(&b, 1), 0);
        bench_close(&b);
        CHECK(mount("none", b.directory, "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0);
        CHECK_INT(bench_try_open(&b), -EROFS);
        bench_unmount(&b);
}

int main(void) {
        static const Test tests[] = {
                        TEST(test_a_full_disk_loses_nothing_and_recovers),
                        TEST(test_a_disk_filled_by_others_is_waited_for),
                        TEST(test_no_room_to_begin_with),
                        TEST(test_a_read_only_disk_is_named_so),
        };
        char directory[] = "/tmp/iotlink-mount-XXXXXX";
        bool can;

        CHECK(mkdtemp(directory));
        can = own_mounts() && mount_small(directory) && umount2(directory, MNT_DETACH) == 0;
        CHECK(rmdir(directory) == 0);
        if (!can) {
                (void)printf("1..0 # SKIP only root can mount a file system\n");
                return 0;
        }
        return test_run(tests, ARRAY_SIZE(tests));
}
