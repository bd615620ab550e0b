/* SPDX-License-Identifier: Apache-2.0 */
/* Someone deletes, moves or replaces the files of a store that is at work. */
#include <sys/stat.h>

#include "bench.h"

static void remove_file(const Bench *b, const char *name) {
        CHECK(unlink(bench_path(b, name)) == 0);
}

static void move_file(const Bench *b, const char *name, const char *to) {
        char from[256];

        (void)snprintf(from, sizeof(from), "%s", bench_path(b, name));
        CHECK(rename(from, bench_path(b, to)) == 0);
}

static bool is_there(const Bench *b, const char *name) {
        return access(bench_path(b, name), F_OK) == 0;
}

/* A message in each of the two, and a subscription. */
static uint64_t filled(Bench *b) {
        Message *message = new_message("cmd/x", 10);
        uint64_t seq;

        bench_init(b);
        bench_open(b);
        seq = b->info.next_seq;
        CHECK_INT(bench_put(b, seq), 0);
        CHECK_INT(store_keep_incoming(b->store, message, &(uint64_t){0}), 0);
        (void)message_unref(message);
        return seq;
}

static void check_replaced(Bench *b, uint64_t seq) {
        CHECK_INT(b->n_replaced, 1);
        CHECK(b->replaced.set_aside && b->replaced.lost_known);
        CHECK_STR(b->replaced.set_aside_as, "");
        CHECK_STR(b->replaced.problem, "the file was deleted or replaced");
        CHECK_INT(b->replaced.lost_spooled, 1);
        CHECK_INT(b->replaced.lost_incoming, 1);
        CHECK(b->replaced.next_seq > seq);
        CHECK(is_there(b, "spool.db"));
}

/* Whoever is told that his message is stored finds it after the next start. */
static void test_nothing_is_acknowledged_into_a_deleted_file(void) {
        uint64_t clock, seq;
        Bench b;

        seq = filled(&b);
        clock = store_clock_msec(b.store);
        remove_file(&b, "spool.db");
        CHECK_INT(bench_put(&b, seq + 1), 0);
        check_replaced(&b, seq);
        CHECK_INT(b.replaced.n_spooled, 0);
        CHECK_INT(bench_counters(&b).n_spooled, 1);
        CHECK(store_clock_msec(b.store) >= clock);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_UNKNOWN);
        CHECK_INT(bench_put(&b, seq + 2), 0);
        CHECK_INT(b.n_replaced, 1);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 2);
        CHECK_INT(b.info.first_seq, seq + 1);
        bench_done(&b);
}

static void test_both_files_at_once(void) {
        uint64_t seq;
        Bench b;

        seq = filled(&b);
        remove_file(&b, "spool.db");
        remove_file(&b, "spool.db-wal");
        CHECK_INT(bench_put(&b, seq + 1), 0);
        check_replaced(&b, seq);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 1);
        bench_done(&b);
}

static void test_a_moved_file_too(void) {
        uint64_t seq;
        Bench b;

        seq = filled(&b);
        move_file(&b, "spool.db", "old.db");
        CHECK_INT(bench_put(&b, seq + 1), 0);
        check_replaced(&b, seq);
        bench_done(&b);
}

/* The inbox, whose caller waits in another way. */
static void test_the_inbox_is_safe_too(void) {
        Message *message = new_message("cmd/y", 10);
        uint64_t seq, kept = 0;
        Bench b;

        seq = filled(&b);
        remove_file(&b, "spool.db");
        CHECK_INT(store_keep_incoming(b.store, message, &kept), 0);
        bench_wait(&b, &b.n_replaced, 1);
        check_replaced(&b, seq);
        bench_reopen(&b);
        CHECK_INT(b.info.n_incoming, 1);
        bench_read_incoming(&b, NULL);
        CHECK_INT(b.seqs[0], kept);
        (void)message_unref(message);
        bench_done(&b);
}

