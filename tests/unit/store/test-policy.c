/* SPDX-License-Identifier: Apache-2.0 */
/* What makes room in a full spool, and what never does. */
#include <signal.h>
#include <sys/wait.h>

#include "bench.h"
#include "faulty-vfs.h"

/* Room for three messages, or as many as fit. */
static void bench_init_small(Bench *b) {
        bench_init(b);
        b->limits = (StoreLimits){.max_messages = 6};
        bench_open(b);
}

static int put(Bench *b, uint64_t seq, uint32_t route, StorePolicy when_full, const char *topic) {
        const StoreRecord record = {.seq = seq, .route = route, .when_full = when_full};

        return bench_put_record(b, &record, topic);
}

static int put_oldest(Bench *b, uint64_t seq, uint32_t route) {
        return put(b, seq, route, STORE_DROP_OLDEST, "t/x");
}

static int put_latest(Bench *b, uint64_t seq, const char *topic) {
        return put(b, seq, 1, STORE_KEEP_LATEST, topic);
}

static void check_seqs(Bench *b, size_t n, const uint64_t *seqs) {
        bench_peek(b, 0, 100);
        CHECK_INT(b->n, n);
        for (size_t i = 0; i < n; i++)
                CHECK_INT(b->seqs[i], seqs[i]);
        CHECK_INT(bench_counters(b).n_spooled, n);
}

static void test_the_oldest_of_its_route_goes(void) {
        Bench b;

        bench_init_small(&b);
        CHECK_INT(put_oldest(&b, 1, 2), 0);
        CHECK_INT(put_oldest(&b, 2, 1), 0);
        CHECK_INT(put_oldest(&b, 3, 1), 0);
        CHECK_INT(b.n_dropped, 0);
        CHECK_INT(put_oldest(&b, 4, 1), 0);
        CHECK_INT(b.n_dropped, 1);
        CHECK_INT(b.dropped[0], 2);
        CHECK_INT(b.dropped_route, 1);
        check_seqs(&b, 3, (const uint64_t[]){1, 3, 4});
        /* One that has none there gets no room. */
        CHECK_INT(put_oldest(&b, 5, 3), -ENOSPC);
        CHECK_INT(put(&b, 5, 1, STORE_REFUSE, "t/x"), -ENOSPC);
        CHECK_INT(b.n_dropped, 1);
        bench_reopen(&b);
        CHECK_INT(b.info.n_spooled, 3);
        CHECK_INT(bench_ask(&b, 2), STORE_FATE_DROPPED);
        bench_done(&b);
}

typedef struct Order {
        size_t n_told, n_told_before_answer, n_answers;
} Order;

static void order_dropped(uint32_t route, const uint64_t *seqs, size_t n, void *userdata) {
        (void)route;
        (void)seqs;
        ((Order *)userdata)->n_told += n;
}

static void order_done(int r, void *userdata) {
        Order *order = userdata;

        CHECK_INT(r, 0);
        order->n_answers++;
        order->n_told_before_answer = order->n_told;
}

