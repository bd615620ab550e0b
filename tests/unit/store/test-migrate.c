/* SPDX-License-Identifier: Apache-2.0 */
/* A database that version 1 of the schema made goes on, with all that is in it. */
#include <signal.h>
#include <sys/wait.h>

#include "bench.h"
#include "util/clock.h"

#define N_MANY 200000

static const char version_1[] =
                "PRAGMA auto_vacuum=INCREMENTAL;"
                "PRAGMA journal_mode=WAL;"
                "BEGIN;"
                "CREATE TABLE totals(next_seq INTEGER NOT NULL, next_incoming INTEGER NOT NULL,"
                " n_spooled INTEGER NOT NULL, spooled_bytes INTEGER NOT NULL,"
                " n_incoming INTEGER NOT NULL, incoming_bytes INTEGER NOT NULL);"
                "CREATE TABLE spool(seq INTEGER PRIMARY KEY, expires INTEGER NOT NULL,"
                " route INTEGER NOT NULL, size INTEGER NOT NULL, topic TEXT NOT NULL,"
                " payload BLOB NOT NULL);"
                "CREATE TABLE incoming(seq INTEGER PRIMARY KEY, qos INTEGER NOT NULL,"
                " size INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL);"
                "CREATE TABLE waiting(seq INTEGER NOT NULL, client TEXT NOT NULL,"
                " PRIMARY KEY(seq, client)) WITHOUT ROWID;"
                "CREATE INDEX waiting_by_client ON waiting(client, seq);"
                "CREATE TABLE subscriptions(client TEXT NOT NULL, filter TEXT NOT NULL,"
                " qos INTEGER NOT NULL, PRIMARY KEY(client, filter)) WITHOUT ROWID;"
                "PRAGMA application_id=1229935692;"
                "PRAGMA user_version=1;"
                "COMMIT";

static void execute(sqlite3 *db, const char *sql) {
        char *problem = NULL;

        if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK)
                (void)printf("# %s: %s\n", sql, problem);
        CHECK(!problem);
}

/* @n messages on seven topics, and two that wait for a subscriber. */
static void make_version_1(Bench *b, int n) {
        sqlite3 *db = NULL;
        char sql[1024];

        bench_init(b);
        CHECK(sqlite3_open(bench_path(b, "spool.db"), &db) == SQLITE_OK);
        execute(db, version_1);
        (void)snprintf(sql, sizeof(sql),
                       "PRAGMA synchronous=OFF; BEGIN;"
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
                       " INSERT INTO spool SELECT i, 0, 0, 23, 't/'||(i%%7), zeroblob(20) FROM n;"
                       "INSERT INTO incoming VALUES(1, 1, 9, 'cmd/x', 'abcd'),"
                       " (2, 1, 9, 'cmd/y', 'abcd');"
                       "INSERT INTO waiting VALUES(1, 'a'), (2, '');"
                       "INSERT INTO subscriptions VALUES('a', 'cmd/#', 1);"
                       "INSERT INTO totals VALUES(%d, 3, %d, %d, 2, 18); COMMIT",
                       n, n + 1, n, n * 23);
        execute(db, sql);
        CHECK(sqlite3_close(db) == SQLITE_OK);
}

static int count_one(const char *client, const char *filter, int qos, void *userdata) {
        CHECK_STR(client, "a");
        CHECK_STR(filter, "cmd/#");
        CHECK_INT(qos, 1);
        ++*(size_t *)userdata;
        return 0;
}

static void check_all(Bench *b, uint64_t n) {
        uint64_t after = 0, found = 0;
        size_t n_subscriptions = 0;

        CHECK(!b->info.set_aside);
        CHECK_INT(b->info.n_spooled, n);
        CHECK_INT(b->info.spooled_bytes, n * 23);
        CHECK_INT(b->info.n_incoming, 2);
        CHECK(b->info.next_seq > n);
        do {
                bench_read(b, after, 1000);
                CHECK_INT(b->page_r, 0);
                for (size_t i = 0; i < b->n; i++)
                        CHECK_INT(b->seqs[i], ++found);
                after = found;
        } while (b->n > 0);
        CHECK_INT(found, n);
        bench_read_incoming(b, "a");
        CHECK_INT(b->n, 1);
        bench_read_incoming(b, NULL);
        CHECK_INT(b->n, 1);
        CHECK_INT(store_each_subscription(b->store, count_one, &n_subscriptions), 0);
        CHECK_INT(n_subscriptions, 1);
}

static void test_everything_comes_over(void) {
        Bench b;

        make_version_1(&b, 1000);
        bench_open(&b);
        check_all(&b, 1000);
        CHECK_INT(bench_put(&b, b.info.next_seq), 0);
        CHECK_INT(store_delete(b.store, (uint64_t[]){1, 2, 8}, 3), 0);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 998);
        bench_close(&b);
        CHECK_INT(bench_count(&b, "PRAGMA user_version"), 2);
        CHECK_INT(bench_count(&b, "SELECT count(*) FROM topics"), 8);
        CHECK_INT(bench_count(&b, "SELECT sum(n) FROM topics"), 998);
        CHECK_INT(bench_count(&b, "SELECT min(n) FROM topics WHERE n>1"), 1000 / 7 - 1);
        CHECK_INT(bench_count(&b, "SELECT count(*) FROM pragma_integrity_check"), 1);
        bench_done(&b);
}

static void test_an_empty_one_too(void) {
        Bench b;

        make_version_1(&b, 0);
        bench_open(&b);
        CHECK_INT(b.info.n_spooled, 0);
        CHECK_INT(bench_put(&b, b.info.next_seq), 0);
        bench_done(&b);
}

/* The clock begins where the old messages' times are. */
static void test_the_clock_begins_at_the_wall_clock(void) {
        uint64_t before;
        Bench b;

        make_version_1(&b, 1);
        before = clock_wall_msec();
        bench_open(&b);
        CHECK(store_clock_msec(b.store) >= before);
        CHECK(store_clock_msec(b.store) < before + 60000);
        bench_done(&b);
}

static bool is_migrated(Bench *b) {
        return bench_count(b, "PRAGMA user_version") == 2;
}

static void test_a_kill_in_the_middle_loses_nothing(void) {
        int n_before = 0, n_rounds = 0;
        Bench b;

        make_version_1(&b, N_MANY);
        for (int after_msec = 1; !is_migrated(&b); after_msec = after_msec * 3 / 2 + 1) {
                pid_t pid = fork();
                int status;

                CHECK(pid >= 0);
                if (pid == 0) {
                        bench_open(&b);
                        for (;;)
                                (void)pause();
                }
                (void)poll(NULL, 0, after_msec);
                CHECK(kill(pid, SIGKILL) == 0);
                CHECK(waitpid(pid, &status, 0) == pid);
                n_rounds++;
                n_before += !is_migrated(&b);
        }
        (void)printf("# killed %d times, %d of them in the middle\n", n_rounds, n_before);
        CHECK(n_before > 0);
        bench_open(&b);
        check_all(&b, N_MANY);
        bench_close(&b);
        CHECK_INT(bench_count(&b, "SELECT sum(n) FROM topics"), N_MANY);
        bench_done(&b);
}

TEST_MAIN(TEST(test_everything_comes_over),
          TEST(test_an_empty_one_too),
          TEST(test_the_clock_begins_at_the_wall_clock),
          TEST(test_a_kill_in_the_middle_loses_nothing))
