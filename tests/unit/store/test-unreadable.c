/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that can't be read don't keep the others from being delivered. */
#include <limits.h>

#include "bench.h"
#include "faulty-vfs.h"
#include "util/clock.h"

/* Messages that make no sense: SQLite takes them for rows like any other. */
static void fill(Bench *b, uint64_t n) {
        bench_init(b);
        bench_open(b);
        for (uint64_t seq = 1; seq <= n; seq++)
                bench_queue(b, seq, "t/x", 100);
        bench_wait(b, &b->n_done, (size_t)n);
        CHECK_INT(b->r, 0);
        bench_close(b);
        b->n_done = 0;
}

static void check_given_up(Bench *b, uint64_t seq) {
        bench_open(b);
        CHECK(!b->info.set_aside);
        bench_read(b, 0, 10);
        CHECK_INT(b->page_r, 0);
        CHECK_INT(b->n, 4);
        for (size_t i = 0; i < b->n; i++)
                CHECK(b->seqs[i] != seq);
        bench_read(b, 5, 10); /* what is told comes before the answer at the latest */
        CHECK_INT(b->n_unreadable, 1);
        CHECK_INT(b->unreadable[0][0], seq);
        CHECK_INT(b->unreadable[0][1], seq);
        CHECK_INT(bench_counters(b).unreadable, 1);
        CHECK_INT(bench_counters(b).n_spooled, 4);
        CHECK_INT(bench_ask(b, seq), STORE_FATE_DROPPED);
        bench_read(b, 0, 10);
        CHECK_INT(b->n, 4);
        CHECK_INT(b->n_unreadable, 1);
        bench_done(b);
}

static void test_a_row_that_makes_no_sense_is_given_up(void) {
        static const char *const changes[] = {
                        "topic=''",
                        "topic=NULL OR 1",
                        "topic='t/#'",
                        "topic=x'74ff78'",
                        "topic=x'740078'",
                        "payload=zeroblob(262145)",
                        "topic=CAST(x'c3' AS TEXT)",
        };

        for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                char sql[128];
                Bench b;

                if (strstr(changes[i], "NULL"))
                        continue; /* what the table forbids, SQLite finds by itself */
                fill(&b, 5);
                (void)snprintf(sql, sizeof(sql), "UPDATE spool SET %s WHERE seq=3", changes[i]);
                bench_change(&b, sql);
                check_given_up(&b, 3);
        }
}

/* A page of nothing but such rows is not the end. */
static void test_a_page_of_such_rows_is_not_the_end(void) {
        Bench b;

        fill(&b, 100);
        bench_change(&b, "UPDATE spool SET topic='' WHERE seq<=30");
        bench_open(&b);
        bench_read(&b, 0, 10);
        CHECK_INT(b.n, 10);
        CHECK_INT(b.seqs[0], 31);
        bench_read(&b, 100, 10);
        CHECK_INT(b.n, 0);
        CHECK_INT(b.n_unreadable, 30);
        CHECK_INT(bench_counters(&b).n_spooled, 70);
        bench_done(&b);
}

static void test_the_same_in_the_inbox(void) {
        static const char *const names[] = {"a"};
        Message *message = new_message("cmd/x", 50);
        uint64_t seqs[3];
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (size_t i = 0; i < ARRAY_SIZE(seqs); i++) {
                CHECK_INT(store_keep_incoming(b.store, message, &seqs[i]), 0);
                CHECK_INT(store_assign(b.store, seqs[i], names, 1), 0);
        }
        bench_close(&b);
        bench_change(&b, "UPDATE incoming SET topic='+' WHERE seq=(SELECT min(seq) FROM incoming)");
        bench_open(&b);
        bench_read_incoming(&b, "a");
        CHECK_INT(b.page_r, 0);
        CHECK_INT(b.n, 2);
        CHECK_INT(b.seqs[0], seqs[1]);
        bench_read_incoming(&b, "a");
        CHECK_INT(b.n, 2);
        CHECK_INT(bench_counters(&b).n_incoming, 2);
        CHECK_INT(bench_counters(&b).incoming_bytes, 2 * 55);
        (void)message_unref(message);
        bench_done(&b);
}

