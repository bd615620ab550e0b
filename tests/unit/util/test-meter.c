/* SPDX-License-Identifier: Apache-2.0 */
#include "util/meter.h"

#include "test.h"
#include "util/clock.h"
#include "util/macro.h"

#define SEC USEC_PER_SEC

static void test_empty(void) {
        const Meter meter = {0};

        CHECK_INT(meter.total, 0);
        CHECK_INT(meter_last_minute(&meter, 0), 0);
        CHECK_INT(meter_last_minute(&meter, 12345 * SEC), 0);
}

static void test_one_minute(void) {
        Meter meter = {0};

        for (uint64_t start = 1000; start < 1010; start++) {
                meter = (Meter){0};
                meter_add(&meter, 3, start * SEC);
                for (uint64_t t = start; t <= start + 50; t++)
                        CHECK_INT(meter_last_minute(&meter, t * SEC), 3);
                for (uint64_t t = start + 60; t < start + 200; t++)
                        CHECK_INT(meter_last_minute(&meter, t * SEC), 0);
                CHECK_INT(meter.total, 3);
        }
}

/* One a second: never more than a minute's worth, never less than five steps of it. */
static void test_steady(void) {
        Meter meter = {0};

        for (uint64_t t = 0; t < 500; t++) {
                uint64_t n;

                meter_add(&meter, 1, t * SEC);
                n = meter_last_minute(&meter, t * SEC);
                CHECK(n <= 60 && (t < 60 || n > 50));
        }
        CHECK_INT(meter.total, 500);
}

/* Pauses of any length bring nothing old back. */
static void test_pauses(void) {
        for (uint64_t pause = 1; pause < 300; pause++) {
                Meter meter = {0};
                uint64_t n;

                for (uint64_t t = 100; t < 200; t++)
                        meter_add(&meter, 1000, t * SEC);
                meter_add(&meter, 1, (199 + pause) * SEC);
                n = meter_last_minute(&meter, (199 + pause) * SEC);
                CHECK_INT(n % 1000, 1);
                CHECK(pause < 60 ? n <= (61 - pause) * 1000 + 1 : n == 1);
                CHECK_INT(meter_last_minute(&meter, (199 + pause + 120) * SEC), 0);
        }
}

static void test_far_ends(void) {
        Meter meter = {0};

        meter_add(&meter, 1, 0);
        CHECK_INT(meter_last_minute(&meter, 0), 1);
        meter_add(&meter, 2, UINT64_MAX);
        CHECK_INT(meter_last_minute(&meter, UINT64_MAX), 2);
        CHECK_INT(meter.total, 3);
}

TEST_MAIN(TEST(test_empty),
          TEST(test_one_minute),
          TEST(test_steady),
          TEST(test_pauses),
          TEST(test_far_ends))
