/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ttl-clock.h"

#include "test.h"

#define WALL UINT64_C(1800000000000) /* in 2027 */

static const TtlReading first = {.boot_id = 7, .boot_msec = 5000, .wall_msec = WALL};

static uint64_t msec_at(const TtlClock *clock, TtlReading now) {
        return ttl_clock_mark(clock, &now).msec;
}

static void test_begins_with_the_wall_clock(void) {
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &first);

        CHECK_INT(msec_at(&clock, first), WALL);
}

static void test_setting_the_wall_clock_changes_nothing(void) {
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &first);
        TtlReading now = {.boot_id = 7, .boot_msec = 6000, .wall_msec = 1};

        CHECK_INT(msec_at(&clock, now), WALL + 1000);
        now.wall_msec = 2 * WALL;
        CHECK_INT(msec_at(&clock, now), WALL + 1000);
}

static void test_a_restart_within_a_boot_goes_on_whatever_the_wall_clock_says(void) {
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &first);
        TtlReading later = {.boot_id = 7, .boot_msec = 8000, .wall_msec = 1};
        TtlReading again = {.boot_id = 7, .boot_msec = 9000, .wall_msec = 3 * WALL};
        TtlMark mark = ttl_clock_mark(&clock, &later);

        clock = ttl_clock_start(&mark, &again);
        CHECK_INT(msec_at(&clock, again), WALL + 4000);
}

static void test_a_reboot_goes_on_by_the_wall_clock(void) {
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &first);
        TtlReading rebooted = {.boot_id = 8, .boot_msec = 100, .wall_msec = WALL + 60000};
        TtlMark mark = ttl_clock_mark(&clock, &first);

        clock = ttl_clock_start(&mark, &rebooted);
        CHECK_INT(msec_at(&clock, rebooted), WALL + 60000);
        rebooted.boot_msec += 5;
        CHECK_INT(msec_at(&clock, rebooted), WALL + 60005);
}

static void test_a_reboot_into_the_past_stands_still(void) {
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &first);
        TtlReading rebooted = {.boot_id = 8, .boot_msec = 100, .wall_msec = 0};
        TtlMark mark = ttl_clock_mark(&clock, &first);

        clock = ttl_clock_start(&mark, &rebooted);
        CHECK_INT(msec_at(&clock, rebooted), WALL);
}

/* A gateway without a battery: its clock was in 1970 until the network set it. */
static void test_a_wall_clock_that_was_never_set_counts_for_nothing(void) {
        TtlReading unset = {.boot_id = 7, .boot_msec = 5000, .wall_msec = 1000};
        TtlReading rebooted = {.boot_id = 8, .boot_msec = 100, .wall_msec = WALL};
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &unset);
        TtlMark mark = ttl_clock_mark(&clock, &unset);

        clock = ttl_clock_start(&mark, &rebooted);
        CHECK_INT(msec_at(&clock, rebooted), 1000);
}

static void test_a_boot_that_is_not_known_is_another(void) {
        TtlReading unknown = {.boot_msec = 5000, .wall_msec = WALL};
        TtlReading later = {.boot_msec = 9000, .wall_msec = WALL + 1};
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &unknown);
        TtlMark mark = ttl_clock_mark(&clock, &unknown);

        clock = ttl_clock_start(&mark, &later);
        CHECK_INT(msec_at(&clock, later), WALL + 1);
}

static void test_a_mark_that_cannot_be_is_none(void) {
        TtlMark mark = {.msec = UINT64_MAX - 5, .at = first};
        TtlClock clock = ttl_clock_start(&mark, &first);

        CHECK_INT(msec_at(&clock, first), WALL);
}

static void test_this_machine_has_a_boot(void) {
        uint64_t id = ttl_boot_id();
        TtlReading now = ttl_reading_now(id);
        TtlClock clock = ttl_clock_start(&(TtlMark){0}, &now);
        uint64_t before = ttl_clock_msec(&clock);

        CHECK(id != 0);
        CHECK(ttl_boot_id() == id);
        CHECK(before >= now.wall_msec);
        CHECK(ttl_clock_msec(&clock) >= before);
}

TEST_MAIN(TEST(test_begins_with_the_wall_clock),
          TEST(test_setting_the_wall_clock_changes_nothing),
          TEST(test_a_restart_within_a_boot_goes_on_whatever_the_wall_clock_says),
          TEST(test_a_reboot_goes_on_by_the_wall_clock),
          TEST(test_a_reboot_into_the_past_stands_still),
          TEST(test_a_wall_clock_that_was_never_set_counts_for_nothing),
          TEST(test_a_boot_that_is_not_known_is_another),
          TEST(test_a_mark_that_cannot_be_is_none),
          TEST(test_this_machine_has_a_boot))
