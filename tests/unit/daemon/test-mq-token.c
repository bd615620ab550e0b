/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/mq-token.h"

#include <errno.h>

#include "link-world.h"

static Message *notice(const char *topic, const char *payload, size_t size) {
        Message *message;

        CHECK_INT(message_new(&message, topic, payload, size, 1), 0);
        return message;
}

static void test_topics(void) {
        static const struct {
                const char *topic;
                MqNotice notice;
        } topics[] = {{"$SYS/tokenExpireNotice", MQ_NOTICE_EXPIRES},
                      {"$SYS/tokenInvalidNotice", MQ_NOTICE_INVALID},
                      {"$SYS/uploadToken", MQ_NOTICE_NONE},
                      {"$SYS/tokenExpireNotice/", MQ_NOTICE_NONE},
                      {"$sys/tokenexpirenotice", MQ_NOTICE_NONE},
                      {"a", MQ_NOTICE_NONE}};

        for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
                _cleanup_(message_unrefp) Message *m = notice(topics[i].topic, "", 0);

                CHECK_INT(mq_token_notice(m), topics[i].notice);
        }
}

static const char *words(const char *payload, size_t size) {
        /* In a block of its very size, so that a sanitizer sees each step beyond. */
        char *copy = malloc(size > 0 ? size : 1);
        const char *found;
        Message *m;

        CHECK(copy);
        if (size > 0)
                memcpy(copy, payload, size);
        m = notice("$SYS/tokenInvalidNotice", copy, size);
        found = mq_token_invalid_words(m);
        message_unref(m);
        free(copy);
        return found;
}

static void test_codes(void) {
        static const struct {
                const char *payload, *word;
        } codes[] = {{"{\"code\":1,\"type\":\"RW\"}", "(code 1)"},
                     {"{\"type\":\"RW\",\"code\":2}", "(code 2)"},
                     {"{ \"code\" : 3 }", "(code 3)"},
                     {"{\"code\":\"4\"}", "(code 4)"},
                     {"{\"code\":5", "(code 5)"},
                     {"{\"code\":8}", "(code 8)"},
                     {"{\"code\":-1}", "(code -1)"},
                     {"{\"code\":\"-1\"}", "(code -1)"},
                     {"{\"code\":12}", "no reason that is known"},
                     {"{\"code\":99999999999999999999}", "no reason that is known"},
                     {"{\"code\":-99999999999999999999}", "no reason that is known"},
                     {"{\"code\":}", "no reason that is known"},
                     {"{\"code\":", "no reason that is known"},
                     {"{\"code\":-", "no reason that is known"},
                     {"{\"code\"", "no reason that is known"},
                     {"{\"cod", "no reason that is known"},
                     {"code=1", "no reason that is known"},
                     {"", "no reason that is known"}};

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                CHECK(strstr(words(codes[i].payload, strlen(codes[i].payload)), codes[i].word));
        CHECK(strstr(words("\"code\":\0001", 9), "no reason"));
        CHECK(strstr(words("\0\"code\":3", 9), "(code 3)"));
}

static void online(World *w) {
        set_up(w, 0, fixed_random);
        link_start(w->link, w->now);
        fake_connected(w->fake, false);
        dispatch(w);
        fake_forget(w->fake);
}

static void test_upload(void) {
        World w;

        online(&w);
        CHECK_INT(mq_token_upload(w.link, "RW|abc+/="), 1);
        CHECK_INT(w.fake->n_requests, 1);
        CHECK_STR(w.fake->requests[0].topic, "$SYS/uploadToken");
        CHECK_STR(w.fake->requests[0].payload, "{\"token\":\"abc+/=\",\"type\":\"RW\"}");
        CHECK_INT(w.fake->requests[0].qos, 1);
        tear_down(&w);
}

static void test_upload_of_several(void) {
        World w;

        online(&w);
        CHECK_INT(mq_token_upload(w.link, "W|first|R|second"), 2);
        CHECK_INT(w.fake->n_requests, 2);
        CHECK_STR(w.fake->requests[0].payload, "{\"token\":\"first\",\"type\":\"W\"}");
        CHECK_STR(w.fake->requests[1].payload, "{\"token\":\"second\",\"type\":\"R\"}");
        tear_down(&w);
}

static void test_tokens_of_another_form(void) {
        static const char *const bad[] = {"",        "RW",      "RW|",    "|abc",
                                          "X|abc",   "rw|abc",  "abc",    "RW|a b",
                                          "RW|a\"b", "RW|a\\b", "RW|a\n", "RW|\xc3\xa4"};
        World w;

        online(&w);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK_INT(mq_token_upload(w.link, bad[i]), -EINVAL);
        CHECK_INT(w.fake->n_requests, 0);
        tear_down(&w);
}

static void test_offline(void) {
        World w;

        set_up(&w, 0, fixed_random);
        CHECK_INT(mq_token_upload(w.link, "RW|abc"), -ENOTCONN);
        tear_down(&w);
}

TEST_MAIN(TEST(test_topics),
          TEST(test_codes),
          TEST(test_upload),
          TEST(test_upload_of_several),
          TEST(test_tokens_of_another_form),
          TEST(test_offline))
