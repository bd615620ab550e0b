/* SPDX-License-Identifier: Apache-2.0 */
#include "util/pairs.h"

#include <errno.h>

#include "test.h"

typedef struct Seen {
        char text[256];
        unsigned n;
        int answer;
} Seen;

static int note(const char *name, char *value, void *userdata) {
        Seen *seen = userdata;
        size_t size = strlen(seen->text);

        (void)snprintf(seen->text + size, sizeof(seen->text) - size, "<%s=%s>", name, value);
        seen->n++;
        return seen->answer;
}

/* Parses a copy in a block of its very size, so that a sanitizer sees each step beyond. */
static int parse_bytes(const char *text, size_t size, Seen *seen) {
        char *copy = malloc(size + 1);
        int r;

        CHECK(copy);
        memcpy(copy, text, size);
        copy[size] = '\0';
        r = pairs_parse(copy, size, note, seen);
        free(copy);
        return r;
}

static int parse(const char *text, Seen *seen) {
        *seen = (Seen){0};
        return parse_bytes(text, strlen(text), seen);
}

static void test_pairs_in_their_order(void) {
        Seen seen;

        CHECK_INT(parse("b=2\na=1\nb=3\n", &seen), 0);
        CHECK_STR(seen.text, "<b=2><a=1><b=3>");
}

static void test_values_are_anything(void) {
        Seen seen;

        CHECK_INT(parse("a=\nb==\nc= x \td=e\nf=\xc3\xa4\xff|&%\n", &seen), 0);
        CHECK_STR(seen.text, "<a=><b==><c= x \td=e><f=\xc3\xa4\xff|&%>");
}

static void test_last_line_may_lack_its_end(void) {
        Seen seen;

        CHECK_INT(parse("a=1\nb=2", &seen), 0);
        CHECK_STR(seen.text, "<a=1><b=2>");
        CHECK_INT(parse("a=", &seen), 0);
        CHECK_STR(seen.text, "<a=>");
}

static void test_empty_line_ends_the_text(void) {
        Seen seen;

        CHECK_INT(parse("a=1\n\nthis is not looked at", &seen), 0);
        CHECK_STR(seen.text, "<a=1>");
        CHECK_INT(parse("", &seen), 0);
        CHECK_INT(parse("\n", &seen), 0);
        CHECK_INT(seen.n, 0);
}

static void test_lines_of_another_form(void) {
        static const char *const bad[] = {"a",     "=",      "=1",     " a=1",  "a =1", "A=1",
                                          "a-b=1", "a.b=1",  "\xc3=1", "a=1\r", "#a=1", "a\tb=1",
                                          "\r\n",  "a=1\nb", "a=\r\n", "a\n=b"};
        Seen seen;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                CHECK_INT(parse(bad[i], &seen), -EBADMSG);
}

static void test_names_of_every_character(void) {
        Seen seen;

        CHECK_INT(parse("az_09=x\n_=y\n0=z\n", &seen), 0);
        CHECK_STR(seen.text, "<az_09=x><_=y><0=z>");
}

static void test_nul_anywhere_is_refused_before_anything_is_taken(void) {
        Seen seen = {0};

        CHECK_INT(parse_bytes("a=1\nb=\0002\n", 9, &seen), -EBADMSG);
        CHECK_INT(parse_bytes("a=1\n\n\0", 6, &seen), -EBADMSG);
        CHECK_INT(seen.n, 0);
}

static void test_caller_can_end_the_walk(void) {
        Seen seen = {.answer = -ENOMEM};

        CHECK_INT(parse_bytes("a=1\nb=2\n", 8, &seen), -ENOMEM);
        CHECK_INT(seen.n, 1);
        seen = (Seen){.answer = 1}; /* what is not negative is no end */
        CHECK_INT(parse_bytes("a=1\nb=2\n", 8, &seen), 0);
        CHECK_INT(seen.n, 2);
}

TEST_MAIN(TEST(test_pairs_in_their_order),
          TEST(test_values_are_anything),
          TEST(test_last_line_may_lack_its_end),
          TEST(test_empty_line_ends_the_text),
          TEST(test_lines_of_another_form),
          TEST(test_names_of_every_character),
          TEST(test_nul_anywhere_is_refused_before_anything_is_taken),
          TEST(test_caller_can_end_the_walk))
