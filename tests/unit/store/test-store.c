/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "bench.h"

static void test_a_new_store_is_empty_and_private(void) {
        Bench b;
        struct stat st;

        bench_init(&b);
        (void)umask(0);
        bench_open(&b);
        (void)umask(022);
        CHECK(!b.info.set_aside);
        CHECK_INT(b.info.n_spooled, 0);
        CHECK_INT(b.info.first_seq, 0);
        CHECK(b.info.next_seq > 0);
        CHECK(stat(bench_path(&b, "spool.db"), &st) == 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK_INT(bench_put(&b, b.info.next_seq), 0);
        CHECK(stat(bench_path(&b, "spool.db-wal"), &st) == 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK(stat(bench_path(&b, "spool.db-shm"), &st) < 0);
        bench_done(&b);
}

static void test_reads_in_order_of_number_page_by_page(void) {
        static const uint64_t order[] = {5, 2, 9, 7, 1};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (size_t i = 0; i < ARRAY_SIZE(order); i++)
                CHECK_INT(bench_put(&b, order[i]), 0);
        bench_read(&b, 0, 3);
        CHECK_INT(b.n, 3);
        CHECK(b.seqs[0] == 1 && b.seqs[1] == 2 && b.seqs[2] == 5);
        CHECK_STR(b.topics[0], "t/x");
        bench_read(&b, 5, 3);
        CHECK_INT(b.n, 2);
        CHECK(b.seqs[0] == 7 && b.seqs[1] == 9);
        bench_read(&b, 9, 3);
        CHECK_INT(b.n, 0);
        bench_read(&b, INT64_MAX, 3);
        CHECK_INT(b.n, 0);
        CHECK_INT(store_read(b.store, UINT64_MAX, 3, 1, on_page, &b), -EINVAL);

        CHECK_INT(store_delete(b.store, (uint64_t[]){2, 7, 77}, 3), 0);
        bench_read(&b, 0, 10);
        CHECK_INT(b.n, 3);
        CHECK(b.seqs[0] == 1 && b.seqs[1] == 5 && b.seqs[2] == 9);
        CHECK_INT(bench_counters(&b).n_spooled, 3);
        CHECK_INT(bench_counters(&b).spooled_bytes, 3 * 103);
        bench_done(&b);
}

static void check_record(int r, StoreRecord *records, size_t n, void *userdata) {
        const Message *message = records[0].message;

        CHECK_INT(r, 0);
        CHECK_INT(n, 2);
        CHECK_INT(records[0].expires_msec, 1234567890123);
        CHECK_INT(records[0].route, UINT32_MAX);
        CHECK_STR(message_topic(message), "a/\xc3\xa9");
        CHECK_INT(message_payload_size(message), 5);
        CHECK(memcmp(message_payload(message), "a\0b\xff\n", 5) == 0);
        CHECK_INT(message_qos(message), 1);
        CHECK_INT(message_payload_size(records[1].message), 0);
        (void)message_unref(records[0].message);
        (void)message_unref(records[1].message);
        *(size_t *)userdata = 1;
}

static void test_every_byte_comes_back(void) {
        StoreRecord record = {.seq = 3, .expires_msec = 1234567890123, .route = UINT32_MAX};
        size_t called = 0;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        CHECK_INT(message_new(&record.message, "a/\xc3\xa9", "a\0b\xff\n", 5, 1), 0);
        CHECK_INT(store_put(b.store, &record, on_done, &b), 0);
        (void)message_unref(record.message);
        bench_queue(&b, 4, "empty", 0);
        bench_wait(&b, &b.n_done, 2);
        CHECK_INT(b.r, 0);
        CHECK_INT(store_read(b.store, 0, 2, SIZE_MAX, check_record, &called), 0);
        bench_wait(&b, &called, 1);
        bench_done(&b);
}

static void test_a_page_is_bounded_in_bytes_but_never_empty(void) {
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (uint64_t seq = 1; seq <= 4; seq++)
                bench_queue(&b, seq, "t", MESSAGE_PAYLOAD_MAX);
        bench_wait(&b, &b.n_done, 4);
        CHECK_INT(b.r, 0);
        CHECK_INT(store_read(b.store, 0, 100, 600000, on_page, &b), 0);
        bench_wait(&b, &b.n_pages, 1);
        CHECK_INT(b.n, 2);
        CHECK_INT(store_read(b.store, 2, 100, 1, on_page, &b), 0);
        bench_wait(&b, &b.n_pages, 2);
        CHECK_INT(b.n, 1);
        CHECK_INT(b.seqs[0], 3);
        bench_done(&b);
}

static void test_a_restart_keeps_everything(void) {
        uint64_t first;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        first = b.info.next_seq;
        for (uint64_t i = 0; i < 100; i++)
                bench_queue(&b, first + i, "t/x", 100);
        /* Not waited for: closing finishes what is queued, and tells. */
        bench_close(&b);
        CHECK_INT(b.n_done, 100);
        CHECK_INT(b.r, 0);
        bench_open(&b);
        CHECK_INT(b.info.n_spooled, 100);
        CHECK_INT(b.info.spooled_bytes, 100 * 103);
        CHECK_INT(b.info.first_seq, first);
        CHECK_INT(b.info.last_seq, first + 99);
        CHECK(b.info.next_seq > first + 99);
        bench_read(&b, 0, 1000);
        CHECK_INT(b.n, 100);

        /* A lazy delete is not forgotten by an orderly end. */
        CHECK_INT(store_delete(b.store, b.seqs, 99), 0);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 1);
        CHECK_INT(b.info.first_seq, first + 99);
        bench_done(&b);
}

typedef struct Asker {
        Bench *bench;
        size_t n_taken, n_answered;
} Asker;

/* Whoever is told asks for more. */
static void ask_again(int r, void *userdata) {
        Asker *asker = userdata;
        StoreRecord record = {.seq = asker->bench->info.next_seq + asker->n_taken};

        (void)r;
        asker->n_answered++;
        record.message = new_message("t/x", 10);
        if (store_put(asker->bench->store, &record, ask_again, asker) == 0)
                asker->n_taken++;
        (void)message_unref(record.message);
}

static void test_at_the_end_everyone_is_called_or_refused(void) {
        Asker asker = {0};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        asker.bench = &b;
        ask_again(0, &asker);
        bench_close(&b);
        CHECK_INT(asker.n_answered, asker.n_taken + 1);
        bench_done(&b);
}

static void test_an_orderly_end_notes_the_time(void) {
        uint64_t clock;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        CHECK_INT(bench_put(&b, 1), 0);
        clock = store_clock_msec(b.store);
        while (store_clock_msec(b.store) < clock + 5)
                (void)poll(NULL, 0, 1);
        clock = store_clock_msec(b.store);
        bench_close(&b);
        CHECK(bench_count(&b, "SELECT clock_msec FROM totals") >= (int64_t)clock);
        bench_open(&b);
        CHECK(store_clock_msec(b.store) >= clock);
        bench_done(&b);
}

/* With nothing stored the end is written down only for who asks for it. */
static void test_how_long_it_was_idle(void) {
        uint64_t end;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        CHECK(b.info.idle_msec == UINT64_MAX);
        (void)poll(NULL, 0, 20);
        end = store_clock_msec(b.store);
        bench_close(&b);
        CHECK(bench_count(&b, "SELECT clock_msec FROM totals") < (int64_t)end);

        bench_open(&b);
        CHECK(b.info.idle_msec >= 10 && b.info.idle_msec < UINT64_MAX);
        (void)poll(NULL, 0, 20);
        end = store_clock_msec(b.store);
        store_note_end(b.store);
        bench_close(&b);
        CHECK(bench_count(&b, "SELECT clock_msec FROM totals") >= (int64_t)end);
        bench_done(&b);
}

static void test_numbers_never_come_again(void) {
        uint64_t far = UINT64_C(1) << 60, next;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        next = b.info.next_seq;
        bench_reopen(&b);
        CHECK(b.info.next_seq > next); /* the first run may have used some without storing them */
        CHECK_INT(bench_put(&b, far), 0);
        CHECK_INT(store_delete(b.store, &far, 1), 0);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 0);
        CHECK(b.info.next_seq > far);
        next = b.info.next_seq;
        bench_reopen(&b);
        CHECK(b.info.next_seq > next);
        bench_done(&b);
}

