/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "message/message.h"
#include "test.h"

static void test_holds_what_it_was_given(void) {
        _cleanup_(message_unrefp) Message *m = NULL;
        char topic[] = "a/b";
        unsigned char payload[] = {0, 1, 255, 0};

        CHECK_INT(message_new(&m, topic, payload, sizeof(payload), 1), 0);
        topic[0] = 'x';
        payload[1] = 7;
        CHECK_STR(message_topic(m), "a/b");
        CHECK_INT(message_payload_size(m), 4);
        CHECK(memcmp(message_payload(m), "\0\1\377\0", 4) == 0);
        CHECK_INT(message_qos(m), 1);
        CHECK(message_footprint(m) >= 4 + 4);
}

static void test_payload_may_be_empty(void) {
        _cleanup_(message_unrefp) Message *m = NULL;

        CHECK_INT(message_new(&m, "t", NULL, 0, 0), 0);
        CHECK_INT(message_payload_size(m), 0);
        CHECK(message_payload(m));
        CHECK_STR(message_topic(m), "t");
}

static void test_renamed_keeps_payload_and_qos(void) {
        _cleanup_(message_unrefp) Message *m = NULL, *n = NULL;

        CHECK_INT(message_new(&m, "short", "payload", 7, 1), 0);
        CHECK_INT(message_new_renamed(&n, m, "a/much/longer/topic"), 0);
        m = message_unref(m);
        CHECK(!m);
        CHECK_STR(message_topic(n), "a/much/longer/topic");
        CHECK_INT(message_payload_size(n), 7);
        CHECK(memcmp(message_payload(n), "payload", 7) == 0);
        CHECK_INT(message_qos(n), 1);
}

static void test_refuses_a_size_that_can_not_be(void) {
        Message *m = NULL;

        CHECK(message_new(&m, "t", "", SIZE_MAX, 0) < 0);
        CHECK(!m);
}

static void *ref_and_unref(void *userdata) {
        Message *m = userdata;

        for (unsigned i = 0; i < 100000; i++)
                message_unref(message_ref(m));
        return NULL;
}

static void test_references_are_counted_across_threads(void) {
        Message *m = NULL;
        pthread_t threads[4];

        CHECK_INT(message_new(&m, "t", "x", 1, 0), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                CHECK_INT(pthread_create(&threads[i], NULL, ref_and_unref, message_ref(m)), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
                CHECK_INT(pthread_join(threads[i], NULL), 0);
                message_unref(m);
        }
        CHECK_STR(message_topic(m), "t");
        CHECK(!message_unref(m));
        CHECK(!message_unref(NULL));
}

TEST_MAIN(TEST(test_holds_what_it_was_given),
          TEST(test_payload_may_be_empty),
          TEST(test_renamed_keeps_payload_and_qos),
          TEST(test_refuses_a_size_that_can_not_be),
          TEST(test_references_are_counted_across_threads))
