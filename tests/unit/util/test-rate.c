/* SPDX-License-Identifier: Apache-2.0 */
#include "util/rate.h"

#include "test.h"
#include "util/clock.h"

static void test_no_limit(void) {
        Rate rate;

        CHECK_INT(rate_init(&rate, 0, USEC_PER_SEC), 0);
        for (int i = 0; i < 1000; i++)
                CHECK(rate_take(&rate, 5));
        CHECK_INT(rate_wait_usec(&rate, 5), 0);
        rate_done(&rate);
}

static void test_one(void) {
        Rate rate;

        CHECK_INT(rate_init(&rate, 1, 10), 0);
        CHECK_INT(rate_wait_usec(&rate, 0), 0);
        CHECK(rate_take(&rate, 0));
        CHECK_INT(rate_wait_usec(&rate, 0), 10);
        CHECK(!rate_take(&rate, 9));
        CHECK_INT(rate_wait_usec(&rate, 9), 1);
        CHECK(rate_take(&rate, 10));
        CHECK_INT(rate_wait_usec(&rate, 12), 8);
        rate_done(&rate);
        rate_done(&rate); /* twice does no harm */
}

/* What was not allowed is not counted. */
static void test_refused_does_not_count(void) {
        Rate rate;

        CHECK_INT(rate_init(&rate, 2, 100), 0);
        CHECK(rate_take(&rate, 0));
        CHECK(rate_take(&rate, 50));
        for (uint64_t now = 50; now < 100; now++)
                CHECK(!rate_take(&rate, now));
        CHECK(rate_take(&rate, 100));
        CHECK_INT(rate_wait_usec(&rate, 100), 50);
        CHECK(rate_take(&rate, 1000));
        CHECK(rate_take(&rate, 1000));
        CHECK(!rate_take(&rate, 1000));
        rate_done(&rate);
}

/* At any pace of asking, no period holds more than the limit, and all of it can be used. */
static void test_no_period_holds_more(void) {
        uint64_t times[4000], now = 7, dice = 1;
        size_t n = 0;
        Rate rate;

        CHECK_INT(rate_init(&rate, 5, 1000), 0);
        while (n < ARRAY_SIZE(times)) {
                dice = dice * 6364136223846793005U + 1442695040888963407U;
                now += (dice >> 40) % 300;
                if ((dice >> 60) == 0)
                        now += rate_wait_usec(&rate, now);
                if (rate_wait_usec(&rate, now) == 0) {
                        CHECK(rate_take(&rate, now));
                        times[n++] = now;
                } else {
                        CHECK(!rate_take(&rate, now));
                }
        }
        for (size_t i = 5; i < n; i++)
                CHECK(times[i] - times[i - 5] >= 1000);
        /* On average the 150 between two asks let more than the limit through were there none. */
        CHECK((times[n - 1] - times[0]) / 1000 < n / 4);
        rate_done(&rate);
}

/* The times of all that was let through, under limits that change; then the last one holds. */
static void test_changed_limit_remembers(void) {
        Rate rate;

        CHECK_INT(rate_init(&rate, 3, 1000), 0);
        CHECK(rate_take(&rate, 100));
        CHECK(rate_take(&rate, 200));
        CHECK(rate_take(&rate, 300));
        CHECK_INT(rate_set_max(&rate, 5), 0);
        CHECK(rate_take(&rate, 400));
        CHECK(rate_take(&rate, 500));
        CHECK_INT(rate_wait_usec(&rate, 600), 500); /* until the first is a period ago */
        CHECK_INT(rate_set_max(&rate, 2), 0);
        CHECK_INT(rate_wait_usec(&rate, 600), 800); /* of the two newest, the older one */
        CHECK(rate_take(&rate, 1400));
        CHECK_INT(rate_wait_usec(&rate, 1400), 100);
        CHECK_INT(rate_set_max(&rate, 0), 0);
        CHECK(rate_take(&rate, 1400));
        CHECK_INT(rate_set_max(&rate, 1), 0);
        CHECK(rate_take(&rate, 1400));
        CHECK(!rate_take(&rate, 1500));
        rate_done(&rate);
}

TEST_MAIN(TEST(test_no_limit),
          TEST(test_changed_limit_remembers),
          TEST(test_one),
          TEST(test_refused_does_not_count),
          TEST(test_no_period_holds_more))
