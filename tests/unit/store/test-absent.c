/* SPDX-License-Identifier: Apache-2.0 */
/* The inbox when it is full, and subscribers that don't come back. */
#include "bench.h"

#define DAY UINT64_C(86400000)

typedef struct Told {
        char text[512];
        size_t n_ended;
        int r;
} Told;

static void tell(Told *told, const char *client, uint64_t n) {
        size_t length = strlen(told->text);

        (void)snprintf(told->text + length, sizeof(told->text) - length, "%s %" PRIu64 ";",
                       client ? client : "-", n);
}

static void on_forgotten(int r, const char *client, uint64_t n_messages, void *userdata) {
        Told *told = userdata;

        if (client) {
                CHECK_INT(r, 0);
                tell(told, client, n_messages);
                return;
        }
        told->r = r;
        told->n_ended++;
}

static void on_inbox_dropped(const char *client, uint64_t n, void *userdata) {
        tell(userdata, client, n);
}

static uint64_t keep(Bench *b, size_t size) {
        Message *message = new_message("cmd/x", size);
        uint64_t seq = 0;

        CHECK_INT(store_keep_incoming(b->store, message, &seq), 0);
        (void)message_unref(message);
        return seq;
}

static void keep_for(Bench *b, size_t n, const char *const *clients) {
        CHECK_INT(store_assign(b->store, keep(b, 50), clients, n), 0);
}

static void check_waiting(Bench *b, const char *client, size_t n) {
        bench_read_incoming(b, client);
        CHECK_INT(b->page_r, 0);
        CHECK_INT(b->n, n);
}

/* The inbox */

static void test_the_oldest_of_a_full_inbox_go(void) {
        static const char *const both[] = {"a", "b"};
        Told told = {0};
        Bench b;

        bench_init(&b);
        b.limits.max_messages = 6;
        bench_open(&b);
        store_on_inbox_dropped(b.store, on_inbox_dropped, &told);
        keep_for(&b, 2, both);
        keep_for(&b, 1, both + 1);
        (void)keep(&b, 50);
        (void)keep(&b, 50);
        check_waiting(&b, "a", 0); /* and lets the news come */
        CHECK_STR(told.text, "a 1;b 1;");
        check_waiting(&b, "b", 1);
        (void)keep(&b, 50);
        (void)keep(&b, 50);
        check_waiting(&b, "b", 0);
        CHECK_STR(told.text, "a 1;b 1;b 1;- 1;");
        check_waiting(&b, NULL, 3);
        CHECK_INT(bench_counters(&b).n_incoming, 3);
        CHECK_INT(bench_counters(&b).incoming_bytes, 3 * 55);
        bench_reopen(&b);
        CHECK_INT(b.info.n_incoming, 3);
        bench_done(&b);
}

static void test_a_large_one_takes_the_room_of_many(void) {
        Message *message = new_message("cmd/x", 1100);
        Told told = {0};
        Bench b;

        bench_init(&b);
        b.limits.max_bytes = 2200;
        bench_open(&b);
        store_on_inbox_dropped(b.store, on_inbox_dropped, &told);
        for (int i = 0; i < 20; i++)
                (void)keep(&b, 50);
        (void)keep(&b, 295);
        check_waiting(&b, NULL, 15);
        CHECK_STR(told.text, "- 6;");
        CHECK_INT(bench_counters(&b).incoming_bytes, 14 * 55 + 300);
        /* One that can't have room drops nothing. */
        CHECK_INT(store_keep_incoming(b.store, message, &(uint64_t){0}), -ENOSPC);
        check_waiting(&b, NULL, 15);
        (void)message_unref(message);
        bench_done(&b);
}

/* Subscribers */

static int list_one(const char *client, const char *filter, int qos, void *userdata) {
        Told *told = userdata;
        size_t length = strlen(told->text);

        (void)qos;
        (void)snprintf(told->text + length, sizeof(told->text) - length, "%s %s;", client, filter);
        return 0;
}

static void check_subscriptions(Bench *b, const char *text) {
        Told told = {0};

        CHECK_INT(store_each_subscription(b->store, list_one, &told), 0);
        CHECK_STR(told.text, text);
}

static void check_forget(Bench *b, uint64_t max_age_msec, const char *text) {
        Told told = {0};

        CHECK_INT(store_forget_absent(b->store, max_age_msec, on_forgotten, &told), 0);
        bench_wait(b, &told.n_ended, 1);
        CHECK_INT(told.r, 0);
        CHECK_STR(told.text, text);
}

/* As if they had been here some days ago. */
static void age(Bench *b, const char *client, int days) {
        char sql[128];

        bench_close(b);
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE clients SET seen=seen-%d*86400000 WHERE client='%s'", days, client);
        bench_change(b, sql);
        bench_open(b);
}

