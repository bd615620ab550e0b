/* SPDX-License-Identifier: Apache-2.0 */
/* A million messages: the start is quick and memory stays flat. */
#include <malloc.h>
#include <sqlite3.h>

#include "bench.h"
#include "util/clock.h"

#define N 1000000

static void fill(const Bench *b) {
        sqlite3 *db = NULL;

        CHECK(sqlite3_open(bench_path(b, "spool.db"), &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db,
                           "PRAGMA synchronous=OFF;"
                           "BEGIN;"
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n"
                           " WHERE i<1000000) INSERT INTO spool SELECT i, 0, 0, 103, 't/x',"
                           " zeroblob(100), 0, 0 FROM n;"
                           "UPDATE totals SET n_spooled=1000000, spooled_bytes=103000000;"
                           "COMMIT",
                           NULL, NULL, NULL) == SQLITE_OK);
        CHECK(sqlite3_close(db) == SQLITE_OK);
}

static long resident_kib(void) {
        FILE *file = fopen("/proc/self/statm", "re");
        long size, resident;

        CHECK(file && fscanf(file, "%ld %ld", &size, &resident) == 2);
        (void)fclose(file);
        return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Not where AddressSanitizer keeps what is freed, or valgrind has its own memory in ours. */
static bool memory_counts(void) {
        const char *preloaded = getenv("LD_PRELOAD");
#ifdef __SANITIZE_ADDRESS__
        return false;
#endif
        return !preloaded || !strstr(preloaded, "vgpreload");
}

static void test_a_million_messages_cost_no_time_and_no_memory(void) {
        uint64_t began, took, after = 0, n = 0;
        long before;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_close(&b);
        fill(&b);
        (void)malloc_trim(0);
        before = resident_kib();

        began = clock_now_usec();
        bench_open(&b);
        took = clock_now_usec() - began;
        (void)printf("# opened in %" PRIu64 " us, %ld KiB more\n", took, resident_kib() - before);
        CHECK_INT(b.info.n_spooled, N);
        CHECK_INT(b.info.first_seq, 1);
        CHECK_INT(b.info.last_seq, N);
        CHECK(took < USEC_PER_SEC);

        for (int i = 0; i < 200; i++) {
                bench_read(&b, after, 1000);
                CHECK_INT(b.n, 1000);
                after = b.seqs[b.n - 1];
                n += b.n;
                CHECK_INT(store_delete(b.store, b.seqs, 500), 0);
        }
        CHECK_INT(bench_put(&b, N + 1), 0);
        CHECK_INT(bench_counters(&b).n_spooled, N + 1 - 100000);
        (void)printf("# %" PRIu64 " read, 100000 deleted, %ld KiB more\n", n,
                     resident_kib() - before);
        CHECK(!memory_counts() || resident_kib() - before < 8192);
        bench_done(&b);
}

TEST_MAIN(TEST(test_a_million_messages_cost_no_time_and_no_memory))
