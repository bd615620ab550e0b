/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/answer.h"

#include <errno.h>

#include "test.h"

static void check_text(Answer *answer, const char *expected) {
        char *text;

        CHECK_INT(answer_format(answer, &text), 0);
        CHECK_STR(text, expected);
        free(text);
        answer_done(answer);
}

static void test_credentials(void) {
        Answer answer = {.expires_sec = 604800,
                         .client_id = strdup("pk.dn"),
                         .username = strdup("id"),
                         .password = strdup("token=with=equals"),
                         .host = strdup("broker.example"),
                         .port = 65535};

        check_text(&answer, "result=ok\nclient_id=pk.dn\nusername=id\npassword=token=with=equals\n"
                            "host=broker.example\nport=65535\nexpires_in=604800\n");
}

static void test_registered(void) {
        Answer answer = {.device_secret = strdup("s")};

        check_text(&answer, "result=ok\ndevice_secret=s\n");
        answer = (Answer){.client_id = strdup("c"), .device_token = strdup("t")};
        check_text(&answer, "result=ok\nclient_id=c\ndevice_token=t\n");
}

static void test_failures(void) {
        Answer answer = {.device_secret = strdup("not to be told any more")};

        CHECK_INT(answer_fail(&answer, RESULT_REFUSED, 6288, "no, %s", "never"), 0);
        CHECK(!answer.device_secret);
        check_text(&answer, "result=refused\ncode=6288\nmessage=no, never\n");
        CHECK_INT(answer_fail(&answer, RESULT_TEMPORARY, 0, "not now"), 0);
        check_text(&answer, "result=temporary\nmessage=not now\n");
}

/* A value with a line break could pass for more lines. */
static void test_refuses_control_characters(void) {
        static const char *const bad[] = {"a\nresult=ok", "a\r", "\t", "\x7f", "\x1b[2J"};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Answer answer = {.password = strdup(bad[i])};
                char *text = NULL;

                CHECK_INT(answer_format(&answer, &text), -EBADMSG);
                CHECK(!text);
                answer_done(&answer);
        }
}

static void test_done_twice(void) {
        Answer answer = {.username = strdup("u")};

        answer_done(&answer);
        answer_done(&answer);
        CHECK(!answer.username);
}

TEST_MAIN(TEST(test_credentials),
          TEST(test_registered),
          TEST(test_failures),
          TEST(test_refuses_control_characters),
          TEST(test_done_twice))
