/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration under a link at work.
 */
#include "link-world.h"

static LinkConfig changed(const World *w) {
        LinkConfig config = w->config;

        config.keepalive_sec = 60;
        return config;
}

static void reload(World *w, const LinkConfig *config, bool reconnect) {
        CHECK_INT(link_set_config(w->link, config, reconnect, w->now), 0);
}

/* The next attempt, which is due at once. */
static void attempt(World *w) {
        CHECK(link_deadline_usec(w->link) <= w->now);
        link_tick(w->link, w->now);
        CHECK_INT(state(w), LINK_CONNECTING);
}

static void test_connection_stays(void) {
        LinkConfig config;
        LinkRoot roots[3];
        World w;

        set_up(&w, 3, fixed_random);
        link_start(w.link, w.now);
        fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
        attempt(&w);
        go_online(&w);
        memcpy(roots, w.roots, sizeof(roots));
        config = changed(&w);
        config.keepalive_sec = 100;
        config.roots = roots;
        reload(&w, &config, false);
        /* Nothing of the old one is looked at. */
        memset(w.roots, 0xff, sizeof(w.roots));
        memset(&w.config, 0xff, sizeof(w.config));
        CHECK_INT(state(&w), LINK_ONLINE);
        CHECK_INT(w.fake->n_connects, 2);
        CHECK_INT(w.fake->n_closes, 0);
        CHECK_STR(status_of(&w).root_file, "root-1.pem");
        lose(&w, 1 * SEC);
        w.now += 10 * SEC;
        attempt(&w);
        CHECK_STR(w.fake->target.root_file, "root-1.pem");
        tear_down(&w);
}

static void test_connection_is_made_anew(void) {
        LinkConfig config;
        World w;

        set_up(&w, 3, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        config = changed(&w);
        reload(&w, &config, true);
        memset(&w.config, 0xff, sizeof(w.config));
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_RELOADED);
        CHECK_INT(status_of(&w).n_failures, 0);
        CHECK(!status_of(&w).root_file);
        CHECK_INT(w.fake->n_closes, 1);
        /* Not before the old one is closed. */
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        fake_closed(w.fake);
        dispatch(&w);
        attempt(&w);
        CHECK_INT(w.fake->target.keepalive_sec, 60);
        CHECK_STR(w.fake->target.root_file, "root-0.pem");
        go_online(&w);
        tear_down(&w);
}

static void test_attempt_is_made_anew(void) {
        LinkConfig config;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        config = changed(&w);
        reload(&w, &config, true);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(w.fake->n_closes, 1);
        /* Too late. */
        fake_connected(w.fake, false);
        dispatch(&w);
        CHECK_INT(state(&w), LINK_OFFLINE);
        fake_closed(w.fake);
        dispatch(&w);
        attempt(&w);
        CHECK_INT(w.fake->target.keepalive_sec, 60);
        tear_down(&w);
}

static void test_long_pause_ends(void) {
        LinkConfig config;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        fail(&w, REASON_REFUSED_NOT_AUTHORIZED, 5);
        CHECK(link_deadline_usec(w.link) >= w.now + 30 * SEC);
        config = changed(&w);
        reload(&w, &config, false);
        CHECK(link_deadline_usec(w.link) >= w.now + 30 * SEC);
        reload(&w, &config, true);
        CHECK_INT(w.fake->n_closes, 0);
        attempt(&w);
        tear_down(&w);
}

static void test_old_source_is_not_waited_for(void) {
        Credentials late = {0};
        LinkConfig config;
        World w;

        set_up(&w, 0, fixed_random);
        w.source_result = 0;
        link_start(w.link, w.now);
        CHECK(link_awaits(w.link));
        config = changed(&w);
        reload(&w, &config, true);
        CHECK(!link_awaits(w.link));
        CHECK_INT(w.fake->n_closes, 0);
        link_offer(w.link, &late, w.now);
        CHECK_INT(w.fake->n_connects, 0);
        w.source_result = 1;
        attempt(&w);
        CHECK_INT(w.n_gets, 2);
        CHECK_INT(w.fake->n_connects, 1);
        tear_down(&w);
}

static void test_budget_of_connects_holds(void) {
        LinkConfig config;
        World w;

        set_up_limited(&w, 0, 2, fixed_random);
        config = changed(&w);
        link_start(w.link, w.now);
        for (int i = 0; i < 3; i++) {
                if (state(&w) == LINK_CONNECTING)
                        go_online(&w);
                reload(&w, &config, true);
                if (w.fake->closing)
                        fake_closed(w.fake);
                dispatch(&w);
                link_tick(w.link, w.now);
        }
        CHECK_INT(w.fake->n_connects, 2);
        CHECK(link_deadline_usec(w.link) >= w.now + 60 * SEC);
        /* A larger one lets the next through, and remembers those that were. */
        config.connects_per_minute = 3;
        reload(&w, &config, true);
        attempt(&w);
        CHECK_INT(w.fake->n_connects, 3);
        tear_down(&w);
}

static void test_stop_is_a_stop(void) {
        LinkConfig config;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        link_stop(w.link);
        config = changed(&w);
        reload(&w, &config, true);
        CHECK_INT(state(&w), LINK_STOPPING);
        CHECK_INT(w.fake->n_closes, 1);
        fake_closed(w.fake);
        dispatch(&w);
        CHECK_INT(state(&w), LINK_STOPPED);
        tear_down(&w);
}

TEST_MAIN(TEST(test_connection_stays),
          TEST(test_connection_is_made_anew),
          TEST(test_attempt_is_made_anew),
          TEST(test_long_pause_ends),
          TEST(test_old_source_is_not_waited_for),
          TEST(test_budget_of_connects_holds),
          TEST(test_stop_is_a_stop))