static void test_who_is_absent_is_forgotten_with_all_he_had(void) {
        static const char *const both[] = {"a", "b"};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_subscribe(&b, "a", "cmd/#", 1);
        bench_subscribe(&b, "a", "x", 1);
        bench_subscribe(&b, "b", "cmd/#", 1);
        keep_for(&b, 2, both);
        keep_for(&b, 1, both);
        (void)keep(&b, 50);
        check_forget(&b, DAY, "");
        age(&b, "a", 2);
        check_forget(&b, 3 * DAY, "");
        check_forget(&b, DAY, "a 2;");
        check_subscriptions(&b, "b cmd/#;");
        check_waiting(&b, "a", 0);
        check_waiting(&b, "b", 1);
        CHECK_INT(bench_counters(&b).n_incoming, 2); /* b's, and the one that is new */
        check_forget(&b, DAY, "");
        bench_reopen(&b);
        CHECK_INT(b.info.n_incoming, 2);
        check_subscriptions(&b, "b cmd/#;");
        bench_done(&b);
}

static void test_who_comes_back_is_not(void) {
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_subscribe(&b, "a", "cmd/#", 1);
        bench_subscribe(&b, "b", "cmd/#", 1);
        bench_subscribe(&b, "c", "cmd/#", 1);
        age(&b, "a", 9);
        age(&b, "b", 9);
        age(&b, "c", 9);
        CHECK_INT(store_touch(b.store, "a"), 0);
        bench_subscribe(&b, "b", "x", 1);
        check_forget(&b, 8 * DAY, "c 0;");
        check_subscriptions(&b, "a cmd/#;b cmd/#;b x;");
        CHECK_INT(store_touch(b.store, ""), -EINVAL);
        bench_done(&b);
}

/* What was on its way to someone who is forgotten does not stay for ever. */
static void test_what_comes_for_the_forgotten_is_forgotten_too(void) {
        static const char *const names[] = {"a"};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_subscribe(&b, "a", "cmd/#", 1);
        age(&b, "a", 9);
        check_forget(&b, DAY, "a 0;");
        keep_for(&b, 1, names);
        check_forget(&b, DAY, "");
        age(&b, "a", 9);
        check_forget(&b, DAY, "a 1;");
        CHECK_INT(bench_counters(&b).n_incoming, 0);
        bench_done(&b);
}

/* Many messages are deleted in steps, between which others have their turn. */
static void test_forgetting_many_lets_others_work(void) {
        static const char *const names[] = {"a"};
        Told told = {0};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_subscribe(&b, "a", "cmd/#", 1);
        for (int i = 0; i < 1700; i++)
                keep_for(&b, 1, names);
        age(&b, "a", 9);
        CHECK_INT(store_forget_absent(b.store, DAY, on_forgotten, &told), 0);
        CHECK_INT(bench_put(&b, b.info.next_seq), 0);
        CHECK_INT(told.n_ended, 0); /* the put did not have to wait for all of it */
        bench_wait(&b, &told.n_ended, 1);
        CHECK_INT(told.r, 0);
        CHECK_STR(told.text, "a 1700;");
        CHECK_INT(bench_counters(&b).n_incoming, 0);
        CHECK_INT(bench_counters(&b).incoming_bytes, 0);
        bench_done(&b);
}

static void test_an_end_in_the_middle_is_said(void) {
        static const char *const names[] = {"a"};
        Told told = {0};
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_subscribe(&b, "a", "cmd/#", 1);
        for (int i = 0; i < 1200; i++)
                keep_for(&b, 1, names);
        age(&b, "a", 9);
        CHECK_INT(store_forget_absent(b.store, DAY, on_forgotten, &told), 0);
        bench_close(&b);
        CHECK_INT(told.n_ended, 1);
        CHECK(told.r == 0 || told.r == -ECANCELED);
        bench_open(&b);
        if (told.r != 0)
                check_subscriptions(&b, "a cmd/#;");
        bench_done(&b);
}

/* They can't have been seen since, so they count as seen when the file was made. */
static void test_subscribers_that_were_taken_over_are_not_absent(void) {
        Bench b;

        bench_init(&b);
        bench_open(&b);
        bench_subscribe(&b, "a", "cmd/#", 1);
        bench_close(&b);
        bench_change(&b, "UPDATE totals SET n_spooled=99");
        bench_open(&b);
        CHECK(b.info.set_aside);
        check_forget(&b, DAY, "");
        check_subscriptions(&b, "a cmd/#;");
        bench_done(&b);
}

TEST_MAIN(TEST(test_the_oldest_of_a_full_inbox_go),
          TEST(test_a_large_one_takes_the_room_of_many),
          TEST(test_who_is_absent_is_forgotten_with_all_he_had),
          TEST(test_who_comes_back_is_not),
          TEST(test_what_comes_for_the_forgotten_is_forgotten_too),
          TEST(test_forgetting_many_lets_others_work),
          TEST(test_an_end_in_the_middle_is_said),
          TEST(test_subscribers_that_were_taken_over_are_not_absent))
