/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable puts a second with 1, 8 and 512 outstanding, beside the fsyncs that the same directory
 * gives (the program's argument, else $TMPDIR, else /tmp); the same on a thousand topics, and into
 * a spool that is full; how large the file gets, and how fast it is read and emptied.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "bench.h"
#include "util/clock.h"

#define DURATION_USEC (2 * USEC_PER_SEC)

static double per_second(uint64_t n, uint64_t began) {
        return (double)n * 1e6 / (double)(clock_now_usec() - began);
}

/* Of both threads; steady where other programs make everything else slow. */
static double cpu_usec(void) {
        struct rusage usage;

        CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
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
        (void)printf("%-30s %9.0f/s\n", "fdatasync of 4 KiB", per_second(n, began));
        CHECK(close(fd) == 0);
}

typedef struct Load {
        const char *name;
        size_t n_outstanding, n_topics;
        StorePolicy when_full;
} Load;

static void queue_one(Bench *b, uint64_t seq, const Load *load) {
        StoreRecord record = {.seq = seq, .route = 1, .when_full = load->when_full};
        char topic[64];

        (void)snprintf(topic, sizeof(topic), "/a1X2bEnP82z/gateway1/user/telemetry/t%03zu",
                       (size_t)(seq * 7919) % load->n_topics);
        record.message = new_message(topic, 100);
        CHECK_INT(store_put(b->store, &record, on_done, b), 0);
        (void)message_unref(record.message);
}

static void measure_puts(Bench *b, const Load *load) {
        uint64_t began = clock_now_usec(), seq = b->info.next_seq, commits;
        double cpu = cpu_usec();
        size_t done = b->n_done, n_queued = 0;

        commits = bench_counters(b).commits;
        while (clock_now_usec() - began < DURATION_USEC) {
                while (n_queued - (b->n_done - done) < load->n_outstanding) {
                        queue_one(b, seq++, load);
                        n_queued++;
                }
                bench_wait(b, &b->n_done, b->n_done + 1);
                CHECK_INT(b->r, 0);
        }
        bench_wait(b, &b->n_done, done + n_queued);
        (void)printf("%-30s %9.0f/s %9.0f commits/s %6.1f us of CPU each\n", load->name,
                     per_second(n_queued, began),
                     per_second(bench_counters(b).commits - commits, began),
                     (cpu_usec() - cpu) / (double)n_queued);
        b->info.next_seq = seq;
}

static void measure_drain(Bench *b) {
        uint64_t began, after = 0, n = bench_counters(b).n_spooled;
        double cpu;

        bench_reopen(b);
        (void)printf("%-30s %9.1f\n", "bytes a message",
                     (double)bench_counters(b).file_bytes / (double)n);
        began = clock_now_usec();
        cpu = cpu_usec();
        do {
                bench_read(b, after, 256);
                CHECK_INT(b->page_r, 0);
                if (b->n > 0)
                        after = b->seqs[b->n - 1];
                CHECK_INT(store_delete(b->store, b->seqs, b->n), 0);
        } while (b->n > 0);
        CHECK_INT(bench_counters(b).n_spooled, 0);
        (void)printf("%-30s %9.0f/s %29.1f us of CPU each\n", "read and deleted",
                     per_second(n, began), (cpu_usec() - cpu) / (double)n);
}

static void measure_full(Bench *b, const Load *load) {
        uint64_t seq;

        bench_done(b);
        bench_init(b);
        b->limits.max_messages = 100000;
        bench_open(b);
        seq = b->info.next_seq;
        for (size_t i = 1; i <= 50000; i++) {
                queue_one(b, seq++, load);
                if (i % 1000 == 0)
                        bench_wait(b, &b->n_done, i);
        }
        b->info.next_seq = seq;
        measure_puts(b, load);
}

int main(int argc, char **argv) {
        static const Load loads[] = {
                        {"puts, 1 outstanding", 1, 1, STORE_REFUSE},
                        {"puts, 8 outstanding", 8, 1, STORE_REFUSE},
                        {"puts, 512 outstanding", 512, 1, STORE_REFUSE},
                        {"puts, 512, 1000 topics", 512, 1000, STORE_REFUSE},
        };
        static const Load full_loads[] = {
                        {"full, drop-oldest", 512, 1000, STORE_DROP_OLDEST},
                        {"full, keep-latest", 512, 1000, STORE_KEEP_LATEST},
        };
        Bench b;

        if (argc > 1)
                CHECK(setenv("TMPDIR", argv[1], 1) == 0);
        bench_init(&b);
        bench_open(&b);
        measure_fsync(&b);
        for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
                measure_puts(&b, &loads[i]);
        measure_fsync(&b);
        measure_drain(&b);
        for (size_t i = 0; i < ARRAY_SIZE(full_loads); i++)
                measure_full(&b, &full_loads[i]);
        bench_done(&b);
        return 0;
}
