/* SPDX-License-Identifier: Apache-2.0 */
/* The inbox of durable subscribers, and their subscriptions. */
#include <pthread.h>

#include "bench.h"

static uint64_t keep(Bench *b, const char *topic) {
        Message *message = new_message(topic, 50);
        uint64_t seq = 0;

        CHECK_INT(store_keep_incoming(b->store, message, &seq), 0);
        (void)message_unref(message);
        return seq;
}

static void assign(Bench *b, uint64_t seq, size_t n, const char *const *clients) {
        CHECK_INT(store_assign(b->store, seq, clients, n), 0);
}

static void test_each_client_has_its_own_unfinished_messages(void) {
        static const char *const both[] = {"a", "b"};
        uint64_t first, second;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        first = keep(&b, "cmd/1");
        second = keep(&b, "cmd/2");
        CHECK(second > first);
        CHECK_INT(bench_counters(&b).n_incoming, 2);
        CHECK_INT(bench_counters(&b).incoming_bytes, 2 * 55);
        assign(&b, first, 2, both);
        assign(&b, second, 1, both);

        bench_read_incoming(&b, "a");
        CHECK_INT(b.n, 2);
        CHECK(b.seqs[0] == first && b.seqs[1] == second);
        CHECK_STR(b.topics[0], "cmd/1");
        CHECK_STR(b.topics[1], "cmd/2");
        bench_read_incoming(&b, "b");
        CHECK_INT(b.n, 1);
        bench_read_incoming(&b, "c");
        CHECK_INT(b.n, 0);
        bench_read_incoming(&b, NULL);
        CHECK_INT(b.n, 0);

        CHECK_INT(store_finish(b.store, first, "a"), 0);
        CHECK_INT(store_finish(b.store, first, "a"), 0); /* twice is no harm */
        bench_read_incoming(&b, "a");
        CHECK_INT(b.n, 1);
        bench_read_incoming(&b, "b");
        CHECK_INT(b.n, 1);
        CHECK_INT(bench_counters(&b).n_incoming, 2);
        CHECK_INT(store_finish(b.store, first, "b"), 0);
        CHECK_INT(store_finish(b.store, second, "nobody"), 0);
        bench_read_incoming(&b, "b");
        CHECK_INT(b.n, 0);
        CHECK_INT(bench_counters(&b).n_incoming, 1);
        CHECK_INT(bench_counters(&b).incoming_bytes, 55);
        bench_done(&b);
}

static void test_a_restart_in_the_middle_loses_nothing(void) {
        static const char *const both[] = {"a", "b"};
        uint64_t seqs[3];
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (size_t i = 0; i < 3; i++)
                seqs[i] = keep(&b, "cmd/x");
        assign(&b, seqs[0], 2, both);
        CHECK_INT(store_finish(b.store, seqs[0], "a"), 0);
        assign(&b, seqs[1], 1, both);
        bench_reopen(&b);
        CHECK_INT(b.info.n_incoming, 3);
        CHECK_INT(b.info.incoming_bytes, 3 * 55);
        bench_read_incoming(&b, "a");
        CHECK_INT(b.n, 1);
        CHECK(b.seqs[0] == seqs[1]);
        bench_read_incoming(&b, "b");
        CHECK_INT(b.n, 1);
        CHECK(b.seqs[0] == seqs[0]);
        bench_read_incoming(&b, NULL);
        CHECK_INT(b.n, 1);
        CHECK(b.seqs[0] == seqs[2]);

        /* Nobody wants it any more. */
        assign(&b, seqs[2], 0, NULL);
        bench_reopen(&b);
        CHECK_INT(b.info.n_incoming, 2);
        CHECK(keep(&b, "cmd/y") > seqs[2]);
        bench_done(&b);
}

