/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/facts.h"

#include "test.h"

static void check_duration(int64_t seconds, const char *expected) {
        char text[FACT_TEXT_MAX];

        fact_duration(seconds, text);
        CHECK_STR(text, expected);
}

static void test_durations(void) {
        check_duration(0, "0 s");
        check_duration(119, "119 s");
        check_duration(120, "2 min");
        check_duration(7199, "119 min");
        check_duration(7200, "2 h 0 min");
        check_duration(172799, "47 h 59 min");
        check_duration(172800, "2 days");
}

static void check_fact(const char *name, json_t *value, const char *expected) {
        char text[FACT_TEXT_MAX];

        CHECK(value);
        fact_text(name, value, 1000000, text);
        CHECK_STR(text, expected);
        json_decref(value);
}

static void test_values(void) {
        check_fact("state", json_string("online"), "online");
        check_fact("retry_in", json_integer(5), "5 s");
        check_fact("backlog", json_integer(5), "5");
        check_fact("root_days", json_integer(1), "1 day");
        check_fact("root_days", json_integer(-3), "-3 days");
        check_fact("timeout_sec", json_integer(600), "10 min");
        check_fact("pending", json_true(), "yes");
        check_fact("pending", json_false(), "no");
        check_fact("future", json_null(), "null");
        check_fact("future", json_pack("{s:[i,i]}", "a", 1, 2), "{\"a\":[1,2]}");
        check_fact("since", json_string("long ago"), "long ago");
}

static void test_control_characters_stay_off_the_terminal(void) {
        check_fact("reason", json_string("a\x1b[31mb\n"), "a?[31mb?");
}

static void test_long_values_are_cut(void) {
        char longer[2 * FACT_TEXT_MAX], text[FACT_TEXT_MAX];
        json_t *array = json_array(), *string;

        memset(longer, 'x', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        string = json_string(longer);
        fact_text("reason", string, 0, text);
        CHECK_INT(strlen(text), FACT_TEXT_MAX - 1);
        fact_label(longer, text);
        CHECK_INT(strlen(text), FACT_TEXT_MAX - 1);

        CHECK_INT(json_array_append_new(array, string), 0);
        fact_text("reason", array, 0, text);
        CHECK_INT(strlen(text), FACT_TEXT_MAX - 1);
        json_decref(array);
}

static void check_label(const char *name, const char *expected) {
        char text[FACT_TEXT_MAX];

        fact_label(name, text);
        CHECK_STR(text, expected);
}

static void test_labels(void) {
        check_label("retry_in", "retry in");
        check_label("root_days", "root expires in");
        check_label("a_b\x1b", "a b ");
}

static void test_times(void) {
        char text[FACT_TEXT_MAX];

        CHECK_INT(setenv("TZ", "UTC", 1), 0);
        fact_time(1795301454, text);
        CHECK_STR(text, "2026-11-21 22:50:54");
        check_fact("since", json_integer(999940), "1970-01-12 13:45:40 (60 s ago)");
        check_fact("since", json_integer(1000001), "1970-01-12 13:46:41");
}

static void test_print_shows_what_it_does_not_know(void) {
        json_t *object = json_pack("{s:s, s:i, s:s, s:i, s:b}", "op", "status", "id", 1, "state",
                                   "online", "new_fact", 7, "x", 1);
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        CHECK(object && f);
        facts_print(object, 0, f);
        facts_print_line(object, 0, f);
        CHECK_INT(fclose(f), 0);
        CHECK_STR(text, "state     online\n"
                        "new fact  7\n"
                        "x         yes\n"
                        ", new fact: 7, x: yes");
        free(text);
        json_decref(object);
}

TEST_MAIN(TEST(test_durations),
          TEST(test_values),
          TEST(test_control_characters_stay_off_the_terminal),
          TEST(test_long_values_are_cut),
          TEST(test_labels),
          TEST(test_times),
          TEST(test_print_shows_what_it_does_not_know))
