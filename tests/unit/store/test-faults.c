/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails while the store is at work. */
#include <sqlite3.h>
#include <sys/stat.h>

#include "bench.h"
#include "faulty-vfs.h"
#include "util/clock.h"

static void faulty_bench(Bench *b) {
        static bool registered;

        if (!registered)
                faulty_register();
        registered = true;
        bench_init(b);
        b->vfs = FAULTY_VFS;
        bench_open(b);
}

/* Puts new ones until one is taken. */
static uint64_t put_until_taken(Bench *b, uint64_t seq) {
        uint64_t until = clock_now_usec() + 20 * USEC_PER_SEC;

        while (bench_put(b, seq) < 0) {
                CHECK(clock_now_usec() < until);
                (void)poll(NULL, 0, 10);
                seq++;
        }
        return seq;
}

static void test_a_failed_sync_is_never_acknowledged(void) {
        uint64_t last;
        Bench b;

        faulty_bench(&b);
        CHECK_INT(bench_put(&b, 1), 0);
        faulty_fail_syncs(1);
        CHECK_INT(bench_put(&b, 2), -EIO);
        CHECK_INT(faulty_n_failed(), 1);
        CHECK_INT(bench_counters(&b).n_spooled, 1);
        CHECK_INT(bench_counters(&b).error, -EIO);
        CHECK(bench_counters(&b).failures > 0);

        /* For a while the disk is left alone, then everything is as before. */
        CHECK_INT(bench_put(&b, 3), -EIO);
        last = put_until_taken(&b, 4);
        CHECK_INT(bench_counters(&b).error, 0);
        bench_read(&b, 0, 10);
        CHECK_INT(b.n, 2);
        CHECK(b.seqs[0] == 1 && b.seqs[1] == last);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 2);
        bench_done(&b);
}

static void test_all_of_a_batch_is_refused_together(void) {
        Bench b;

        faulty_bench(&b);
        faulty_fail_writes(SQLITE_IOERR_WRITE);
        for (uint64_t seq = 1; seq <= 300; seq++)
                bench_queue(&b, seq, "t/x", 100);
        bench_wait(&b, &b.n_done, 300);
        CHECK_INT(b.r, -EIO);
        CHECK_INT(bench_counters(&b).n_spooled, 0);
        faulty_fail_writes(SQLITE_OK);
        (void)put_until_taken(&b, 1000);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 1);
        bench_done(&b);
}

static void test_a_full_disk_is_named_so(void) {
        Bench b;

        faulty_bench(&b);
        CHECK_INT(bench_put(&b, 1), 0);
        faulty_fail_writes(SQLITE_FULL);
        CHECK_INT(bench_put(&b, 2), -ENOSPC);
        /* Reading goes on. */
        bench_read(&b, 0, 10);
        CHECK_INT(b.page_r, 0);
        CHECK_INT(b.n, 1);
        faulty_fail_writes(SQLITE_OK);
        (void)put_until_taken(&b, 3);
        bench_done(&b);
}

static void test_what_was_deleted_during_a_fault_is_deleted_after_it(void) {
        Bench b;

        faulty_bench(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(bench_put(&b, seq), 0);
        faulty_fail_writes(SQLITE_IOERR_WRITE);
        CHECK_INT(store_delete(b.store, (uint64_t[]){1, 2}, 2), 0);
        CHECK_INT(bench_put(&b, 4), -EIO);
        CHECK_INT(bench_counters(&b).n_spooled, 3);
        faulty_fail_writes(SQLITE_OK);
        /* By itself, without another request. */
        for (int i = 0; i < 500 && bench_counters(&b).n_spooled > 1; i++)
                (void)poll(NULL, 0, 10);
        CHECK_INT(bench_counters(&b).n_spooled, 1);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 1);
        CHECK_INT(b.info.first_seq, 3);
        bench_done(&b);
}

static void test_the_inbox_refuses_too(void) {
        Message *message = new_message("cmd/x", 10);
        uint64_t seq = 0;
        int r = 0;
        Bench b;

        faulty_bench(&b);
        faulty_fail_syncs(1);
        CHECK_INT(store_keep_incoming(b.store, message, &seq), -EIO);
        CHECK_INT(seq, 0);
        for (int i = 0; i < 500; i++) {
                r = store_keep_incoming(b.store, message, &seq);
                if (r == 0)
                        break;
                (void)poll(NULL, 0, 10);
        }
        CHECK_INT(r, 0);
        bench_reopen(&b);
        CHECK_INT(b.info.n_incoming, 1);
        bench_read_incoming(&b, NULL);
        CHECK_INT(b.n, 1);
        CHECK(b.seqs[0] == seq);
        (void)message_unref(message);
        bench_done(&b);
}

typedef struct Acknowledged {
        uint64_t seqs[4096];
        size_t n;
} Acknowledged;

static void check_power_cut(const Bench *b, const Acknowledged *acknowledged) {
        size_t found = 0;
        Bench after;

        bench_init(&after);
        faulty_power_cut(b->directory, after.directory);
        bench_open(&after);
        CHECK(!after.info.set_aside);
        bench_read(&after, 0, 1024);
        for (size_t i = 0; i < after.n && found < acknowledged->n; i++)
                found += after.seqs[i] == acknowledged->seqs[found];
        CHECK_INT(found, acknowledged->n);
        bench_done(&after);
}

static void put_some(Bench *b, uint64_t *seq, size_t n, Acknowledged *acknowledged) {
        for (size_t i = 0; i < n; i++)
                if (bench_put(b, ++*seq) == 0)
                        acknowledged->seqs[acknowledged->n++] = *seq;
}

/* Fails 1, 2, 3... syncs in a row somewhere, goes on, and cuts the power: what was acknowledged
 * after the failure must not rest on pages that never reached the disk. */
static void test_a_power_cut_after_failed_syncs_loses_nothing(void) {
        for (int n_failing = 1; n_failing <= 4; n_failing++) {
                Acknowledged acknowledged = {0};
                uint64_t seq = 0;
                Bench b;

                faulty_bench(&b);
                for (size_t round = 0; round < 8; round++) {
                        put_some(&b, &seq, round + 1, &acknowledged);
                        faulty_fail_syncs(n_failing);
                        put_some(&b, &seq, 2, &acknowledged);
                        check_power_cut(&b, &acknowledged);
                        seq = put_until_taken(&b, seq + 1);
                        acknowledged.seqs[acknowledged.n++] = seq;
                        check_power_cut(&b, &acknowledged);
                        put_some(&b, &seq, 3, &acknowledged);
                        check_power_cut(&b, &acknowledged);
                }
                CHECK(acknowledged.n > 60);
                CHECK_INT(b.n_replaced, 0);
                bench_reopen(&b);
                CHECK_INT(b.info.n_spooled, acknowledged.n);
                bench_done(&b);
        }
}

TEST_MAIN(TEST(test_a_failed_sync_is_never_acknowledged),
          TEST(test_all_of_a_batch_is_refused_together),
          TEST(test_a_full_disk_is_named_so),
          TEST(test_what_was_deleted_during_a_fault_is_deleted_after_it),
          TEST(test_the_inbox_refuses_too),
          TEST(test_a_power_cut_after_failed_syncs_loses_nothing))
