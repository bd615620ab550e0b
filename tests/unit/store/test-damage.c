/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are not what they should be: the store starts anyway, and says what happened. */
#include <fcntl.h>
#include <sys/stat.h>

#include "bench.h"

static void overwrite(const Bench *b, const char *name, off_t at, size_t n) {
        char noise[8192];
        int fd = open(bench_path(b, name), O_WRONLY | O_CLOEXEC);

        CHECK(fd >= 0 && n <= sizeof(noise));
        memset(noise, 0xa5, sizeof(noise));
        CHECK(pwrite(fd, noise, n, at) == (ssize_t)n);
        CHECK(close(fd) == 0);
}

static off_t size_of(const Bench *b, const char *name) {
        struct stat st;

        return stat(bench_path(b, name), &st) == 0 ? st.st_size : -1;
}

/* A closed store with 500 messages, two of them incoming, and a subscription. Returns the number
 * after the last. */
static uint64_t filled(Bench *b) {
        Message *message = new_message("cmd/x", 10);
        uint64_t seq;

        bench_init(b);
        bench_open(b);
        seq = b->info.next_seq;
        for (int i = 0; i < 498; i++)
                bench_queue(b, seq++, "t/x", 1000);
        bench_wait(b, &b->n_done, 498);
        for (int i = 0; i < 2; i++)
                CHECK_INT(store_keep_incoming(b->store, message, &(uint64_t){0}), 0);
        (void)message_unref(message);
        bench_subscribe(b, "a", "cmd/#", 1);
        bench_close(b);
        b->n_done = 0;
        return seq;
}

static int count_one(const char *client, const char *filter, int qos, void *userdata) {
        CHECK_STR(client, "a");
        CHECK_STR(filter, "cmd/#");
        CHECK_INT(qos, 1);
        ++*(size_t *)userdata;
        return 0;
}

static size_t n_subscriptions(Bench *b) {
        size_t n = 0;

        CHECK_INT(store_each_subscription(b->store, count_one, &n), 0);
        return n;
}

static void check_anew(Bench *b, uint64_t next_seq, const char *name) {
        CHECK(b->info.set_aside);
        CHECK_STR(b->info.set_aside_as, name);
        CHECK(b->info.problem[0] != '\0');
        CHECK_INT(b->info.n_spooled, 0);
        CHECK(b->info.next_seq >= next_seq);
        CHECK(size_of(b, name) >= 0);
        CHECK_INT(bench_put(b, b->info.next_seq), 0);
        bench_reopen(b);
        CHECK(!b->info.set_aside);
        CHECK_INT(b->info.n_spooled, 1);
}

static void test_garbage_is_set_aside(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        overwrite(&b, "spool.db", 0, 8192);
        bench_open(&b);
        CHECK(!b.info.lost_known);
        check_anew(&b, next, "spool.db.bad-1");
        bench_done(&b);
}

static void test_a_bad_header_is_set_aside(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        overwrite(&b, "spool.db", 16, 8); /* page size and versions */
        bench_open(&b);
        check_anew(&b, next, "spool.db.bad-1");
        bench_done(&b);
}

static void test_a_truncated_file_is_set_aside(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        CHECK(truncate(bench_path(&b, "spool.db"), size_of(&b, "spool.db") / 2) == 0);
        bench_open(&b);
        check_anew(&b, next, "spool.db.bad-1");
        bench_done(&b);
}

static void test_an_empty_file_is_set_aside(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        CHECK(truncate(bench_path(&b, "spool.db"), 0) == 0);
        bench_open(&b);
        check_anew(&b, next, "spool.db.bad-1");
        bench_done(&b);
}

static void test_a_log_without_its_database_is_set_aside(void) {
        Bench b;

        (void)filled(&b);
        CHECK(unlink(bench_path(&b, "spool.db")) == 0);
        CHECK(close(open(bench_path(&b, "spool.db-wal"), O_CREAT | O_WRONLY, 0600)) == 0);
        bench_open(&b);
        CHECK(b.info.set_aside);
        CHECK_STR(b.info.set_aside_as, "spool.db.bad-1");
        CHECK_INT(size_of(&b, "spool.db.bad-1-wal"), 0);
        bench_done(&b);
}

static void test_a_database_of_another_kind_is_set_aside(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        bench_change(&b, "PRAGMA application_id=7");
        bench_open(&b);
        check_anew(&b, next, "spool.db.bad-1");
        bench_close(&b);
        bench_change(&b, "PRAGMA user_version=99");
        bench_open(&b);
        check_anew(&b, next, "spool.db.bad-2");
        bench_close(&b);
        bench_change(&b, "DROP TABLE spool");
        bench_open(&b);
        check_anew(&b, next, "spool.db.bad-3");
        bench_done(&b);
}

static void test_totals_that_cannot_be_are_noticed(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        bench_change(&b, "UPDATE totals SET n_spooled=0, spooled_bytes=0");
        bench_open(&b);
        /* What is small and legible is taken over; the numbers too. */
        CHECK_INT(n_subscriptions(&b), 1);
        CHECK(b.info.lost_known);
        CHECK_INT(b.info.lost_incoming, 2);
        check_anew(&b, next, "spool.db.bad-1");
        bench_done(&b);
}