static void test_numbers_that_cannot_be_are_refused(void) {
        StoreRecord record = {.seq = 0};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        record.message = new_message("t", 1);
        CHECK_INT(store_put(b.store, &record, on_done, &b), -EINVAL);
        record.seq = UINT64_MAX;
        CHECK_INT(store_put(b.store, &record, on_done, &b), -EINVAL);
        (void)message_unref(record.message);
        CHECK_INT(bench_put(&b, 1), 0);
        CHECK_INT(bench_put(&b, 1), -EEXIST);
        CHECK_INT(bench_put(&b, 2), 0);
        CHECK_INT(bench_counters(&b).n_spooled, 2);
        CHECK_INT(b.n_done, 3);
        bench_done(&b);
}

static void test_what_is_queued_together_is_committed_together(void) {
        uint64_t before;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        before = bench_counters(&b).commits;
        for (uint64_t seq = 1; seq <= 1000; seq++)
                bench_queue(&b, seq, "t/x", 100);
        bench_wait(&b, &b.n_done, 1000);
        CHECK_INT(b.r, 0);
        CHECK(bench_counters(&b).commits - before < 100);
        bench_done(&b);
}

static void test_deletes_are_lazy(void) {
        uint64_t seqs[] = {1, 2, 3}, before;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(bench_put(&b, seq), 0);
        before = bench_counters(&b).commits;
        for (size_t i = 0; i < 3; i++)
                CHECK_INT(store_delete(b.store, &seqs[i], 1), 0);
        CHECK_INT(bench_put(&b, 4), 0);
        CHECK_INT(bench_counters(&b).commits - before, 1);
        CHECK_INT(bench_counters(&b).n_spooled, 1);

        /* Without company they are done after a while. */
        CHECK_INT(store_delete(b.store, (uint64_t[]){4}, 1), 0);
        for (int i = 0; i < 200 && bench_counters(&b).n_spooled > 0; i++)
                (void)poll(NULL, 0, 20);
        CHECK_INT(bench_counters(&b).n_spooled, 0);
        bench_done(&b);
}

