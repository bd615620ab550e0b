/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/explain.h"

#include "helper/https.h"
#include "test.h"

static void check_words(const Explanation *e) {
        CHECK(e && *e->what && *e->advice);
        CHECK(e->result == RESULT_TEMPORARY || e->result == RESULT_REFUSED);
        CHECK(e->what[strlen(e->what) - 1] != '.');
        CHECK(e->advice[strlen(e->advice) - 1] != '.');
}

static void test_service_codes(void) {
        static const int refused[] = {401, 460, 5001, 6100, 6200, 6250, 6288, 6289, 6292, 6600};
        static const int temporary[] = {429, 500};
        const Explanation *unknown = explain_service(12345);

        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                CHECK_INT(explain_service(refused[i])->result, RESULT_REFUSED);
                CHECK(explain_service(refused[i]) != unknown);
                check_words(explain_service(refused[i]));
        }
        for (size_t i = 0; i < ARRAY_SIZE(temporary); i++) {
                CHECK_INT(explain_service(temporary[i])->result, RESULT_TEMPORARY);
                check_words(explain_service(temporary[i]));
        }
        CHECK_INT(unknown->result, RESULT_REFUSED);
        check_words(unknown);
        CHECK(strstr(explain_service(6288)->advice, "console"));
}

static void test_connack_codes(void) {
        for (int code = -1; code <= 256; code++)
                check_words(explain_connack(code));
        CHECK_INT(explain_connack(3)->result, RESULT_TEMPORARY);
        CHECK_INT(explain_connack(2)->result, RESULT_REFUSED);
        CHECK_INT(explain_connack(4)->result, RESULT_REFUSED);
        CHECK_INT(explain_connack(5)->result, RESULT_REFUSED);
}

static void test_http_statuses(void) {
        for (int status = 0; status < 700; status++)
                check_words(explain_http_status(status));
        CHECK_INT(explain_http_status(503)->result, RESULT_TEMPORARY);
        CHECK_INT(explain_http_status(429)->result, RESULT_TEMPORARY);
        CHECK_INT(explain_http_status(408)->result, RESULT_TEMPORARY);
        CHECK_INT(explain_http_status(302)->result, RESULT_REFUSED);
        CHECK_INT(explain_http_status(404)->result, RESULT_REFUSED);
        CHECK_INT(explain_http_status(418)->result, RESULT_REFUSED);
}

static void test_transfers(void) {
        for (int error = -1; error <= _HTTPS_E_MAX + 1; error++)
                check_words(explain_https(error));
        CHECK(explain_https(HTTPS_E_DNS) != explain_https(HTTPS_E_OTHER));
        CHECK_INT(explain_https(HTTPS_E_DNS)->result, RESULT_TEMPORARY);
        CHECK_INT(explain_https(HTTPS_E_UNTRUSTED)->result, RESULT_REFUSED);
        CHECK_INT(explain_https(HTTPS_E_NOT_YET_VALID)->result, RESULT_TEMPORARY);
}

static void test_quotes(void) {
        const char *const secrets[] = {"Sesame", NULL};
        char quote[EXPLAIN_QUOTE_MAX], text[400];

        explain_quote("as it is", secrets, ARRAY_SIZE(secrets), quote);
        CHECK_STR(quote, "as it is");
        explain_quote(NULL, secrets, ARRAY_SIZE(secrets), quote);
        CHECK_STR(quote, "");
        explain_quote("wrong key 'sESAME'", secrets, ARRAY_SIZE(secrets), quote);
        CHECK_STR(quote, "");

        (void)snprintf(text, sizeof(text), "%0*d", EXPLAIN_QUOTE_MAX - 1, 0);
        explain_quote(text, NULL, 0, quote);
        CHECK_STR(quote, text);
        (void)snprintf(text, sizeof(text), "%0*d\xe2\x82\xac", EXPLAIN_QUOTE_MAX - 3, 0);
        explain_quote(text, NULL, 0, quote);
        CHECK_INT(strlen(quote), EXPLAIN_QUOTE_MAX - 3);
}

static void check_message(int code, const char *evidence, const char *quote, const char *expected) {
        static const Explanation e = {RESULT_REFUSED, "it is closed", "Come tomorrow"};
        Answer answer = {0};

        CHECK_INT(explain_answer(&answer, &e, "shop", code, evidence, quote), 0);
        CHECK_INT(answer.result, RESULT_REFUSED);
        CHECK_INT(answer.code, code);
        CHECK_STR(answer.message, expected);
        answer_done(&answer);
}

static void test_messages(void) {
        check_message(0, NULL, NULL, "shop: it is closed. Come tomorrow.");
        check_message(7, "code 7", "", "shop: it is closed (code 7). Come tomorrow.");
        check_message(7, "code 7", "no",
                      "shop: it is closed (code 7, the server says: no). Come tomorrow.");
        check_message(0, NULL, "no", "shop: it is closed (the server says: no). Come tomorrow.");
}

TEST_MAIN(TEST(test_service_codes),
          TEST(test_connack_codes),
          TEST(test_http_statuses),
          TEST(test_transfers),
          TEST(test_quotes),
          TEST(test_messages))
