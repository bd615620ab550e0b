/* SPDX-License-Identifier: Apache-2.0 */
#include "message/message.h"
#include "message/topic.h"
#include "test.h"

static void test_names(void) {
        static const char *const good[] = {
                        "a",
                        "/",
                        "//",
                        "a/",
                        "/a",
                        "a//b",
                        "$SYS/x",
                        " ",
                        "a b",
                        "\x01",
                        "\xc3\xa9/\xe4\xb8\xad/\xf0\x9f\x98\x80",
        };
        static const char *const bad[] = {
                        "",    "+",  "#",    "a/+",        "a/#",
                        "a+b", "a#", "\xff", "a/\xc0\x80", "\xed\xa0\x80",
        };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                CHECK(!topic_name_problem(good[i], NULL));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK(topic_name_problem(bad[i], NULL));
        CHECK_STR(topic_name_problem("", NULL), "is empty");
        CHECK_STR(topic_name_problem("a/#", NULL), "contains the wildcard '#'");
        CHECK_STR(topic_name_problem("a/+/#", NULL), "contains the wildcard '+'");
}

static void test_filters(void) {
        static const char *const good[] = {"a",     "#",   "+",   "+/+", "/+",     "+/",
                                           "a/+/b", "a/#", "+/#", "/#",  "$SYS/#", "//#"};
        static const char *const bad[] = {"",   "a#", "#/",     "#/a", "a/#/b", "##",
                                          "a+", "+a", "a/b+/c", "++",  "+#",    "\xff/#"};

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                CHECK(!topic_filter_problem(good[i], NULL));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK(topic_filter_problem(bad[i], NULL));
}

static void test_limits(void) {
        const TopicLimits limits = {.max_bytes = 8, .max_slashes = 2}, none = {0};
        char longest[MESSAGE_TOPIC_MAX + 2];

        CHECK(!topic_name_problem("12345678", &limits));
        CHECK(topic_name_problem("123456789", &limits));
        CHECK(!topic_name_problem("123456789", &none));
        CHECK(!topic_name_problem("/a/", &limits));
        CHECK(topic_name_problem("/a//", &limits));
        CHECK(topic_filter_problem("+/+/+/#", &limits));
        CHECK(!topic_filter_problem("+/+/#", &limits));

        memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        CHECK(topic_name_problem(longest, NULL));
        longest[sizeof(longest) - 2] = '\0';
        CHECK(!topic_name_problem(longest, NULL));
}

static void test_matching(void) {
        static const struct {
                const char *filter, *topic;
                bool matches;
        } cases[] = {
                        /* The examples of MQTT 3.1.1 §4.7.1 and §4.7.2 */
                        {"sport/tennis/player1/#", "sport/tennis/player1", true},
                        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
                        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
                        {"sport/#", "sport", true},
                        {"sport/tennis/+", "sport/tennis/player1", true},
                        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
                        {"sport/+", "sport", false},
                        {"sport/+", "sport/", true},
                        {"+/+", "/finance", true},
                        {"/+", "/finance", true},
                        {"+", "/finance", false},
                        {"#", "$SYS/x", false},
                        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
                        {"$SYS/#", "$SYS/a/b", true},
                        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
                        /* And the corners */
                        {"a", "a", true},
                        {"a", "A", false},
                        {"a", "ab", false},
                        {"ab", "a", false},
                        {"a/b", "a", false},
                        {"a", "a/b", false},
                        {"a", "a/", false},
                        {"a/", "a", false},
                        {"#", "/", true},
                        {"#", "a", true},
                        {"/#", "/", true},
                        {"/#", "a", false},
                        {"a/#", "a/", true},
                        {"a/#", "ab", false},
                        {"a/#", "b", false},
                        {"+/#", "a", true},
                        {"a/+/#", "a", false},
                        {"a/+/#", "a/b", true},
                        {"a//b", "a//b", true},
                        {"a/+/b", "a//b", true},
                        {"a//b", "a/b", false},
                        {"a/#", "a/$x", true},
                        {"a/+", "a/$x", true},
                        {"$a", "$a", true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                CHECK(topic_matches(cases[i].filter, cases[i].topic) == cases[i].matches);
}

TEST_MAIN(TEST(test_names), TEST(test_filters), TEST(test_limits), TEST(test_matching))