/* Without its log the database is not whole: so it is made whole before anything else. */
static void test_a_deleted_log_loses_nothing(void) {
        uint64_t seq;
        Bench b;

        seq = filled(&b);
        remove_file(&b, "spool.db-wal");
        CHECK_INT(bench_put(&b, seq + 1), 0);
        CHECK_INT(b.n_replaced, 0);
        CHECK_INT(bench_put(&b, seq + 2), 0);
        bench_read(&b, 0, 10);
        CHECK_INT(b.n, 3);
        CHECK_INT(bench_ask(&b, seq), STORE_FATE_WAITING);
        CHECK(is_there(&b, "spool.db-wal"));
        bench_reopen(&b);
        CHECK(!b.info.set_aside);
        CHECK_INT(b.info.n_spooled, 3);
        CHECK_INT(b.info.n_incoming, 1);
        bench_done(&b);
}

/* An older copy, say, or that of another gateway. */
static void test_another_database_in_its_place_is_used(void) {
        uint64_t seq, other_seq;
        Bench b, other;

        bench_init(&other);
        bench_open(&other);
        other_seq = other.info.next_seq;
        CHECK_INT(bench_put(&other, other_seq), 0);
        CHECK_INT(bench_put(&other, other_seq + 1), 0);
        bench_close(&other);

        seq = filled(&b);
        CHECK(rename(bench_path(&other, "spool.db"),
                     strcat(strcpy((char[256]){0}, b.directory), "/spool.db")) == 0);
        CHECK_INT(bench_put(&b, seq + 1), 0);
        check_replaced(&b, seq);
        CHECK_INT(b.replaced.n_spooled, 2);
        CHECK_INT(b.replaced.first_seq, other_seq);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 3);
        bench_done(&b);
        bench_done(&other);
}

static void test_garbage_in_its_place_is_set_aside(void) {
        uint64_t seq;
        FILE *file;
        Bench b;

        seq = filled(&b);
        remove_file(&b, "spool.db");
        file = fopen(bench_path(&b, "spool.db"), "we");
        CHECK(file && fputs("not a database, whatever it is", file) >= 0 && fclose(file) == 0);
        CHECK_INT(bench_put(&b, seq + 1), 0);
        CHECK_INT(b.n_replaced, 1);
        CHECK(b.replaced.set_aside_as[0] != '\0');
        CHECK(is_there(&b, b.replaced.set_aside_as));
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 1);
        bench_done(&b);
}

/* What was read from the old one may still be acknowledged; it says nothing about the new one. */
static void test_deleting_notices_it_as_well(void) {
        uint64_t seq;
        Bench b;

        seq = filled(&b);
        remove_file(&b, "spool.db");
        bench_read(&b, 0, 10);
        CHECK_INT(b.n, 1);
        CHECK_INT(store_delete(b.store, &seq, 1), 0);
        bench_wait(&b, &b.n_replaced, 1);
        CHECK_INT(bench_counters(&b).n_spooled, 0);
        bench_done(&b);
}

static void test_no_directory_is_no_store(void) {
        uint64_t seq;
        Bench b;

        seq = filled(&b);
        remove_file(&b, "spool.db");
        remove_file(&b, "spool.db-wal");
        CHECK(rmdir(b.directory) == 0);
        CHECK(bench_put(&b, seq + 1) < 0);
        CHECK(bench_put(&b, seq + 2) < 0);
        CHECK(bench_counters(&b).error < 0);
        bench_close(&b);
        CHECK(mkdir(b.directory, 0700) == 0);
        bench_done(&b);
}

TEST_MAIN(TEST(test_nothing_is_acknowledged_into_a_deleted_file),
          TEST(test_both_files_at_once),
          TEST(test_a_moved_file_too),
          TEST(test_the_inbox_is_safe_too),
          TEST(test_a_deleted_log_loses_nothing),
          TEST(test_another_database_in_its_place_is_used),
          TEST(test_garbage_in_its_place_is_set_aside),
          TEST(test_deleting_notices_it_as_well),
          TEST(test_no_directory_is_no_store))
