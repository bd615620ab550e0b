/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a message, and which topics wait. */
#include <fcntl.h>

#include "bench.h"

#define REMEMBERED 100000

static void delete_one(Bench *b, uint64_t seq) {
        CHECK_INT(store_delete(b->store, &seq, 1), 0);
}

static void give_up(Bench *b, uint64_t seq, StoreFate why) {
        CHECK_INT(store_give_up(b->store, &seq, 1, why), 0);
}

static void check_fates(Bench *b, uint64_t first, size_t n, const StoreFate *fates) {
        for (size_t i = 0; i < n; i++)
                CHECK_INT(bench_ask(b, first + i), fates[i]);
}

static void test_each_has_its_fate(void) {
        static const StoreFate fates[] = {STORE_FATE_WAITING, STORE_FATE_DELIVERED,
                                          STORE_FATE_EXPIRED, STORE_FATE_DROPPED,
                                          STORE_FATE_UNKNOWN};
        uint64_t first;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        first = b.info.next_seq;
        for (uint64_t i = 0; i < 4; i++)
                CHECK_INT(bench_put(&b, first + i), 0);
        delete_one(&b, first + 1);
        give_up(&b, first + 2, STORE_FATE_EXPIRED);
        give_up(&b, first + 3, STORE_FATE_DROPPED);
        check_fates(&b, first, ARRAY_SIZE(fates), fates);
        CHECK_INT(bench_counters(&b).n_spooled, 1);
        bench_reopen(&b);
        check_fates(&b, first, ARRAY_SIZE(fates), fates);
        CHECK_INT(store_give_up(b.store, &first, 1, STORE_FATE_DELIVERED), -EINVAL);
        bench_done(&b);
}

static void test_numbers_that_nobody_had_are_unknown(void) {
        uint64_t first, second;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        first = b.info.next_seq;
        CHECK_INT(bench_put(&b, first), 0);
        delete_one(&b, first);
        bench_reopen(&b); /* twice with nothing between */
        bench_reopen(&b);
        second = b.info.next_seq;
        CHECK_INT(bench_put(&b, second), 0);
        delete_one(&b, second);
        CHECK_INT(bench_ask(&b, 0), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, 1), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, first - 1), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, first), STORE_FATE_DELIVERED);
        CHECK_INT(bench_ask(&b, first + 1), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, second - 1), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, second), STORE_FATE_DELIVERED);
        CHECK_INT(bench_ask(&b, second + 1), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, UINT64_MAX), STORE_FATE_UNKNOWN);
        bench_close(&b);
        CHECK_INT(bench_count(&b, "SELECT count(*) FROM gaps"), 2);
        bench_done(&b);
}

static void test_many_starts_are_not_remembered_for_ever(void) {
        uint64_t first;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        first = b.info.next_seq;
        CHECK_INT(bench_put(&b, first), 0);
        delete_one(&b, first);
        bench_close(&b);
        bench_change(&b, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+2 FROM n"
                         " WHERE i<1998) INSERT INTO gaps SELECT i, i+1 FROM n");
        bench_open(&b);
        CHECK_INT(bench_ask(&b, first), STORE_FATE_DELIVERED);
        bench_close(&b);
        CHECK_INT(bench_count(&b, "SELECT count(*) FROM gaps"), 1000);
        bench_done(&b);
}

/* Nothing that was lost is called delivered. */
static void test_what_was_in_a_file_that_was_set_aside_is_unknown(void) {
        uint64_t first;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        first = b.info.next_seq;
        CHECK_INT(bench_put(&b, first), 0);
        CHECK_INT(bench_put(&b, first + 1), 0);
        delete_one(&b, first);
        bench_close(&b);
        CHECK(truncate(bench_path(&b, "spool.db"), 100) == 0);
        bench_open(&b);
        CHECK(b.info.set_aside);
        CHECK_INT(bench_ask(&b, first), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, first + 1), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_put(&b, b.info.next_seq), 0);
        CHECK_INT(bench_ask(&b, b.info.next_seq), STORE_FATE_WAITING);
        bench_done(&b);
}

static void copy_file(const char *from, const char *to) {
        static char bytes[1 << 20];
        int in = open(from, O_RDONLY | O_CLOEXEC);
        int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ssize_t n;

        CHECK(in >= 0 && out >= 0);
        n = read(in, bytes, sizeof(bytes));
        CHECK(n > 0 && n < (ssize_t)sizeof(bytes));
        CHECK(write(out, bytes, (size_t)n) == n);
        CHECK(close(in) == 0);
        CHECK(close(out) == 0);
}

/* A backup, or a disk that forgot what it had promised to keep. */
static void test_what_came_after_an_old_copy_is_unknown(void) {
        char copy[256];
        uint64_t seq;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        seq = b.info.next_seq;
        CHECK_INT(bench_put(&b, seq), 0);
        bench_close(&b);
        (void)snprintf(copy, sizeof(copy), "%s", bench_path(&b, "copy"));
        copy_file(bench_path(&b, "spool.db"), copy);
        bench_open(&b);
        CHECK_INT(bench_put(&b, b.info.next_seq), 0);
        bench_close(&b);
        copy_file(copy, bench_path(&b, "spool.db"));
        seq = b.info.next_seq;
        bench_open(&b);
        CHECK(b.info.next_seq != seq);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_UNKNOWN);
        bench_done(&b);
}

