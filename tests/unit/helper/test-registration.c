/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/registration.h"

#include <errno.h>

#include "helper/form.h"
#include "vectors.h"

static void make(json_t *inputs, const char *method, Registration *ret) {
        const Request request = {.product_key = vector_string(inputs, "productKey"),
                                 .device_name = vector_string(inputs, "deviceName"),
                                 .secret = vector_string(inputs, "productSecret"),
                                 .sign_method = sign_method_from_string(method)};

        CHECK_INT(registration_make(&request, vector_string(inputs, "random"), ret), 0);
        CHECK_STR(ret->random, vector_string(inputs, "random"));
}

static void check_https(json_t *inputs, json_t *expected) {
        Registration registration;
        char *form;

        make(inputs, vector_string(inputs, "signMethod"), &registration);
        CHECK_STR(registration.sign, vector_string(expected, "sign"));

        const SignParam params[] = {{"productKey", vector_string(inputs, "productKey")},
                                    {"deviceName", vector_string(inputs, "deviceName")},
                                    {"random", registration.random},
                                    {"sign", registration.sign},
                                    {"signMethod", vector_string(inputs, "signMethod")}};
        CHECK_INT(form_encode(params, ARRAY_SIZE(params), &form), 0);
        CHECK_STR(form, vector_string(expected, "body"));
        free(form);
}

static void check_mqtt(json_t *inputs, json_t *expected) {
        Registration registration;

        make(inputs, vector_string(inputs, "signmethod"), &registration);
        CHECK_STR(registration.sign, vector_string(expected, "password"));
}

static void test_known_answers(void) {
        vectors_walk("https-dynreg", "", 2, check_https);
        vectors_walk("mqtt-dynreg", "", 4, check_mqtt);
}

static void test_random_is_fresh(void) {
        const Request request = {.product_key = "p", .device_name = "d", .secret = "s"};
        Registration a, b;

        CHECK_INT(registration_make(&request, NULL, &a), 0);
        CHECK_INT(registration_make(&request, NULL, &b), 0);
        CHECK_INT(strlen(a.random), 16);
        CHECK_INT(strspn(a.random, "0123456789ABCDEF"), 16);
        CHECK(strcmp(a.random, b.random) != 0);
        CHECK(strcmp(a.sign, b.sign) != 0);
        CHECK_INT(registration_make(&request, "12345678901234567", &a), -EINVAL);
}

static int take(RequestAuth auth, const char *text, Answer *ret_answer) {
        const Request request = {.auth = auth, .product_key = "pk", .device_name = "dn"};
        JsonReply *reply;
        int r;

        CHECK_INT(json_reply_parse(text, strlen(text), &reply), 0);
        r = registration_take(&request, reply, ret_answer);
        json_reply_free(reply);
        return r;
}

#define OURS "\"productKey\":\"pk\",\"deviceName\":\"dn\""

static void test_secret(void) {
        Answer answer = {0};

        CHECK_INT(take(REQUEST_AUTH_REGISTER, "{" OURS ",\"deviceSecret\":\"s\"}", &answer), 0);
        CHECK_STR(answer.device_secret, "s");
        CHECK(!answer.device_token && !answer.client_id);
        answer_done(&answer);
}

static void test_token(void) {
        Answer answer = {0};

        CHECK_INT(take(REQUEST_AUTH_REGISTER_FREE,
                       "{" OURS ",\"clientId\":\"c\",\"deviceToken\":\"t\"}", &answer),
                  0);
        CHECK_STR(answer.client_id, "c");
        CHECK_STR(answer.device_token, "t");
        CHECK(!answer.device_secret);
        answer_done(&answer);
}

static void test_what_is_missing(void) {
        static const struct {
                const char *text;
                RequestAuth auth;
                int error;
        } cases[] = {
                        {"{}", REQUEST_AUTH_REGISTER, REGISTRATION_E_INCOMPLETE},
                        {"{" OURS "}", REQUEST_AUTH_REGISTER, REGISTRATION_E_INCOMPLETE},
                        {"{\"deviceSecret\":\"s\"}", REQUEST_AUTH_REGISTER,
                         REGISTRATION_E_INCOMPLETE},
                        {"{" OURS ",\"clientId\":\"c\",\"deviceToken\":\"t\"}",
                         REQUEST_AUTH_REGISTER, REGISTRATION_E_INCOMPLETE},
                        {"{" OURS ",\"deviceSecret\":\"s\"}", REQUEST_AUTH_REGISTER_FREE,
                         REGISTRATION_E_INCOMPLETE},
                        {"{" OURS ",\"deviceToken\":\"t\"}", REQUEST_AUTH_REGISTER_FREE,
                         REGISTRATION_E_INCOMPLETE},
                        {"{\"productKey\":\"pk\",\"deviceName\":\"DN\",\"deviceSecret\":\"s\"}",
                         REQUEST_AUTH_REGISTER, REGISTRATION_E_FOREIGN},
                        {"{\"productKey\":\"px\",\"deviceName\":\"dn\",\"deviceSecret\":\"s\"}",
                         REQUEST_AUTH_REGISTER, REGISTRATION_E_FOREIGN},
        };
        Answer answer = {0};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CHECK_INT(take(cases[i].auth, cases[i].text, &answer), cases[i].error);
                CHECK(!answer.device_secret && !answer.device_token);
        }
}

TEST_MAIN(TEST(test_known_answers),
          TEST(test_random_is_fresh),
          TEST(test_secret),
          TEST(test_token),
          TEST(test_what_is_missing))