static void test_a_full_spool_says_so_and_leaves_the_disk_alone(void) {
        uint64_t before;
        Bench b;

        bench_init(&b);
        b.limits = (StoreLimits){.max_messages = 6, .max_bytes = 2000};
        bench_open(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(bench_put(&b, seq), 0);
        before = bench_counters(&b).commits;
        CHECK_INT(bench_put(&b, 4), -ENOSPC);
        CHECK_INT(bench_counters(&b).commits, before);
        CHECK_INT(bench_counters(&b).failures, 0);
        CHECK_INT(store_delete(b.store, (uint64_t[]){2}, 1), 0);
        CHECK_INT(bench_put(&b, 4), 0);

        CHECK_INT(store_delete(b.store, (uint64_t[]){1, 3, 4}, 3), 0);
        bench_queue(&b, 5, "t", 998);
        bench_queue(&b, 6, "t", 0);
        bench_wait(&b, &b.n_done, 7);
        CHECK_INT(b.r, 0);
        bench_queue(&b, 7, "t", 0);
        bench_wait(&b, &b.n_done, 8);
        CHECK_INT(b.r, -ENOSPC);
        bench_done(&b);
}

static void test_two_processes_cannot_share_it(void) {
        Store *other = NULL;
        StoreInfo info;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        CHECK_INT(store_open(&other, b.directory, &b.limits, &info), -EBUSY);
        CHECK(!other);
        CHECK_INT(bench_put(&b, 1), 0);
        bench_done(&b);
}

static void test_a_file_that_was_large_shrinks(void) {
        uint64_t full, seqs[1000], seq = 0;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (int i = 0; i < 1000; i++) {
                seqs[i] = ++seq;
                bench_queue(&b, seq, "t", 20000);
        }
        bench_wait(&b, &b.n_done, 1000);
        bench_reopen(&b);
        full = bench_counters(&b).file_bytes;
        CHECK(full > 20000000);
        CHECK_INT(store_delete(b.store, seqs, 1000), 0);
        for (int i = 0; i < 500 && bench_counters(&b).file_bytes > full / 2; i++)
                (void)poll(NULL, 0, 20);
        CHECK(bench_counters(&b).file_bytes < full / 2);

        /* And one that is filled and emptied again and again does not grow. */
        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 1000; i++) {
                        seqs[i] = ++seq;
                        bench_queue(&b, seq, "t", 20000);
                }
                bench_wait(&b, &b.n_done, b.n_done + 1000);
                CHECK_INT(b.r, 0);
                CHECK_INT(store_delete(b.store, seqs, 1000), 0);
        }
        CHECK(bench_counters(&b).file_bytes < full * 2); /* with the log */
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 0);
        CHECK(bench_counters(&b).file_bytes < full * 2);
        bench_done(&b);
}

TEST_MAIN(TEST(test_a_new_store_is_empty_and_private),
          TEST(test_reads_in_order_of_number_page_by_page),
          TEST(test_every_byte_comes_back),
          TEST(test_a_page_is_bounded_in_bytes_but_never_empty),
          TEST(test_a_restart_keeps_everything),
          TEST(test_at_the_end_everyone_is_called_or_refused),
          TEST(test_an_orderly_end_notes_the_time),
          TEST(test_how_long_it_was_idle),
          TEST(test_numbers_never_come_again),
          TEST(test_numbers_that_cannot_be_are_refused),
          TEST(test_what_is_queued_together_is_committed_together),
          TEST(test_deletes_are_lazy),
          TEST(test_a_full_spool_says_so_and_leaves_the_disk_alone),
          TEST(test_two_processes_cannot_share_it),
          TEST(test_a_file_that_was_large_shrinks))
