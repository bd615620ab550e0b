/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/json-reply.h"

#include <errno.h>

#include "test.h"

static JsonReply *parse(const char *text) {
        JsonReply *reply = NULL;

        CHECK_INT(json_reply_parse(text, strlen(text), &reply), 0);
        return reply;
}

static void refused(const char *text, size_t size) {
        JsonReply *reply = NULL;

        CHECK_INT(json_reply_parse(text, size, &reply), JSON_REPLY_E_INVALID);
        CHECK(!reply);
}

static void test_names_with_spaces_and_capitals(void) {
        _cleanup_(json_reply_freep) JsonReply *reply =
                        parse("{\"data\":{\"Resources \":{\" MQTT\\t\":{\"HOST\":\"h\"}}}}");
        JsonReply *resources = json_reply_member(json_reply_member(reply, "data"), "resources");

        CHECK(resources);
        CHECK_STR(json_reply_string(json_reply_member(resources, "mqtt"), "host"), "h");
        CHECK(!json_reply_member(reply, "dat"));
        CHECK(!json_reply_member(reply, "datax"));
        CHECK(!json_reply_member(reply, ""));
}

static void test_the_exact_name_wins(void) {
        _cleanup_(json_reply_freep) JsonReply *reply =
                        parse("{\"Code \":\"a\",\"code\":\"b\",\"CODE\":\"c\"}");

        CHECK_STR(json_reply_string(reply, "code"), "b");
}

static void test_strings(void) {
        _cleanup_(json_reply_freep) JsonReply *reply = parse(
                        "{\"s\":\"\\u00e9\",\"empty\":\"\",\"line\":\"a\\nb\",\"del\":\"\\u007f\","
                        "\"n\":1,\"null\":null,\"o\":{},\"a\":[\"x\"]}");
        static const char *const unfit[] = {"empty", "line", "del", "n", "null", "o", "a", "none"};

        CHECK_STR(json_reply_string(reply, "s"), "\xc3\xa9");
        for (size_t i = 0; i < ARRAY_SIZE(unfit); i++)
                CHECK(!json_reply_string(reply, unfit[i]));
        CHECK(!json_reply_string(NULL, "s"));
        CHECK(!json_reply_member(NULL, "s"));
        CHECK(!json_reply_member(reply, "a"));
}

static void test_long_strings(void) {
        char text[JSON_REPLY_STRING_MAX + 16];
        JsonReply *reply;

        (void)snprintf(text, sizeof(text), "{\"s\":\"%0*d\"}", (int)JSON_REPLY_STRING_MAX, 0);
        reply = parse(text);
        CHECK(json_reply_string(reply, "s"));
        json_reply_free(reply);
        (void)snprintf(text, sizeof(text), "{\"s\":\"%0*d\"}", (int)JSON_REPLY_STRING_MAX + 1, 0);
        reply = parse(text);
        CHECK(!json_reply_string(reply, "s"));
        json_reply_free(reply);
}

static void test_numbers(void) {
        _cleanup_(json_reply_freep) JsonReply *reply =
                        parse("{\"n\":200,\"s\":\"1883\",\"minus\":-1,\"real\":1.0,\"big\":65536,"
                              "\"text\":\"0x1\",\"bool\":true,\"void\":\"\"}");
        static const char *const unfit[] = {"minus", "real", "big", "text", "bool", "void", "none"};
        uint64_t n = 7;

        for (size_t i = 0; i < ARRAY_SIZE(unfit); i++)
                CHECK_INT(json_reply_number(reply, unfit[i], 65535, &n), -ENOENT);
        CHECK_INT(n, 7);
        CHECK_INT(json_reply_number(reply, "n", 200, &n), 0);
        CHECK_INT(n, 200);
        CHECK_INT(json_reply_number(reply, "s", 65535, &n), 0);
        CHECK_INT(n, 1883);
        CHECK_INT(json_reply_number(NULL, "s", 65535, &n), -ENOENT);
}

static void test_garbage(void) {
        static const char *const bad[] = {"",
                                          "{",
                                          "[]",
                                          "\"s\"",
                                          "1",
                                          "null",
                                          "{\"a\":1}x",
                                          "{\"a\":1,\"a\":2}",
                                          "{\"a\":\"\xff\"}",
                                          "{\"a\":\"\\u0000\"}",
                                          "<html>",
                                          "{'a':1}",
                                          "{\"a\":NaN}",
                                          "{\"n\":99999999999999999999999}"};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                refused(bad[i], strlen(bad[i]));
        refused("{}\0", 3);
}

static void test_limits(void) {
        char *text = malloc(JSON_REPLY_SIZE_MAX + 1);
        JsonReply *reply;

        memset(text, ' ', JSON_REPLY_SIZE_MAX + 1);
        memcpy(text, "{}", 2);
        CHECK_INT(json_reply_parse(text, JSON_REPLY_SIZE_MAX, &reply), 0);
        json_reply_free(reply);
        refused(text, JSON_REPLY_SIZE_MAX + 1);

        /* Depth, too, has an end long before the stack has one. */
        memset(text, '[', JSON_REPLY_SIZE_MAX);
        memcpy(text, "{\"a\":", 5);
        refused(text, JSON_REPLY_SIZE_MAX);
        free(text);
}

int main(void) {
        static const Test tests[] = {TEST(test_names_with_spaces_and_capitals),
                                     TEST(test_the_exact_name_wins),
                                     TEST(test_strings),
                                     TEST(test_long_strings),
                                     TEST(test_numbers),
                                     TEST(test_garbage),
                                     TEST(test_limits)};

        json_reply_init();
        return test_run(tests, ARRAY_SIZE(tests));
}