/* The disk */

static void fill_pages(Bench *b) {
        static bool registered;

        if (!registered)
                faulty_register();
        registered = true;
        fill(b, 1000);
        b->vfs = FAULTY_VFS;
        bench_open(b);
}

/* Reads everything, waiting as the daemon does when it fails. */
static uint64_t drain(Bench *b, bool *found) {
        uint64_t after = 0, n = 0;

        for (int n_failed = 0; n_failed < 100;) {
                bench_read(b, after, 50);
                if (b->page_r < 0) {
                        CHECK_INT(b->page_r, -EIO);
                        n_failed++;
                        continue;
                }
                if (b->n == 0)
                        return n;
                for (size_t i = 0; i < b->n; i++)
                        found[b->seqs[i]] = true;
                n += b->n;
                after = b->seqs[b->n - 1];
        }
        return n;
}

static void test_a_bad_sector_is_read_around(void) {
        for (long page = 20; page <= 24; page += 2) {
                bool found[1001] = {0};
                uint64_t n;
                Bench b;

                fill_pages(&b);
                faulty_fail_reads(page * 4096, (page + 1) * 4096);
                n = drain(&b, found);
                CHECK(n < 1000 && n > 900);
                CHECK_INT(b.n_unreadable, 1);
                for (uint64_t seq = 1; seq <= 1000; seq++)
                        CHECK(found[seq] == (seq < b.unreadable[0][0] || seq > b.unreadable[0][1]));
                CHECK_INT(b.n_replaced, 0);
                /* It may have been the cable: at the next start they are read again. */
                faulty_fail_reads(0, 0);
                bench_reopen(&b);
                CHECK_INT(drain(&b, found), 1000);
                bench_done(&b);
        }
}

static void test_a_disk_that_fails_as_a_whole_is_waited_for(void) {
        bool found[1001] = {0};
        Bench b;

        fill_pages(&b);
        faulty_fail_reads(0, LONG_MAX);
        for (int i = 0; i < 10; i++) {
                bench_read(&b, 500, 50);
                CHECK_INT(b.page_r, -EIO);
        }
        faulty_fail_reads(0, 0);
        CHECK_INT(drain(&b, found), 1000);
        CHECK_INT(b.n_unreadable, 0);
        bench_done(&b);
}

/* What was handed out in time and lies on a sector that is bad now: it can't be deleted, but must
 * not keep everything else from being written. */
static void test_a_deletion_that_cannot_be_made_stops_nothing(void) {
        uint64_t until = clock_now_usec() + 30 * USEC_PER_SEC, seq, doomed[1000];
        int r = -EIO;
        Bench b;

        fill_pages(&b);
        for (seq = 1; seq <= 1000; seq++)
                doomed[seq - 1] = seq;
        seq = b.info.next_seq;
        faulty_fail_reads(22L * 4096, 23L * 4096);
        CHECK_INT(store_delete(b.store, doomed, 1000), 0);
        while (r < 0) {
                CHECK(clock_now_usec() < until);
                r = bench_put(&b, seq++);
                (void)poll(NULL, 0, 10);
        }
        CHECK_INT(bench_put(&b, seq), 0);
        bench_done(&b);
        faulty_fail_reads(0, 0);
}

TEST_MAIN(TEST(test_a_row_that_makes_no_sense_is_given_up),
          TEST(test_a_page_of_such_rows_is_not_the_end),
          TEST(test_the_same_in_the_inbox),
          TEST(test_a_bad_sector_is_read_around),
          TEST(test_a_disk_that_fails_as_a_whole_is_waited_for),
          TEST(test_a_deletion_that_cannot_be_made_stops_nothing))
