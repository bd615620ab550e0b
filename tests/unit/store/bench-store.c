/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable puts a second with 1, 8 and 512 outstanding, beside the fsyncs that the same directory
 * gives: the program's argument, else $TMPDIR, else /tmp.
 */
#include <fcntl.h>

#include "bench.h"
#include "util/clock.h"

#define DURATION_USEC (2 * USEC_PER_SEC)

static double per_second(uint64_t n, uint64_t began) {
        return (double)n * 1e6 / (double)(clock_now_usec() - began);
}

/* Appends of one page, each synced: what a log can do at best. */
static void measure_fsync(const Bench *b) {
        int fd = open(bench_path(b, "raw"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        uint64_t began = clock_now_usec(), n = 0;
        char page[4096] = {0};

        CHECK(fd >= 0);
        while (clock_now_usec() - began < DURATION_USEC) {
                CHECK(pwrite(fd, page, sizeof(page), (off_t)(n % 1000 * sizeof(page))) ==
                      (ssize_t)sizeof(page));
                CHECK(fdatasync(fd) == 0);
                n++;
        }
        (void)printf("%-28s %9.0f/s\n", "fdatasync of 4 KiB", per_second(n, began));
        CHECK(close(fd) == 0);
}

static void measure_puts(Bench *b, size_t n_outstanding) {
        uint64_t began = clock_now_usec(), seq = b->info.next_seq, commits;
        size_t done = b->n_done, n_queued = 0;
        char name[64];

        commits = bench_counters(b).commits;
        while (clock_now_usec() - began < DURATION_USEC) {
                while (n_queued - (b->n_done - done) < n_outstanding) {
                        bench_queue(b, seq++, "telemetry/t1", 100);
                        n_queued++;
                }
                bench_wait(b, &b->n_done, b->n_done + 1);
                CHECK_INT(b->r, 0);
        }
        bench_wait(b, &b->n_done, done + n_queued);
        (void)snprintf(name, sizeof(name), "puts, %zu outstanding", n_outstanding);
        (void)printf("%-28s %9.0f/s %9.0f commits/s\n", name, per_second(n_queued, began),
                     per_second(bench_counters(b).commits - commits, began));
        b->info.next_seq = seq;
}

int main(int argc, char **argv) {
        Bench b;

        if (argc > 1)
                CHECK(setenv("TMPDIR", argv[1], 1) == 0);
        bench_init(&b);
        bench_open(&b);
        measure_fsync(&b);
        measure_puts(&b, 1);
        measure_puts(&b, 8);
        measure_puts(&b, 512);
        measure_fsync(&b);
        bench_done(&b);
        return 0;
}
