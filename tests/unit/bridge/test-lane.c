/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/lane.h"

#include "test.h"

static Rising *rising_new(uint64_t token) {
        Rising *rising = calloc(1, sizeof(*rising));

        CHECK(rising);
        *rising = (Rising){.token = token,
                           .accepted_usec = token * 10,
                           .expires_usec = USEC_INFINITY,
                           .storage = RISING_IN_MEMORY};
        CHECK_INT(message_new(&rising->message, "t", "x", 1, 1), 0);
        return rising;
}

static void drop(Rising *rising) {
        CHECK(rising);
        message_unref(rising->message);
        free(rising);
}

/* 1 to @n, the first @n_sent in flight. */
static Lane filled(uint64_t n, uint64_t n_sent) {
        Lane lane = {0};

        for (uint64_t token = 1; token <= n; token++)
                lane_append(&lane, rising_new(token));
        for (uint64_t i = 0; i < n_sent; i++)
                lane_sent(&lane, 1000 + i);
        return lane;
}

/* Ends the lane; what was in it, in order: "1+ 2- ", + for what was in flight. */
static const char *emptied(Lane *lane) {
        static char text[128];
        size_t used = 0, n_in_flight = lane->n_in_flight;

        text[0] = '\0';
        while (lane->first) {
                Rising *rising = lane_take_first(lane);

                used += (size_t)snprintf(text + used, sizeof(text) - used, "%d%c ",
                                         (int)rising->token, n_in_flight > 0 ? '+' : '-');
                if (n_in_flight > 0)
                        n_in_flight--;
                drop(rising);
        }
        CHECK(!lane->last && !lane->unsent && !lane->unstored);
        CHECK_INT(lane->n, 0);
        CHECK_INT(lane->n_in_flight, 0);
        CHECK_INT(lane->n_stored, 0);
        CHECK_INT(lane->bytes, 0);
        return text;
}

static void test_answers_in_any_order(void) {
        Lane lane = filled(5, 4);

        CHECK(lane_has_sent(&lane, 4) && !lane_has_sent(&lane, 5) && !lane_has_sent(&lane, 9));
        CHECK(!lane_take_sent(&lane, 5));
        drop(lane_take_sent(&lane, 4));
        drop(lane_take_sent(&lane, 1));
        CHECK(!lane_take_sent(&lane, 1));
        CHECK_INT(lane.n_in_flight, 2);
        lane_append(&lane, rising_new(6));
        CHECK_STR(emptied(&lane), "2+ 3+ 5- 6- ");
}

static void test_reset_sends_all_again(void) {
        Lane lane = filled(3, 3);

        CHECK(!lane.unsent);
        lane.first->storage = RISING_UNSTORABLE;
        CHECK(lane_next_unstored(&lane, USEC_INFINITY)->token == 2);
        lane_reset(&lane);
        CHECK(lane.unsent == lane.first);
        CHECK(lane_next_unstored(&lane, USEC_INFINITY)->token == 1);
        CHECK_STR(emptied(&lane), "1- 2- 3- ");
}

static void test_expired_at_the_ends_and_in_the_middle(void) {
        Lane lane = filled(5, 1);
        Rising *after = NULL;

        for (Rising *rising = lane.first; rising; rising = rising->next)
                rising->expires_usec = rising->token % 2 == 1 ? 50 : 60;
        drop(lane_take_expired(&lane, 50, &after)); /* 3; 1 is in flight */
        drop(lane_take_expired(&lane, 50, &after)); /* 5 */
        CHECK(!lane_take_expired(&lane, 50, &after));
        lane_append(&lane, rising_new(6));
        CHECK_STR(emptied(&lane), "1+ 2- 4- 6- ");

        lane = filled(2, 0);
        lane.first->expires_usec = lane.last->expires_usec = 0;
        after = NULL;
        drop(lane_take_expired(&lane, 0, &after));
        drop(lane_take_expired(&lane, 0, &after));
        CHECK_STR(emptied(&lane), "");
}

static void test_what_is_stored_next(void) {
        Lane lane = filled(4, 2);
        Rising *rising;

        CHECK(!lane_next_unstored(&lane, 9));
        for (uint64_t token = 1; token <= 3; token++) {
                rising = lane_next_unstored(&lane, 35);
                CHECK_INT(rising->token, token);
                rising->storage = RISING_WRITING;
        }
        CHECK(!lane_next_unstored(&lane, 35)); /* 4 came at 40 */
        lane_stored(&lane, lane.first);
        CHECK_INT(lane.n_stored, 1);
        lane_forget_stored(&lane);
        CHECK_INT(lane.n_stored, 0);
        CHECK_INT(lane_next_unstored(&lane, 35)->token, 1);
        lane_stored(&lane, lane.first);
        drop(lane_take_sent(&lane, 1));
        CHECK_INT(lane_next_unstored(&lane, 40)->token, 4);
        drop(lane_take(&lane, lane.last));
        CHECK(!lane_next_unstored(&lane, USEC_INFINITY));

        /* What came before there was a store is never written. */
        rising = rising_new(9);
        rising->storage = RISING_UNNUMBERED;
        lane_append(&lane, rising);
        lane_reset(&lane);
        CHECK(!lane_next_unstored(&lane, USEC_INFINITY));
        lane_append(&lane, rising_new(10));
        CHECK_INT(lane_next_unstored(&lane, USEC_INFINITY)->token, 10);
        CHECK_STR(emptied(&lane), "2- 3- 9- 10- ");
}

TEST_MAIN(TEST(test_answers_in_any_order),
          TEST(test_reset_sends_all_again),
          TEST(test_expired_at_the_ends_and_in_the_middle),
          TEST(test_what_is_stored_next))
