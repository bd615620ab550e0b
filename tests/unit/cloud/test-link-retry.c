/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the link tries again, with which root, and how many times a minute.
 */
#include "link-world.h"

/* Trying again */

static void check_range(Reason reason, int code, uint64_t least, uint64_t most) {
        uint64_t before = least;
        World w;

        set_up(&w, 0, fixed_random);
        /* The shortest draws stay at the least ... */
        dice = 0;
        link_start(w.link, w.now);
        for (int i = 0; i < 10; i++) {
                fail(&w, reason, code);
                CHECK_INT(wait_of(&w), least);
                retry(&w);
        }
        /* ... the longest grow threefold up to the most. */
        dice = UINT32_MAX;
        for (int i = 0; i < 10; i++) {
                fail(&w, reason, code);
                before = before * 3 < most ? before * 3 : most;
                CHECK_INT(wait_of(&w), before);
                retry(&w);
        }
        CHECK_INT(before, most);
        tear_down(&w);
}

static void test_ranges_by_class(void) {
        check_range(REASON_DNS_FAILURE, 0, 1 * SEC, 300 * SEC);
        check_range(REASON_REFUSED_UNAVAILABLE, 3, 1 * SEC, 300 * SEC);
        check_range(REASON_TLS_EXPIRED, 0, 10 * SEC, 300 * SEC);
        check_range(REASON_REFUSED_CREDENTIALS, 4, 30 * SEC, 1800 * SEC);
}

