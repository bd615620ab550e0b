/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/devicename.h"

#include <strings.h>

#include "vectors.h"

static void check_vector(json_t *inputs, json_t *expected) {
        const char *method = vector_string(inputs, "signmethod");
        const Request request = {.product_key = vector_string(inputs, "productKey"),
                                 .device_name = vector_string(inputs, "deviceName"),
                                 .client_id = vector_string(inputs, "clientId"),
                                 .timestamp = vector_string(inputs, "timestamp")};
        char *content, sign[SIGN_HEX_MAX];

        CHECK_INT(devicename_content(&request, &content), 0);
        CHECK_STR(content, vector_string(expected, "signContent"));
        CHECK_INT(sign_hex(method ? sign_method_from_string(method) : SIGN_HMACMD5,
                           vector_string(inputs, "deviceSecret"), content, sign),
                  0);
        CHECK(strcasecmp(sign, vector_string(expected, "sign")) == 0);
        free(content);
}

static void test_known_answers(void) {
        vectors_walk("https-auth-devicename", "", 2, check_vector);
}

static void test_without_a_timestamp(void) {
        const Request request = {.product_key = "p", .device_name = "d", .client_id = "c"};
        char *content;

        CHECK_INT(devicename_content(&request, &content), 0);
        CHECK_STR(content, "clientIdcdeviceNamedproductKeyp");
        free(content);
}

static int take(const char *client_id, const char *text, Answer *ret_answer) {
        const Request request = {.client_id = client_id};
        JsonReply *reply;
        int r;

        CHECK_INT(json_reply_parse(text, strlen(text), &reply), 0);
        r = devicename_take(&request, reply, ret_answer);
        json_reply_free(reply);
        return r;
}

/* The published reply, as printed: one of its names has a capital letter and a space. */
static void check_connect(json_t *inputs, json_t *expected) {
        Answer answer = {0};
        json_t *reply = json_pack("{s:i,s:{s:O,s:O,s:{s:{s:O,s:O}}},s:s}", "code", 200, "data",
                                  "iotId", json_object_get(inputs, "iotId"), "iotToken",
                                  json_object_get(inputs, "iotToken"), "Resources ", "mqtt", "host",
                                  json_object_get(inputs, "responseResourceHost"), "port",
                                  json_object_get(inputs, "responseResourcePort"), "message",
                                  "success");
        char *text = json_dumps(reply, 0);

        CHECK_INT(take(vector_string(inputs, "clientId"), text, &answer), 1);
        CHECK_STR(answer.username, vector_string(expected, "username"));
        CHECK_STR(answer.password, vector_string(expected, "password"));
        CHECK_STR(answer.host, vector_string(expected, "host"));
        CHECK_INT(answer.port, json_integer_value(json_object_get(expected, "port")));
        CHECK_STR(answer.client_id, vector_string(expected, "clientId"));
        CHECK_INT(answer.expires_sec, 604800);
        answer_done(&answer);
        free(text);
        json_decref(reply);
}

static void test_published_reply(void) {
        vectors_walk("https-auth-connect", "", 1, check_connect);
}

#define GOOD "\"iotId\":\"i\",\"iotToken\":\"t\""

static void test_resources_are_optional(void) {
        static const char *const texts[] = {
                        "{\"data\":{" GOOD "}}",
                        "{\"data\":{" GOOD ",\"resources\":null}}",
                        "{\"data\":{" GOOD ",\"resources\":{\"coap\":{\"host\":\"h\"}}}}",
                        "{\"data\":{" GOOD ",\"resources\":{\"mqtt\":{\"port\":1}}}}",
                        "{\"data\":{" GOOD
                        ",\"resources\":{\"mqtt\":{\"host\":\"a/b\",\"port\":1}}}}",
                        "{\"data\":{" GOOD
                        ",\"resources\":{\"mqtt\":{\"host\":\"a:9\",\"port\":1}}}}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                Answer answer = {0};

                CHECK_INT(take("c", texts[i], &answer), 1);
                CHECK_STR(answer.username, "i");
                CHECK(!answer.host);
                CHECK_INT(answer.port, 0);
                answer_done(&answer);
        }
}

static void test_port_may_be_text(void) {
        Answer answer = {0};

        CHECK_INT(take("c",
                       "{\"data\":{" GOOD
                       ",\"resources\":{\"mqtt\":{\"host\":\"h\",\"port\":\"443\"}}}}",
                       &answer),
                  1);
        CHECK_INT(answer.port, 443);
        answer_done(&answer);
}

static void test_incomplete_replies(void) {
        static const char *const texts[] = {"{}",
                                            "{\"data\":[]}",
                                            "{\"data\":{\"iotId\":\"i\"}}",
                                            "{\"data\":{\"iotToken\":\"t\"}}",
                                            "{\"data\":{\"iotId\":\"i\",\"iotToken\":\"a\\nb\"}}",
                                            "{\"data\":{\"iotId\":1,\"iotToken\":\"t\"}}"};
        Answer answer = {0};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CHECK_INT(take("c", texts[i], &answer), 0);
                CHECK(!answer.username && !answer.password);
        }
}

TEST_MAIN(TEST(test_known_answers),
          TEST(test_without_a_timestamp),
          TEST(test_published_reply),
          TEST(test_resources_are_optional),
          TEST(test_port_may_be_text),
          TEST(test_incomplete_replies))
