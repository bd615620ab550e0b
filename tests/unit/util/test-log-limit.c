/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log-limit.h"

#include "test.h"
#include "util/clock.h"
#include "util/macro.h"

#define SEC    USEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

typedef struct Day {
        unsigned n_written, n_left_out;
        uint64_t last_usec, longest_silence_usec;
} Day;

/* One line every @interval_usec for a day, with @n_texts taking turns. */
static Day live_a_day(LogLimit *limit,
                      const char *format,
                      uint64_t interval_usec,
                      unsigned n_texts) {
        Day day = {0};
        unsigned n = 0;

        for (uint64_t now = DAY; now < 2 * DAY; now += interval_usec, n++) {
                char text[32];
                unsigned left_out = 0;

                (void)snprintf(text, sizeof(text), "text %u", n % n_texts);
                if (!log_limit_take(limit, format, text, now, &left_out))
                        continue;
                day.n_written++;
                day.n_left_out += left_out;
                if (day.last_usec > 0 && now - day.last_usec > day.longest_silence_usec)
                        day.longest_silence_usec = now - day.last_usec;
                day.last_usec = now;
        }
        printf("# %u of %u written\n", day.n_written, n);
        CHECK(day.n_left_out + day.n_written <= n);
        return day;
}

static void test_a_line_that_repeats_for_a_day(void) {
        LogLimit limit = {0};
        Day day = live_a_day(&limit, "a", SEC, 1);

        CHECK(day.n_written >= 90 && day.n_written <= 101);
        CHECK(day.longest_silence_usec <= 16 * MINUTE);
        CHECK(day.n_left_out > 80000); /* and counted */
}

static void test_a_place_whose_lines_differ_for_a_day(void) {
        LogLimit limit = {0};
        Day day = live_a_day(&limit, "a", SEC, 100000);

        CHECK(day.n_written >= 200 && day.n_written <= 245);
        CHECK(day.longest_silence_usec <= 11 * MINUTE);
}

static void test_a_place_with_many_texts_for_a_day(void) {
        LogLimit limit = {0};

        /* As many as there may be filters, all refused at each reconnect. */
        CHECK(live_a_day(&limit, "a", MINUTE / 100, 100).n_written <= 245);
        limit = (LogLimit){0};
        CHECK(live_a_day(&limit, "a", MINUTE / 3, 3).n_written <= 245);
}

static void test_what_is_rare_is_always_written(void) {
        LogLimit limit = {0};
        unsigned left_out = 0;

        CHECK_INT(live_a_day(&limit, "a", HOUR, 1).n_written, 24);
        /* ... whatever else there was. */
        (void)live_a_day(&limit, "b", SEC, 7);
        CHECK(log_limit_take(&limit, "c", "new", DAY + HOUR, &left_out));
        CHECK_INT(left_out, 0);
}

static void test_at_once(void) {
        LogLimit limit = {0};
        unsigned left_out = 7, n = 0;
        char text[32];

        /* All refused filters of one connect. */
        for (unsigned i = 0; i < 100; i++) {
                (void)snprintf(text, sizeof(text), "text %u", i);
                n += log_limit_take(&limit, "a", text, DAY, &left_out);
        }
        CHECK_INT(n, 100);
        CHECK_INT(left_out, 0);
        CHECK(!log_limit_take(&limit, "a", "one more", DAY, &left_out));
        CHECK(log_limit_take(&limit, "a", "one more", DAY + 10 * MINUTE, &left_out));
        CHECK_INT(left_out, 1);
}

static void test_the_count_is_told_once(void) {
        LogLimit limit = {0};
        unsigned left_out = 0;

        for (unsigned i = 0; i < 10; i++)
                CHECK(log_limit_take(&limit, "a", "same", DAY, &left_out) == (i < 4));
        CHECK(log_limit_take(&limit, "a", "same", DAY + HOUR, &left_out));
        CHECK_INT(left_out, 6);
        CHECK(log_limit_take(&limit, "a", "same", DAY + HOUR, &left_out));
        CHECK_INT(left_out, 0);
}

static void test_more_places_and_texts_than_there_is_room_for(void) {
        char formats[LOG_LIMIT_SITES * 2][8];
        LogLimit limit = {0};
        unsigned left_out = 0;

        for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
                CHECK(log_limit_take(&limit, formats[i], "x", DAY + i * HOUR, &left_out));
        for (unsigned i = 0; i < LOG_LIMIT_TEXTS * 2; i++) {
                char text[32];

                (void)snprintf(text, sizeof(text), "text %u", i);
                CHECK(log_limit_take(&limit, "a", text, 10 * DAY + i * HOUR, &left_out));
        }
}

TEST_MAIN(TEST(test_a_line_that_repeats_for_a_day),
          TEST(test_a_place_whose_lines_differ_for_a_day),
          TEST(test_a_place_with_many_texts_for_a_day),
          TEST(test_what_is_rare_is_always_written),
          TEST(test_at_once),
          TEST(test_the_count_is_told_once),
          TEST(test_more_places_and_texts_than_there_is_room_for))