static void test_class_change_starts_afresh(void) {
        World w;

        set_up(&w, 0, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        for (int i = 0; i < 8; i++) {
                fail(&w, REASON_REFUSED_CREDENTIALS, 4);
                retry(&w);
        }
        fail(&w, REASON_TCP_TIMEOUT, 0);
        CHECK_INT(wait_of(&w), 3 * SEC);
        retry(&w);
        fail(&w, REASON_REFUSED_CREDENTIALS, 4);
        CHECK_INT(wait_of(&w), 90 * SEC);
        tear_down(&w);
}

/* Delays grown to the most by failures. */
static void grow(World *w) {
        dice = UINT32_MAX;
        link_start(w->link, w->now);
        for (int i = 0; i < 8; i++) {
                fail(w, REASON_TCP_TIMEOUT, 0);
                retry(w);
        }
}

static void test_reset_after_a_stable_minute(void) {
        World w;

        set_up(&w, 0, fixed_random);
        grow(&w);
        go_online(&w);
        lose(&w, 59 * SEC);
        CHECK_INT(wait_of(&w), 300 * SEC);
        retry(&w);
        go_online(&w);
        lose(&w, 60 * SEC);
        CHECK_INT(wait_of(&w), 3 * SEC);
        tear_down(&w);
}

/* However the connection ended. */
static void test_reset_after_a_stable_connection_abandoned(void) {
        World w;

        set_up(&w, 0, fixed_random);
        grow(&w);
        go_online(&w);
        w.now += 3600 * SEC;
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(wait_of(&w), 3 * SEC);
        tear_down(&w);
}

static void test_twin(void) {
        World w;

        set_up(&w, 0, fixed_random);
        dice = 0;
        link_start(w.link, w.now);
        for (int i = 0; i < 2; i++) {
                go_online(&w);
                lose(&w, 5 * SEC);
                CHECK_INT(status_of(&w).reason, REASON_CLOSED);
                retry(&w);
        }
        go_online(&w);
        lose(&w, 29 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_TWIN);
        CHECK_INT(wait_of(&w), 120 * SEC);
        dice = UINT32_MAX;
        for (int i = 0; i < 4; i++) {
                retry(&w);
                go_online(&w);
                lose(&w, 1 * SEC);
                CHECK_INT(status_of(&w).reason, REASON_TWIN);
        }
        CHECK_INT(wait_of(&w), 600 * SEC);
        retry(&w);

        /* One that lasts ends the suspicion. */
        go_online(&w);
        lose(&w, 61 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_CLOSED);
        CHECK_INT(wait_of(&w), 3 * SEC);
        retry(&w);
        go_online(&w);
        lose(&w, 5 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_CLOSED);
        tear_down(&w);
}

/* Short, long, short, short: never three in a row, whoever ended the long one. */
static void test_no_twin_when_we_end_a_long_one(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (int i = 0; i < 2; i++) {
                go_online(&w);
                lose(&w, 5 * SEC);
                retry(&w);
        }
        go_online(&w);
        w.now += 3600 * SEC;
        link_abandon(w.link, REASON_KEEPALIVE_TIMEOUT, w.now);
        fake_closed(w.fake);
        dispatch(&w);
        retry(&w);
        go_online(&w);
        lose(&w, 5 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_CLOSED);
        tear_down(&w);
}

/* Credentials that end: the first refusal asks for new ones at once, the next is one like any. */
static void test_refused_credentials_that_end_are_renewed_at_once(void) {
        World w;

        set_up(&w, 0, fixed_random);
        w.config.source.renews = true;
        link_start(w.link, w.now);
        for (int life = 0; life < 2; life++) {
                fail(&w, REASON_REFUSED_UNAVAILABLE, 3);
                CHECK_INT(wait_of(&w), 0);
                retry(&w);
                fail(&w, REASON_REFUSED_CREDENTIALS, 4);
                CHECK(wait_of(&w) >= 30 * SEC);
                retry(&w);
                go_online(&w);
                lose(&w, 100 * SEC);
                retry(&w);
        }
        tear_down(&w);
}

/* Roots */

static void test_next_root_at_once_and_kept(void) {
        World w;

        set_up(&w, 3, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        CHECK_STR(w.fake->target.root_file, "root-0.pem");
        CHECK_INT(w.fake->target.port, 1883);
        fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
        CHECK_INT(wait_of(&w), 0);
        CHECK_STR(status_of(&w).root_file, "root-0.pem"); /* the one that failed */
        retry(&w);
        CHECK_STR(w.fake->target.root_file, "root-1.pem");
        CHECK_INT(w.fake->target.port, 443);
        go_online(&w);
        CHECK_INT(status_of(&w).port, 443);
        lose(&w, 100 * SEC);
        retry(&w);
        CHECK_STR(w.fake->target.root_file, "root-1.pem");
        tear_down(&w);
}

static void test_all_roots_fail(void) {
        uint64_t waits[9];
        World w;

        set_up(&w, 3, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
                char file[16];

                (void)snprintf(file, sizeof(file), "root-%zu.pem", i % 3);
                CHECK_STR(w.fake->target.root_file, file);
                fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
                waits[i] = wait_of(&w);
                retry(&w);
        }
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
                if (i % 3 != 2)
                        CHECK_INT(waits[i], 0);
        /* The rounds grow further apart. */
        CHECK_INT(waits[2], 30 * SEC);
        CHECK_INT(waits[5], 90 * SEC);
        CHECK_INT(waits[8], 270 * SEC);
        tear_down(&w);
}

/* One port refused, the other with an unknown root: each round is one failure, and they grow. */
static void test_roots_that_fail_in_different_ways(void) {
        World w;

        set_up(&w, 2, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        for (uint64_t expected = 3; expected <= 81; expected *= 3) {
                fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
                retry(&w);
                fail(&w, REASON_TCP_REFUSED, 0);
                CHECK_INT(wait_of(&w), expected * SEC);
                retry(&w);
        }
        tear_down(&w);
}

static void test_failures_that_no_root_cures(void) {
        static const Reason reasons[] = {REASON_DNS_FAILURE, REASON_NETWORK_UNREACHABLE,
                                         REASON_REFUSED_CREDENTIALS, REASON_BAD_ANSWER};
        World w;

        set_up(&w, 2, fixed_random);
        link_start(w.link, w.now);
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
                fail(&w, reasons[i], reasons[i] == REASON_REFUSED_CREDENTIALS ? 4 : 0);
                retry(&w);
                CHECK_STR(w.fake->target.root_file, "root-0.pem");
        }
        tear_down(&w);
}

static void test_port_of_the_endpoint_wins(void) {
        World w;

        set_up(&w, 2, fixed_random);
        w.identity.port = 8899;
        link_start(w.link, w.now);
        CHECK_INT(w.fake->target.port, 8899);
        fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
        retry(&w);
        CHECK_STR(w.fake->target.root_file, "root-1.pem");
        CHECK_INT(w.fake->target.port, 8899);
        CHECK_INT(status_of(&w).port, 8899);
        tear_down(&w);
}

/* The budget of CONNECTs */

#define LOG_MAX 20000U

/* One attempt of any fate, and the wait for the next one. */
static void live_a_little(World *w) {
        static const Reason reasons[] = {REASON_DNS_FAILURE,         REASON_TCP_REFUSED,
                                         REASON_TLS_UNTRUSTED_ROOT,  REASON_TLS_EXPIRED,
                                         REASON_REFUSED_UNAVAILABLE, REASON_NO_ANSWER,
                                         REASON_REFUSED_CREDENTIALS, REASON_INTERNAL};
        uint64_t deadline;

        w->now += pick(0, 200) * USEC_PER_MSEC;
        switch (pick(0, 3)) {
        case 0:
                go_online(w);
                w->now += pick(0, 90) * SEC;
                link_abandon(w->link, REASON_ACK_TIMEOUT, w->now);
                w->now += pick(0, 2) * SEC;
                link_tick(w->link, w->now);
                fake_closed(w->fake);
                dispatch(w);
                break;
        case 1:
                go_online(w);
                lose(w, pick(0, 90) * SEC);
                break;
        default:
                fail(w, reasons[pick(0, ARRAY_SIZE(reasons) - 1)], 0);
                break;
        }
        while (state(w) != LINK_CONNECTING) {
                deadline = link_deadline_usec(w->link);
                CHECK(deadline != USEC_INFINITY);
                if (deadline > w->now)
                        w->now = deadline;
                link_tick(w->link, w->now);
        }
}

static void test_connects_budget(void) {
        static uint64_t times[LOG_MAX];

        for (uint64_t s = 1; s <= 20; s++) {
                size_t n = 0;
                Capture c;
                uint64_t end;
                World w;

                seed = s * UINT64_C(0x9e3779b97f4a7c15);
                set_up_limited(&w, 2, 5, seeded_random);
                /* As eager as the settings let anyone be. */
                w.config.network = (BackoffRange){SEC / 10, SEC};
                c = capture_start();
                end = w.now + 6 * 3600 * SEC;
                link_start(w.link, w.now);
                while (w.now < end) {
                        CHECK_INT(state(&w), LINK_CONNECTING);
                        CHECK(n < LOG_MAX);
                        times[n++] = w.now;
                        live_a_little(&w);
                }
                free(capture_end(c));
                CHECK(n > 30);
                for (size_t i = 5; i < n; i++)
                        CHECK(times[i] - times[i - 5] > 60 * SEC);
                CHECK(w.fake->n_connects >= n);
                tear_down(&w);
        }
}

/* A registration over MQTT connects, too. */
static void test_budget_counts_the_source(void) {
        Credentials c = {0};
        uint64_t began;
        World w;

        set_up_limited(&w, 0, 5, fixed_random);
        dice = 0;
        w.config.source.connects = true;
        w.source_result = 0;
        began = w.now;
        link_start(w.link, w.now);
        for (unsigned i = 1; i < 5; i++) {
                link_deny(w.link, REASON_AUTH_UNREACHABLE, "", w.now);
                w.now = link_deadline_usec(w.link);
                link_tick(w.link, w.now);
                CHECK_INT(w.n_gets, i + 1);
        }
        /* The fifth time there are some: they would make the sixth CONNECT. */
        CHECK_INT(credentials_make(&w.identity, 1, &c), 0);
        link_offer(w.link, &c, w.now);
        CHECK(!c.host);
        CHECK_INT(w.fake->n_connects, 0);
        CHECK_INT(state(&w), LINK_OFFLINE);
        w.source_result = 1;
        retry(&w);
        CHECK(w.now - began > 60 * SEC);
        go_online(&w);
        tear_down(&w);
}

static void test_budget_is_told(void) {
        World w;

        set_up_limited(&w, 0, 2, fixed_random);
        dice = 0;
        link_start(w.link, w.now);
        fail(&w, REASON_TCP_REFUSED, 0);
        CHECK_INT(wait_of(&w), 1 * SEC);
        retry(&w);
        fail(&w, REASON_TCP_REFUSED, 0);
        CHECK_INT(wait_of(&w), 61 * SEC);
        retry(&w);
        tear_down(&w);
}

/* Through the whole machine: its pauses, its budget, its suspicion of a twin. */
static void test_a_day_of_flapping_fills_few_entries(void) {
        static const uint64_t lives[] = {2 * SEC, 35 * SEC, 61 * SEC};

        for (size_t i = 0; i < ARRAY_SIZE(lives); i++) {
                Capture c = capture_start();
                unsigned n = 0;
                uint64_t end;
                char *all;
                World w;

                set_up(&w, 5, fixed_random);
                link_start(w.link, w.now);
                for (end = w.now + 24 * 3600 * SEC; w.now < end; n++) {
                        go_online(&w);
                        lose(&w, lives[i]);
                        retry(&w);
                }
                all = capture_end(c);
                printf("# %u connections, %u entries\n", n, count(all, "\n"));
                CHECK_BETWEEN(count(all, "\n"), 100, 260);
                free(all);
                tear_down(&w);
        }
}

TEST_MAIN(TEST(test_ranges_by_class),
          TEST(test_class_change_starts_afresh),
          TEST(test_reset_after_a_stable_minute),
          TEST(test_reset_after_a_stable_connection_abandoned),
          TEST(test_twin),
          TEST(test_no_twin_when_we_end_a_long_one),
          TEST(test_refused_credentials_that_end_are_renewed_at_once),
          TEST(test_next_root_at_once_and_kept),
          TEST(test_all_roots_fail),
          TEST(test_roots_that_fail_in_different_ways),
          TEST(test_failures_that_no_root_cures),
          TEST(test_port_of_the_endpoint_wins),
          TEST(test_connects_budget),
          TEST(test_budget_counts_the_source),
          TEST(test_budget_is_told),
          TEST(test_a_day_of_flapping_fills_few_entries))
