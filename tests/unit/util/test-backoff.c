/* SPDX-License-Identifier: Apache-2.0 */
#include "util/backoff.h"

#include "test.h"
#include "util/clock.h"
#include "util/macro.h"

static const BackoffRange range = {1 * USEC_PER_SEC, 300 * USEC_PER_SEC};

static void test_first(void) {
        CHECK_INT(backoff_next_usec(range, 0, 0), 1 * USEC_PER_SEC);
        CHECK_INT(backoff_next_usec(range, 0, UINT32_MAX), 3 * USEC_PER_SEC);
}

static void test_grows_threefold_to_the_most(void) {
        uint64_t delay = 0;

        for (uint64_t expected = 3; expected < 300; expected *= 3) {
                delay = backoff_next_usec(range, delay, UINT32_MAX);
                CHECK_INT(delay, expected * USEC_PER_SEC);
        }
        for (int i = 0; i < 3; i++) {
                delay = backoff_next_usec(range, delay, UINT32_MAX);
                CHECK_INT(delay, 300 * USEC_PER_SEC);
        }
        /* However late, a short one is possible, and begins the growth again. */
        delay = backoff_next_usec(range, delay, 0);
        CHECK_INT(delay, 1 * USEC_PER_SEC);
        CHECK_INT(backoff_next_usec(range, delay, UINT32_MAX), 3 * USEC_PER_SEC);
}

static void test_spread(void) {
        uint64_t sum = 0, low = 0;
        uint32_t dice = 1;

        for (int i = 0; i < 10000; i++) {
                uint64_t delay;

                dice = dice * 1664525U + 1013904223U;
                delay = backoff_next_usec(range, 300 * USEC_PER_SEC, dice);
                CHECK(delay >= range.min_usec && delay <= range.max_usec);
                sum += delay / USEC_PER_MSEC;
                low += delay < 75 * USEC_PER_SEC;
        }
        CHECK(sum / 10000 > 145000 && sum / 10000 < 156000);
        CHECK(low > 2200 && low < 2800);
}

/* The range is never left, whatever the delay before, and all of it is reached. */
static void check_range(BackoffRange r) {
        static const uint32_t dice[] = {0, 1, 1U << 16, UINT32_MAX / 2, UINT32_MAX - 1, UINT32_MAX};
        const uint64_t before[] = {0, 1, r.min_usec, r.max_usec / 3, r.max_usec, UINT64_MAX};

        for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
                uint64_t last = 0;

                for (size_t k = 0; k < ARRAY_SIZE(dice); k++) {
                        uint64_t delay = backoff_next_usec(r, before[i], dice[k]);

                        CHECK(delay >= r.min_usec && delay <= r.max_usec);
                        CHECK(delay >= last); /* more dice, more delay */
                        last = delay;
                }
        }
        CHECK(backoff_next_usec(r, r.max_usec, UINT32_MAX) == r.max_usec);
        CHECK(backoff_next_usec(r, r.max_usec, 0) == r.min_usec);
}

static void test_any_range(void) {
        check_range(range);
        check_range((BackoffRange){0, 0});
        check_range((BackoffRange){0, 1});
        check_range((BackoffRange){5, 5});
        check_range((BackoffRange){30 * USEC_PER_SEC, 1800 * USEC_PER_SEC});
        check_range((BackoffRange){1 * USEC_PER_SEC, 86400 * USEC_PER_SEC});
        check_range((BackoffRange){0, UINT64_MAX});
        check_range((BackoffRange){UINT64_MAX - 1, UINT64_MAX});
}

/* A delay that grew in a wider range does not let this one start at its end or beyond. */
static void test_change_of_range(void) {
        const BackoffRange narrow = {10, 50};

        CHECK_INT(backoff_next_usec(narrow, 1000000, UINT32_MAX), 50);
        CHECK_INT(backoff_next_usec(narrow, 1, UINT32_MAX), 30);
        /* Limits the wrong way round: the least wins. */
        CHECK_INT(backoff_next_usec((BackoffRange){50, 10}, 0, UINT32_MAX), 50);
}

TEST_MAIN(TEST(test_first),
          TEST(test_grows_threefold_to_the_most),
          TEST(test_spread),
          TEST(test_any_range),
          TEST(test_change_of_range))
