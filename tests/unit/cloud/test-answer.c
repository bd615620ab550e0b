/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/answer.h"

#include "test.h"

static Answer take(void) {
        Answer answer;

        answer_take(&answer);
        return answer;
}

static Reason explain(const char *text, size_t n, char detail[REASON_DETAIL_MAX]) {
        Answer answer;

        answer_await();
        answer_note(text, n);
        answer = take();
        return answer_explain(&answer, detail);
}

#define EXPLAIN(_text, _detail) explain(_text, sizeof(_text) - 1, _detail)

static void test_only_the_first_bytes_of_an_attempt_are_kept(void) {
        char many[ANSWER_MAX + 1] = {0};
        Answer answer;

        answer_await();
        CHECK(answer_is_awaited());
        answer_note("ab", 2);
        answer_note("c", 1);
        answer = take();
        CHECK(!answer_is_awaited());
        CHECK_INT(answer.n, 3);
        CHECK(memcmp(answer.bytes, "abc", 3) == 0);

        answer_await();
        answer_note("x", 1);
        answer_note(many, sizeof(many));
        CHECK(!answer_is_awaited());
        answer = take();
        CHECK_INT(answer.n, ANSWER_MAX);
        CHECK_INT(answer.bytes[0], 'x');

        answer_await();
        answer_note_alert(116);
        answer = take();
        CHECK_INT(answer.n, 0);
        CHECK_INT(answer.alert, 116);
}

static void test_what_an_answer_says(void) {
        char detail[REASON_DETAIL_MAX];

        CHECK_INT(EXPLAIN("", detail), REASON_NONE);
        CHECK_INT(EXPLAIN("HTTP/1.0 200 OK\r\nServer: x\r\n", detail), REASON_CAPTIVE_PORTAL);
        CHECK_STR(detail, "it says \"HTTP/1.0 200 OK\"");
        CHECK_INT(EXPLAIN("<html><body>", detail), REASON_CAPTIVE_PORTAL);
        CHECK_INT(EXPLAIN("SSH-2.0-OpenSSH_9.2\r\n", detail), REASON_BAD_ANSWER);
        CHECK_STR(detail, "it says \"SSH-2.0-OpenSSH_9.2\"");
        CHECK_INT(EXPLAIN("\x90\x03zzz", detail), REASON_BAD_ANSWER);
        CHECK_STR(detail, "");
        CHECK_INT(EXPLAIN("ab\x1b[2Jcd", detail), REASON_BAD_ANSWER);
        CHECK_STR(detail, "");
}

static void test_what_is_tls(void) {
        Answer answer = {.bytes = {0x15, 3, 1, 0, 2}, .n = 5};

        CHECK(answer_is_tls(&answer));
        answer.bytes[0] = 0x16;
        CHECK(answer_is_tls(&answer));
        answer.bytes[1] = 0;
        CHECK(!answer_is_tls(&answer));
        answer = (Answer){.bytes = {0x15}, .n = 1};
        CHECK(!answer_is_tls(&answer));
}

static void test_alerts(void) {
        char detail[REASON_DETAIL_MAX];

        CHECK_INT(answer_explain_alert(116, detail), REASON_TLS_CLIENT_CERTIFICATE);
        CHECK(detail[0]);
        CHECK_INT(answer_explain_alert(48, detail), REASON_TLS_CLIENT_CERTIFICATE);
        CHECK_INT(answer_explain_alert(40, detail), REASON_NONE);
        CHECK_INT(answer_explain_alert(0, detail), REASON_NONE);
}

TEST_MAIN(TEST(test_only_the_first_bytes_of_an_attempt_are_kept),
          TEST(test_what_an_answer_says),
          TEST(test_what_is_tls),
          TEST(test_alerts))