static void test_what_is_delivered_after_all_is_delivered(void) {
        uint64_t seq;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        seq = b.info.next_seq;
        CHECK_INT(bench_put(&b, seq), 0);
        give_up(&b, seq, STORE_FATE_DROPPED);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_DROPPED);
        delete_one(&b, seq);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_DELIVERED);
        /* And what is gone already stays what it is. */
        give_up(&b, seq, STORE_FATE_EXPIRED);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_DELIVERED);

        /* The same by way of the disk. */
        CHECK_INT(bench_put(&b, ++seq), 0);
        give_up(&b, seq, STORE_FATE_DROPPED);
        CHECK_INT(bench_put(&b, seq), 0);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_WAITING);
        delete_one(&b, seq);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_DELIVERED);
        bench_close(&b);
        CHECK_INT(bench_count(&b, "SELECT n_fates FROM totals"), 0);
        bench_done(&b);
}

/* As if all but five of those that are remembered had expired. */
static void remember_many(Bench *b, uint64_t first) {
        char sql[512];

        (void)snprintf(sql, sizeof(sql),
                       "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
                       " INSERT INTO fates SELECT %" PRIu64 "+i, %d FROM n;"
                       "UPDATE totals SET n_fates=%d, next_seq=%" PRIu64,
                       REMEMBERED - 6, first, STORE_FATE_EXPIRED, REMEMBERED - 5,
                       first + REMEMBERED);
        bench_close(b);
        bench_change(b, sql);
        bench_open(b);
}

static void test_only_the_newest_are_remembered(void) {
        uint64_t first, seqs[10];
        Bench b;

        bench_init(&b);
        bench_open(&b);
        first = b.info.next_seq;
        CHECK_INT(bench_put(&b, first++), 0);
        remember_many(&b, first);
        CHECK_INT(bench_ask(&b, first), STORE_FATE_EXPIRED);
        for (size_t i = 0; i < ARRAY_SIZE(seqs); i++) {
                seqs[i] = b.info.next_seq + i;
                CHECK_INT(bench_put(&b, seqs[i]), 0);
        }
        CHECK_INT(store_give_up(b.store, seqs, ARRAY_SIZE(seqs), STORE_FATE_DROPPED), 0);
        CHECK_INT(bench_ask(&b, first - 1), STORE_FATE_WAITING);
        CHECK_INT(bench_ask(&b, first), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, first + 4), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_ask(&b, first + 5), STORE_FATE_EXPIRED);
        CHECK_INT(bench_ask(&b, seqs[9]), STORE_FATE_DROPPED);

        /* Given up, or delivered, below that: no one can tell any more. */
        give_up(&b, first - 1, STORE_FATE_DROPPED);
        CHECK_INT(bench_ask(&b, first - 1), STORE_FATE_UNKNOWN);
        bench_close(&b);
        CHECK_INT(bench_count(&b, "SELECT count(*) FROM fates"), REMEMBERED);
        CHECK_INT(bench_count(&b, "SELECT n_fates FROM totals"), REMEMBERED);
        bench_done(&b);
}

/* Topics */

static void test_topics_are_listed_with_their_last_numbers(void) {
        uint64_t a = store_topic_hash("t/a"), z = store_topic_hash("t/z");
        Bench b;

        bench_init(&b);
        bench_open(&b);
        CHECK_INT(bench_topics(&b, 10), 0);
        CHECK_INT(b.n, 0);
        bench_queue(&b, 1, "t/a", 5);
        bench_queue(&b, 2, "t/z", 5);
        bench_queue(&b, 3, "t/a", 5);
        CHECK_INT(bench_topics(&b, 10), 0);
        CHECK_INT(b.n, 2);
        CHECK(b.listed[0].hash < b.listed[1].hash);
        CHECK_INT(b.listed[a > z].hash, a);
        CHECK_INT(b.listed[a > z].last_seq, 3);
        CHECK_INT(b.listed[z > a].hash, z);
        CHECK_INT(b.listed[z > a].last_seq, 2);
        CHECK_INT(bench_topics(&b, 1), -E2BIG);
        CHECK_INT(bench_topics(&b, 2), 0);

        delete_one(&b, 1);
        CHECK_INT(bench_topics(&b, 10), 0);
        CHECK_INT(b.n, 2);
        bench_reopen(&b);
        give_up(&b, 3, STORE_FATE_EXPIRED);
        CHECK_INT(bench_topics(&b, 10), 0);
        CHECK_INT(b.n, 1);
        CHECK_INT(b.listed[0].hash, z);
        delete_one(&b, 2);
        CHECK_INT(bench_topics(&b, 0), 0);
        CHECK_INT(b.n, 0);
        bench_done(&b);
}

static void test_topics_cost_by_topics(void) {
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (uint64_t seq = 1; seq <= 3000; seq++) {
                char topic[16];

                (void)snprintf(topic, sizeof(topic), "t/%d", (int)(seq % 50));
                bench_queue(&b, seq, topic, 5);
        }
        CHECK_INT(bench_topics(&b, 50), 0);
        CHECK_INT(b.n, 50);
        bench_close(&b);
        CHECK_INT(bench_count(&b, "SELECT count(*) FROM topics"), 50);
        CHECK_INT(bench_count(&b, "SELECT sum(n) FROM topics"), 3000);
        bench_done(&b);
}

TEST_MAIN(TEST(test_each_has_its_fate),
          TEST(test_numbers_that_nobody_had_are_unknown),
          TEST(test_many_starts_are_not_remembered_for_ever),
          TEST(test_what_was_in_a_file_that_was_set_aside_is_unknown),
          TEST(test_what_came_after_an_old_copy_is_unknown),
          TEST(test_what_is_delivered_after_all_is_delivered),
          TEST(test_only_the_newest_are_remembered),
          TEST(test_topics_are_listed_with_their_last_numbers),
          TEST(test_topics_cost_by_topics))
