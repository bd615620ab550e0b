/* SPDX-License-Identifier: Apache-2.0 */
#include "local/codec-json.h"
#include "test.h"

static const char *text_of(Buffer *output) {
        CHECK_INT(buffer_append(output, "", 1), 0);
        return (const char *)buffer_data(output);
}

static void test_encodes_acks_and_errors(void) {
        const LocalId integer = {LOCAL_ID_INTEGER, INT64_MIN, ""},
                      string = {LOCAL_ID_STRING, 0, "a\"b"}, none = {0};
        const AckDetail bare = {.qos = -1, .count = -1},
                        pending = {.qos = 1, .pending = true, .count = -1},
                        receipt = {.qos = -1, .receipt = 17, .count = -1}, count = {.qos = -1};
        _cleanup_(buffer_deinit) Buffer b = {0};

        CHECK_INT(codec_json.encode_ack(&b, &integer, LOCAL_ACK_DELIVERED, &bare), 0);
        CHECK_INT(codec_json.encode_ack(&b, &string, LOCAL_ACK_SUBSCRIBED, &pending), 0);
        CHECK_INT(codec_json.encode_ack(&b, &none, LOCAL_ACK_STORED, &receipt), 0);
        CHECK_INT(codec_json.encode_ack(&b, &none, LOCAL_ACK_DROPPED, &count), 0);
        CHECK_INT(codec_json.encode_error(&b, &none, LOCAL_ERROR_BAD_TOPIC, NULL, "so \"so\"\n"),
                  0);
        CHECK_INT(codec_json.encode_error(&b, NULL, LOCAL_ERROR_REJECTED, "a/#", "\xff\x01"), 0);
        CHECK_STR(text_of(&b),
                  "{\"op\":\"ack\",\"id\":-9223372036854775808,\"state\":\"delivered\"}\n"
                  "{\"op\":\"ack\",\"id\":\"a\\\"b\",\"state\":\"subscribed\",\"qos\":1,"
                  "\"pending\":true}\n"
                  "{\"op\":\"ack\",\"state\":\"stored\",\"receipt\":17}\n"
                  "{\"op\":\"ack\",\"state\":\"dropped\",\"count\":0}\n"
                  "{\"op\":\"error\",\"code\":\"bad-topic\",\"message\":\"so \\\"so\\\"\\n\"}\n"
                  "{\"op\":\"error\",\"code\":\"rejected\",\"filter\":\"a/#\",\"message\":"
                  "\"?\\u0001\"}\n");
}

static void test_encodes_messages(void) {
        static const struct {
                const char *payload;
                size_t size;
                const char *expected;
        } cases[] = {
                        {"", 0, "\"payload\":\"\""},
                        {"now", 3, "\"payload\":\"now\""},
                        {"a\0b", 3, "\"payload\":\"a\\u0000b\""},
                        {"\"\\\n\r\t\b\f\x1f\x7f/", 10,
                         "\"payload\":\"\\\"\\\\\\n\\r\\t\\b\\f\\u001f\x7f/\""},
                        {"\xc3\xa9", 2, "\"payload\":\"\xc3\xa9\""},
                        {"\xff", 1, "\"payload_b64\":\"/w==\""},
                        {"\xc3", 1, "\"payload_b64\":\"ww==\""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(message_unrefp) Message *m = NULL;
                _cleanup_(buffer_deinit) Buffer b = {0};
                char expected[256];

                CHECK_INT(message_new(&m, "remote", cases[i].payload, cases[i].size, 1), 0);
                CHECK_INT(codec_json.encode_message(&b, "t\"x", m, 0, 0, false), 0);
                CHECK_INT(codec_json.encode_message(&b, "t", m, 1, 12, true), 0);
                (void)snprintf(expected, sizeof(expected),
                               "{\"op\":\"msg\",\"topic\":\"t\\\"x\",%s,\"qos\":0}\n"
                               "{\"op\":\"msg\",\"topic\":\"t\",%s,\"qos\":1,\"mid\":12,"
                               "\"redelivered\":true}\n",
                               cases[i].expected, cases[i].expected);
                CHECK_STR(text_of(&b), expected);
        }
}

static void test_encodes_facts(void) {
        const LocalFact facts[] = {
                        {"state", LOCAL_FACT_STRING, "online", 0},
                        {"reason", LOCAL_FACT_STRING, NULL, 0},
                        {"since", LOCAL_FACT_INTEGER, NULL, -5},
                        {"tls", LOCAL_FACT_BOOL, NULL, 1},
                        {"full", LOCAL_FACT_BOOL, NULL, 0},
        };
        const LocalId id = {LOCAL_ID_INTEGER, 0, ""};
        _cleanup_(buffer_deinit) Buffer b = {0};

        CHECK_INT(codec_json.encode_facts(&b, "status", &id, facts, ARRAY_SIZE(facts)), 0);
        CHECK_INT(codec_json.encode_facts(&b, "state", NULL, NULL, 0), 0);
        CHECK_STR(text_of(&b),
                  "{\"op\":\"status\",\"id\":0,\"state\":\"online\",\"since\":-5,\"tls\":true,"
                  "\"full\":false}\n{\"op\":\"state\"}\n");
}

static void test_encodes_spools(void) {
        const LocalSpooled items[] = {{17, "pk/dn/a\"b", 4, 1795300000, 0},
                                      {UINT64_MAX >> 1, "t", 0, 1, -1}};
        const LocalId id = {LOCAL_ID_INTEGER, 1, ""};
        _cleanup_(buffer_deinit) Buffer b = {0};

        CHECK_INT(codec_json.encode_spool(&b, &id, items, ARRAY_SIZE(items), 17), 0);
        CHECK_INT(codec_json.encode_spool(&b, NULL, NULL, 0, 0), 0);
        CHECK_STR(text_of(&b),
                  "{\"op\":\"spool\",\"id\":1,\"messages\":["
                  "{\"receipt\":17,\"topic\":\"pk/dn/a\\\"b\",\"size\":4,"
                  "\"accepted\":1795300000,\"expires_in\":0},"
                  "{\"receipt\":9223372036854775807,\"topic\":\"t\",\"size\":0,\"accepted\":1}"
                  "],\"more\":true,\"after\":17}\n{\"op\":\"spool\",\"messages\":[],\"more\":false}\n");
}

static void test_a_line_is_whole_or_absent(void) {
        _cleanup_(message_unrefp) Message *m = NULL;

        CHECK_INT(message_new(&m, "t", "\xff\xff\xff", 3, 1), 0);
        for (size_t max = 1; max < 80; max++) {
                _cleanup_(buffer_deinit) Buffer b = {.size_max = max};
                int r = codec_json.encode_message(&b, "t", m, 1, 1, false);

                CHECK(r < 0 ? buffer_size(&b) == 0 : buffer_data(&b)[buffer_size(&b) - 1] == '\n');
        }
}

TEST_MAIN(TEST(test_encodes_acks_and_errors),
          TEST(test_encodes_messages),
          TEST(test_encodes_facts),
          TEST(test_encodes_spools),
          TEST(test_a_line_is_whole_or_absent))