/* The numbers go on behind those of the old file even if the clock is behind. */
static void test_numbers_survive_the_file(void) {
        uint64_t far = UINT64_C(1) << 60;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        CHECK_INT(bench_put(&b, far), 0);
        bench_close(&b);
        bench_change(&b, "DELETE FROM spool");
        bench_open(&b);
        CHECK(b.info.set_aside);
        CHECK(b.info.lost_known);
        CHECK_INT(b.info.lost_spooled, 1);
        CHECK(b.info.next_seq > far);
        bench_done(&b);
}

static void test_only_a_few_bad_files_are_kept(void) {
        Bench b;

        bench_init(&b);
        for (int i = 0; i < 8; i++) {
                bench_open(&b);
                bench_close(&b);
                CHECK(truncate(bench_path(&b, "spool.db"), 100) == 0);
        }
        CHECK(size_of(&b, "spool.db.bad-5") >= 0);
        CHECK(size_of(&b, "spool.db.bad-6") < 0);
        bench_done(&b);
}

/* Damage in the middle is not looked for at the start, but found when it is read. */
static void test_damage_found_in_mid_run_starts_anew(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        overwrite(&b, "spool.db", 4096L * 60, 8192);
        overwrite(&b, "spool.db", 4096L * 62, 8192);
        bench_open(&b);
        CHECK(!b.info.set_aside);
        CHECK_INT(b.info.n_spooled, 498);
        bench_read(&b, 0, 1000);
        CHECK_INT(b.page_r, -EIO);
        CHECK_INT(b.n, 0);
        CHECK_INT(b.n_replaced, 1);
        CHECK(b.replaced.set_aside && b.replaced.lost_known);
        CHECK_STR(b.replaced.set_aside_as, "spool.db.bad-1");
        CHECK_INT(b.replaced.lost_spooled, 498);
        CHECK_INT(b.replaced.lost_incoming, 2);
        CHECK_INT(b.replaced.n_spooled, 0);
        CHECK(b.replaced.next_seq > next);
        CHECK_INT(n_subscriptions(&b), 1);

        /* Nobody has to restart anything. */
        CHECK_INT(bench_put(&b, b.replaced.next_seq), 0);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 1);
        CHECK_INT(b.n_replaced, 1);
        bench_done(&b);
}

static void test_a_change_that_finds_damage_goes_to_the_new_file(void) {
        uint64_t next;
        Bench b;

        next = filled(&b);
        bench_open(&b);
        bench_read(&b, 0, 1000);
        bench_close(&b);
        for (off_t page = 8; page < size_of(&b, "spool.db") / 4096 - 20; page++)
                overwrite(&b, "spool.db", 4096 * page, 4096);
        CHECK_INT(bench_try_open(&b), 0);
        if (!b.info.set_aside) {
                CHECK_INT(store_delete(b.store, b.seqs + 100, 200), 0);
                CHECK_INT(bench_put(&b, next), 0);
                CHECK_INT(b.n_replaced, 1);
                CHECK_INT(b.replaced.lost_spooled, 498);
                bench_reopen(&b);
                CHECK_INT(b.info.n_spooled, 1);
                CHECK_INT(b.info.first_seq, next);
        }
        bench_done(&b);
}

static void test_a_leftover_of_a_crash_while_making_it_is_no_matter(void) {
        Bench b;

        bench_init(&b);
        CHECK(close(open(bench_path(&b, "spool.db.new"), O_CREAT | O_WRONLY, 0600)) == 0);
        CHECK(close(open(bench_path(&b, "spool.db.new-wal"), O_CREAT | O_WRONLY, 0600)) == 0);
        bench_open(&b);
        CHECK(!b.info.set_aside);
        CHECK(size_of(&b, "spool.db.new") < 0);
        bench_done(&b);
}

static void test_without_a_directory_there_is_no_store(void) {
        Bench b;

        bench_init(&b);
        CHECK(rmdir(b.directory) == 0);
        CHECK_INT(bench_try_open(&b), -ENOENT);
        CHECK(close(open(b.directory, O_CREAT | O_WRONLY, 0600)) == 0);
        CHECK_INT(bench_try_open(&b), -ENOTDIR);
        bench_done(&b);
}

TEST_MAIN(TEST(test_garbage_is_set_aside),
          TEST(test_a_bad_header_is_set_aside),
          TEST(test_a_truncated_file_is_set_aside),
          TEST(test_an_empty_file_is_set_aside),
          TEST(test_a_log_without_its_database_is_set_aside),
          TEST(test_a_database_of_another_kind_is_set_aside),
          TEST(test_totals_that_cannot_be_are_noticed),
          TEST(test_numbers_survive_the_file),
          TEST(test_only_a_few_bad_files_are_kept),
          TEST(test_damage_found_in_mid_run_starts_anew),
          TEST(test_a_change_that_finds_damage_goes_to_the_new_file),
          TEST(test_a_leftover_of_a_crash_while_making_it_is_no_matter),
          TEST(test_without_a_directory_there_is_no_store))