static void test_it_is_told_before_the_answer(void) {
        StoreRecord record = {.seq = 4, .route = 1, .when_full = STORE_DROP_OLDEST};
        Order order = {0};
        Bench b;

        bench_init_small(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(put_oldest(&b, seq, 1), 0);
        store_on_dropped(b.store, order_dropped, &order);
        record.message = new_message("t/x", 100);
        CHECK_INT(store_put(b.store, &record, order_done, &order), 0);
        (void)message_unref(record.message);
        bench_wait(&b, &order.n_answers, 1);
        CHECK_INT(order.n_told_before_answer, 1);
        bench_done(&b);
}

static void test_what_was_handed_out_stays(void) {
        Bench b;

        bench_init_small(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(put_oldest(&b, seq, 1), 0);
        bench_peek(&b, 0, 10); /* looking is not handing out */
        bench_read(&b, 0, 2);
        CHECK_INT(put_oldest(&b, 4, 1), 0);
        CHECK_INT(b.dropped[0], 3);
        bench_read(&b, 2, 2);
        CHECK_INT(put_oldest(&b, 5, 1), -ENOSPC);
        check_seqs(&b, 3, (const uint64_t[]){1, 2, 4});
        CHECK_INT(store_delete(b.store, (const uint64_t[]){1}, 1), 0);
        CHECK_INT(put_oldest(&b, 5, 1), 0);
        CHECK_INT(b.n_dropped, 1);
        bench_done(&b);
}

static void test_what_was_accepted_for_good_stays(void) {
        Bench b;

        bench_init_small(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(put(&b, seq, 1, STORE_REFUSE, "t/x"), 0);
        CHECK_INT(put_oldest(&b, 4, 1), -ENOSPC);
        CHECK_INT(put_latest(&b, 4, "t/x"), -ENOSPC);
        check_seqs(&b, 3, (const uint64_t[]){1, 2, 3});
        bench_done(&b);
}

static void test_as_many_go_as_it_takes(void) {
        StoreRecord record = {.seq = 11, .route = 1, .when_full = STORE_DROP_OLDEST};
        Bench b;

        bench_init(&b);
        b.limits.max_bytes = 2060; /* ten messages of 103 bytes in each half */
        bench_open(&b);
        for (uint64_t seq = 1; seq <= 10; seq++)
                CHECK_INT(put_oldest(&b, seq, 1), 0);
        record.message = new_message("t/x", 400);
        CHECK_INT(store_put(b.store, &record, on_done, &b), 0);
        bench_wait(&b, &b.n_done, 11);
        CHECK_INT(b.r, 0);
        CHECK_INT(b.n_dropped, 4);
        CHECK_INT(b.dropped[3], 4);
        CHECK_INT(bench_counters(&b).spooled_bytes, 6 * 103 + 403);
        (void)message_unref(record.message);

        /* What can't fit drops nothing. */
        record.message = new_message("t/x", 1028);
        record.seq = 12;
        CHECK_INT(store_put(b.store, &record, on_done, &b), 0);
        bench_wait(&b, &b.n_done, 12);
        CHECK_INT(b.r, -ENOSPC);
        CHECK_INT(b.n_dropped, 4);
        (void)message_unref(record.message);
        bench_done(&b);
}

static void test_the_same_number_again_drops_nothing(void) {
        Bench b;

        bench_init_small(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(put_oldest(&b, seq, 1), 0);
        CHECK_INT(put_oldest(&b, 3, 1), -EEXIST);
        CHECK_INT(b.n_dropped, 0);
        check_seqs(&b, 3, (const uint64_t[]){1, 2, 3});
        bench_done(&b);
}

static void test_the_latest_of_each_topic_stays(void) {
        Bench b;

        bench_init(&b);
        b.limits.max_messages = 10;
        bench_open(&b);
        CHECK_INT(put_latest(&b, 1, "t/a"), 0);
        CHECK_INT(put_latest(&b, 2, "t/b"), 0);
        CHECK_INT(put_latest(&b, 3, "t/a"), 0);
        CHECK_INT(put_latest(&b, 4, "t/b"), 0);
        CHECK_INT(put_latest(&b, 5, "t/c"), 0);
        CHECK_INT(b.n_dropped, 0);

        /* Of its own topic first, though others are older. */
        CHECK_INT(put_latest(&b, 6, "t/b"), 0);
        check_seqs(&b, 5, (const uint64_t[]){1, 3, 4, 5, 6});
        CHECK_INT(put_latest(&b, 7, "t/c"), 0);
        check_seqs(&b, 5, (const uint64_t[]){1, 3, 4, 6, 7});
        /* Of a topic that has none there: what is outdated of others. */
        CHECK_INT(put_latest(&b, 8, "t/d"), 0);
        CHECK_INT(put_latest(&b, 9, "t/e"), 0);
        check_seqs(&b, 5, (const uint64_t[]){3, 6, 7, 8, 9});
        /* All are the latest now. */
        CHECK_INT(put_latest(&b, 10, "t/f"), -ENOSPC);
        CHECK_INT(put_latest(&b, 10, "t/e"), 0);
        check_seqs(&b, 5, (const uint64_t[]){3, 6, 7, 8, 10});
        CHECK_INT(b.n_dropped, 5);
        /* It is the same after a restart. */
        bench_reopen(&b);
        CHECK_INT(put_latest(&b, 11, "t/f"), -ENOSPC);
        CHECK_INT(put_latest(&b, 11, "t/a"), 0);
        check_seqs(&b, 5, (const uint64_t[]){6, 7, 8, 10, 11});
        bench_done(&b);
}

static void test_keeping_the_latest_leaves_other_routes_alone(void) {
        Bench b;

        bench_init_small(&b);
        CHECK_INT(put(&b, 1, 2, STORE_KEEP_LATEST, "t/a"), 0);
        CHECK_INT(put(&b, 2, 2, STORE_KEEP_LATEST, "t/a"), 0);
        CHECK_INT(put(&b, 3, 3, STORE_REFUSE, "t/a"), 0);
        CHECK_INT(put_latest(&b, 4, "t/a"), -ENOSPC);
        check_seqs(&b, 3, (const uint64_t[]){1, 2, 3});
        CHECK_INT(put(&b, 5, 2, STORE_KEEP_LATEST, "t/z"), 0);
        check_seqs(&b, 3, (const uint64_t[]){2, 3, 5});
        bench_done(&b);
}

static void test_the_latest_that_was_handed_out_stays_too(void) {
        Bench b;

        bench_init_small(&b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(put_latest(&b, seq, "t/a"), 0);
        bench_read(&b, 0, 10);
        CHECK_INT(put_latest(&b, 4, "t/a"), -ENOSPC);
        CHECK_INT(store_delete(b.store, (const uint64_t[]){1, 2, 3}, 3), 0);
        for (uint64_t seq = 4; seq <= 9; seq++)
                CHECK_INT(put_latest(&b, seq, "t/a"), 0);
        check_seqs(&b, 3, (const uint64_t[]){7, 8, 9});
        bench_done(&b);
}

/* An older one that comes later, from memory, is outdated at once. */
static void test_the_number_says_which_is_later(void) {
        Bench b;

        bench_init_small(&b);
        CHECK_INT(put_latest(&b, 5, "t/a"), 0);
        CHECK_INT(put_latest(&b, 2, "t/a"), 0);
        CHECK_INT(put_latest(&b, 6, "t/b"), 0);
        CHECK_INT(put_latest(&b, 7, "t/c"), 0);
        check_seqs(&b, 3, (const uint64_t[]){5, 6, 7});
        bench_done(&b);
}

/* The limits were lowered: it gets there step by step, and never stands still. */
static void test_much_lower_limits_are_reached(void) {
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (uint64_t seq = 1; seq <= 5000; seq++) {
                StoreRecord record = {.seq = seq, .route = 1, .when_full = STORE_DROP_OLDEST};

                record.message = new_message("t/x", 10);
                CHECK_INT(store_put(b.store, &record, on_done, &b), 0);
                (void)message_unref(record.message);
        }
        bench_wait(&b, &b.n_done, 5000);
        b.limits.max_messages = 20;
        bench_reopen(&b);
        for (uint64_t i = 0; i < 10; i++)
                CHECK_INT(put_oldest(&b, b.info.next_seq + i, 1), 0);
        CHECK_INT(bench_counters(&b).n_spooled, 10);
        CHECK_INT(b.n_dropped, 5000);
        bench_done(&b);
}

static void init_faulty(Bench *b) {
        static bool registered;

        if (!registered)
                faulty_register();
        registered = true;
        bench_init(b);
        b->limits.max_messages = 6;
        b->vfs = FAULTY_VFS;
        bench_open(b);
        for (uint64_t seq = 1; seq <= 3; seq++)
                CHECK_INT(put_oldest(b, seq, 1), 0);
}

static void test_a_put_for_which_there_is_no_disk_drops_nothing(void) {
        Bench b;

        init_faulty(&b);
        faulty_fail_writes(SQLITE_FULL);
        CHECK_INT(put_oldest(&b, 4, 1), -ENOSPC);
        faulty_fail_writes(SQLITE_OK);
        CHECK_INT(b.n_dropped, 0);
        check_seqs(&b, 3, (const uint64_t[]){1, 2, 3});
        bench_reopen(&b);
        check_seqs(&b, 3, (const uint64_t[]){1, 2, 3});
        bench_done(&b);
}

/* When the disk fails so that nobody can tell whether it was written, it may have been: what made
 * room is gone then, and known to be. */
static void test_a_put_in_doubt_leaves_no_doubt(void) {
        StoreFate fate;
        Bench b;

        init_faulty(&b);
        faulty_fail_syncs(3);
        CHECK_INT(put_oldest(&b, 4, 1), -EIO);
        (void)poll(NULL, 0, RETRY_USEC / 1000 + 10);
        CHECK(put_oldest(&b, 5, 1) < 0);
        faulty_fail_syncs(0);
        CHECK_INT(b.n_dropped, 0);
        bench_reopen(&b);
        fate = bench_ask(&b, 1);
        CHECK(fate == STORE_FATE_WAITING || fate == STORE_FATE_DROPPED);
        CHECK_INT(bench_ask(&b, 2), STORE_FATE_WAITING);
        CHECK_INT(bench_ask(&b, 3), STORE_FATE_WAITING);
        fate = bench_ask(&b, 4);
        CHECK(fate == STORE_FATE_UNKNOWN || fate == STORE_FATE_DROPPED);
        bench_done(&b);
}

static _Noreturn void put_for_ever(Bench *b, int fd) {
        uint64_t seq;

        bench_open(b);
        for (seq = b->info.next_seq;; seq++) {
                if (put(b, seq, 1, seq % 2 ? STORE_DROP_OLDEST : STORE_KEEP_LATEST, "t/x") == 0 &&
                    write(fd, &seq, sizeof(seq)) != (ssize_t)sizeof(seq))
                        _exit(1);
        }
}

static bool is_waiting(Bench *b, uint64_t seq) {
        StoreFate fate = bench_ask(b, seq);

        CHECK(fate == STORE_FATE_WAITING || fate == STORE_FATE_DROPPED);
        return fate == STORE_FATE_WAITING;
}

/* Whatever was acknowledged either waits or is known to have been dropped. */
static void test_a_kill_leaves_no_doubt(void) {
        size_t n_waiting = 0;
        Bench b;

        bench_init(&b);
        b.limits.max_messages = 40;
        for (int round = 0; round < 20; round++) {
                uint64_t seq, first[30];
                pid_t pid;
                int fds[2];

                CHECK(pipe(fds) == 0);
                pid = fork();
                CHECK(pid >= 0);
                if (pid == 0)
                        put_for_ever(&b, fds[1]);
                CHECK(close(fds[1]) == 0);
                for (size_t i = 0; i < ARRAY_SIZE(first); i++) /* the pipe holds the rest */
                        CHECK(read(fds[0], &first[i], sizeof(seq)) == (ssize_t)sizeof(seq));
                (void)poll(NULL, 0, round);
                CHECK(kill(pid, SIGKILL) == 0);
                CHECK(waitpid(pid, NULL, 0) == pid);
                bench_open(&b);
                CHECK(!b.info.set_aside);
                for (size_t i = 0; i < ARRAY_SIZE(first); i++)
                        n_waiting += is_waiting(&b, first[i]);
                while (read(fds[0], &seq, sizeof(seq)) == (ssize_t)sizeof(seq))
                        n_waiting += is_waiting(&b, seq);
                CHECK(bench_counters(&b).n_spooled <= 20);
                bench_close(&b);
                CHECK(close(fds[0]) == 0);
        }
        CHECK(n_waiting > 0);
        bench_done(&b);
}

TEST_MAIN(TEST(test_the_oldest_of_its_route_goes),
          TEST(test_it_is_told_before_the_answer),
          TEST(test_what_was_handed_out_stays),
          TEST(test_what_was_accepted_for_good_stays),
          TEST(test_as_many_go_as_it_takes),
          TEST(test_the_same_number_again_drops_nothing),
          TEST(test_the_latest_of_each_topic_stays),
          TEST(test_keeping_the_latest_leaves_other_routes_alone),
          TEST(test_the_latest_that_was_handed_out_stays_too),
          TEST(test_the_number_says_which_is_later),
          TEST(test_much_lower_limits_are_reached),
          TEST(test_a_put_for_which_there_is_no_disk_drops_nothing),
          TEST(test_a_put_in_doubt_leaves_no_doubt),
          TEST(test_a_kill_leaves_no_doubt))
