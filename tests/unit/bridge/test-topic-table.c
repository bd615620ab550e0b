/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/topic-table.h"

#include "test.h"

static uint64_t hash_of(uint64_t n) {
        return n * UINT64_C(0x9e3779b97f4a7c15);
}

static void test_clear_when_the_last_is_delivered(void) {
        TopicTable table = {0};

        CHECK(topic_table_is_clear(&table, 1, 1));
        topic_table_add(&table, 1, 10, 10);
        topic_table_add(&table, 2, 11, 10);
        topic_table_add(&table, 1, 12, 10);
        topic_table_add(&table, 2, 5, 10); /* the order does not matter */
        CHECK(!topic_table_is_clear(&table, 1, 10) && !topic_table_is_clear(&table, 2, 11));
        CHECK(topic_table_is_clear(&table, 2, 12) && !topic_table_is_clear(&table, 1, 12));
        CHECK(topic_table_is_clear(&table, 1, 13));
        CHECK(topic_table_is_clear(&table, 3, 10));
        topic_table_done(&table);
}

/* The same as an array of all topics would say, and no larger than it must be. */
static void test_many_topics_that_come_and_go(void) {
        static uint64_t last[50000];
        TopicTable table = {0};
        uint64_t oldest = 1, dice = 1;

        for (uint64_t seq = 1; seq <= 300000; seq++) {
                uint64_t topic;

                dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
                topic = (dice >> 33) % 6000 + seq / 8;
                topic %= ARRAY_SIZE(last);
                if (last[topic] < oldest)
                        CHECK(topic_table_is_clear(&table, hash_of(topic), oldest));
                else
                        CHECK(!topic_table_is_clear(&table, hash_of(topic), oldest));
                topic_table_add(&table, hash_of(topic), seq, oldest);
                last[topic] = seq;
                if (seq > 5000)
                        oldest = seq - 5000;
        }
        CHECK_INT(table.watermark, 0);
        CHECK(table.n_places <= 16384);
        topic_table_done(&table);
}

/* Beyond its bound, topics are not told apart until what is there now has been delivered. */
static void test_too_many(void) {
        TopicTable table = {0};
        uint64_t n = TOPICS_MAX + 100;

        for (uint64_t seq = 1; seq <= n; seq++)
                topic_table_add(&table, hash_of(seq), seq, 1);
        CHECK(table.n_places <= TOPICS_MAX * 2);
        CHECK(table.watermark > 0 && table.watermark <= n);
        for (uint64_t seq = 1; seq <= n; seq++)
                CHECK(!topic_table_is_clear(&table, hash_of(seq), seq));
        CHECK(!topic_table_is_clear(&table, hash_of(n + 1), table.watermark));
        CHECK(topic_table_is_clear(&table, hash_of(n + 1), table.watermark + 1));
        topic_table_done(&table);
}

static void test_what_is_learned_of_the_store(void) {
        const StoreTopic found[] = {{.hash = 1, .last_seq = 4}, {.hash = 2, .last_seq = 9}};
        TopicTable table = {0};

        topic_table_raise(&table, 9);
        CHECK(!topic_table_is_clear(&table, 3, 5) && topic_table_is_clear(&table, 3, 10));
        topic_table_add(&table, 1, 12, 1);
        topic_table_learn(&table, found, ARRAY_SIZE(found), 9);
        CHECK(topic_table_is_clear(&table, 3, 1));
        CHECK(!topic_table_is_clear(&table, 2, 9) && topic_table_is_clear(&table, 2, 10));
        CHECK(!topic_table_is_clear(&table, 1, 12));
        topic_table_done(&table);

        /* Too much has come before it was known. */
        table = (TopicTable){0};
        topic_table_raise(&table, 9);
        for (uint64_t seq = 10; seq < 10 + 2 * TOPICS_MAX; seq++)
                topic_table_add(&table, hash_of(seq), seq, 1);
        topic_table_learn(&table, found, ARRAY_SIZE(found), 9);
        CHECK(!topic_table_is_clear(&table, 3, 10));
        topic_table_done(&table);
}

TEST_MAIN(TEST(test_clear_when_the_last_is_delivered),
          TEST(test_many_topics_that_come_and_go),
          TEST(test_too_many),
          TEST(test_what_is_learned_of_the_store))