static void test_only_the_first_word_on_a_message_counts(void) {
        static const char *const names[] = {"a", "b"};
        uint64_t seq;
        Bench b;

        bench_init(&b);
        bench_open(&b);
        seq = keep(&b, "cmd/x");
        assign(&b, seq, 1, names);
        assign(&b, seq, 1, names + 1);
        bench_read_incoming(&b, "b");
        CHECK_INT(b.n, 0);
        CHECK_INT(store_finish(b.store, seq, "a"), 0);
        assign(&b, seq, 1, names);
        bench_read_incoming(&b, "a");
        CHECK_INT(b.n, 0);
        bench_reopen(&b);
        CHECK_INT(b.info.n_incoming, 0);
        CHECK_INT(store_assign(b.store, seq, (const char *[]){""}, 1), -EINVAL);
        CHECK_INT(store_finish(b.store, seq, ""), -EINVAL);
        bench_done(&b);
}

static void test_a_full_inbox_refuses(void) {
        Message *message = new_message("cmd/x", 50);
        uint64_t seq = 0;
        Bench b;

        bench_init(&b);
        b.limits = (StoreLimits){.max_messages = 4, .inbox_full = STORE_INBOX_REFUSE};
        bench_open(&b);
        seq = keep(&b, "cmd/1");
        assign(&b, seq, 0, NULL);
        (void)keep(&b, "cmd/2");
        (void)keep(&b, "cmd/3");
        CHECK_INT(store_keep_incoming(b.store, message, &seq), -ENOSPC);
        /* The spool has its own half. */
        CHECK_INT(bench_put(&b, 1), 0);
        (void)message_unref(message);
        bench_done(&b);
}

static void *keep_many(void *userdata) {
        for (int i = 0; i < 50; i++)
                (void)keep(userdata, "cmd/x");
        return NULL;
}

static void test_threads_may_keep_while_the_loop_works(void) {
        pthread_t threads[4];
        Bench b;

        bench_init(&b);
        bench_open(&b);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                CHECK(pthread_create(&threads[i], NULL, keep_many, &b) == 0);
        for (uint64_t seq = 1; seq <= 100; seq++)
                CHECK_INT(bench_put(&b, seq), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                CHECK(pthread_join(threads[i], NULL) == 0);
        bench_read_incoming(&b, NULL);
        CHECK_INT(b.n, 200);
        for (size_t i = 1; i < b.n; i++)
                CHECK(b.seqs[i] > b.seqs[i - 1]);
        /* 300 waited for, at most five at a time. */
        CHECK(bench_counters(&b).commits < 300);
        bench_done(&b);
}

typedef struct Listing {
        char text[256];
        int r;
} Listing;

static int list_one(const char *client, const char *filter, int qos, void *userdata) {
        Listing *listing = userdata;
        size_t length = strlen(listing->text);

        (void)snprintf(listing->text + length, sizeof(listing->text) - length, "%s %s %d;", client,
                       filter, qos);
        return listing->r;
}

static void test_subscriptions_last(void) {
        Listing listing = {0};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_subscribe(&b, "b", "cmd/#", 1);
        bench_subscribe(&b, "a", "cmd/+", 0);
        bench_subscribe(&b, "a", "x", 1);
        bench_subscribe(&b, "a", "cmd/+", 1); /* anew */
        CHECK_INT(store_unsubscribe(b.store, "a", "x", on_done, &b), 0);
        CHECK_INT(store_unsubscribe(b.store, "a", "never", on_done, &b), 0);
        bench_wait(&b, &b.n_done, 6);
        CHECK_INT(b.r, 0);
        bench_reopen(&b);
        CHECK_INT(store_each_subscription(b.store, list_one, &listing), 0);
        CHECK_STR(listing.text, "a cmd/+ 1;b cmd/# 1;");

        listing = (Listing){.r = -ECANCELED};
        CHECK_INT(store_each_subscription(b.store, list_one, &listing), -ECANCELED);
        CHECK_STR(listing.text, "a cmd/+ 1;");
        bench_done(&b);
}

TEST_MAIN(TEST(test_each_client_has_its_own_unfinished_messages),
          TEST(test_a_restart_in_the_middle_loses_nothing),
          TEST(test_only_the_first_word_on_a_message_counts),
          TEST(test_a_full_inbox_refuses),
          TEST(test_threads_may_keep_while_the_loop_works),
          TEST(test_subscriptions_last))
