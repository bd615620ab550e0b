/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "test.h"
#include "util/buffer.h"

static void test_keeps_bytes_in_order(void) {
        _cleanup_(buffer_deinit) Buffer b = {0};
        unsigned next_in = 0, next_out = 0, random = 1;

        /* A queue of bytes that count up, moved in pieces of many sizes */
        for (unsigned i = 0; i < 20000; i++) {
                uint8_t piece[700];
                size_t n;

                random = random * 1103515245 + 12345;
                n = (random >> 16) % sizeof(piece);
                for (size_t j = 0; j < n; j++)
                        piece[j] = (uint8_t)next_in++;
                CHECK_INT(buffer_append(&b, piece, n), 0);

                random = random * 1103515245 + 12345;
                n = (random >> 16) % (2 * sizeof(piece));
                if (n > buffer_size(&b))
                        n = buffer_size(&b);
                for (size_t j = 0; j < n; j++)
                        CHECK_INT(buffer_data(&b)[j], (uint8_t)next_out++);
                buffer_consume(&b, n);
                CHECK_INT(buffer_size(&b), next_in - next_out);
        }
}

static void test_does_not_grow_without_need(void) {
        _cleanup_(buffer_deinit) Buffer b = {0};
        uint8_t piece[1000] = {0};

        for (unsigned i = 0; i < 10; i++)
                CHECK_INT(buffer_append(&b, piece, sizeof(piece)), 0);
        for (unsigned i = 0; i < 100000; i++) {
                CHECK_INT(buffer_append(&b, piece, sizeof(piece)), 0);
                buffer_consume(&b, sizeof(piece));
        }
        CHECK(b.allocated <= 4 * 11 * sizeof(piece));
}

static void test_limit(void) {
        _cleanup_(buffer_deinit) Buffer b = {.size_max = 10};
        uint8_t *room = NULL;

        CHECK_INT(buffer_append(&b, "12345", 5), 0);
        CHECK_INT(buffer_append(&b, "123456", 6), -ENOBUFS);
        CHECK_INT(buffer_size(&b), 5);
        CHECK_INT(buffer_append(&b, "67890", 5), 0);
        CHECK_INT(buffer_reserve(&b, 1, &room), -ENOBUFS);
        CHECK(!room);
        buffer_consume(&b, 4);
        CHECK_INT(buffer_append(&b, "abcd", 4), 0);
        CHECK(memcmp(buffer_data(&b), "567890abcd", 10) == 0);
        CHECK_INT(buffer_reserve(&b, SIZE_MAX, &room), -ENOBUFS);
}

static void test_reserve_truncate_and_trim(void) {
        _cleanup_(buffer_deinit) Buffer b = {0};
        uint8_t *room = NULL;

        CHECK_INT(buffer_append(&b, NULL, 0), 0);
        CHECK_INT(buffer_reserve(&b, 100, &room), 0);
        memset(room, 'x', 100);
        buffer_commit(&b, 3);
        CHECK_INT(buffer_size(&b), 3);
        buffer_trim(&b);
        CHECK(b.allocated > 0);
        CHECK_INT(buffer_append(&b, "yz", 2), 0);
        buffer_truncate(&b, 4);
        CHECK(memcmp(buffer_data(&b), "xxxy", 4) == 0);
        buffer_consume(&b, 4);
        buffer_trim(&b);
        CHECK_INT(b.allocated, 0);
        CHECK_INT(buffer_append(&b, "z", 1), 0);
        CHECK_INT(buffer_size(&b), 1);
}

TEST_MAIN(TEST(test_keeps_bytes_in_order),
          TEST(test_does_not_grow_without_need),
          TEST(test_limit),
          TEST(test_reserve_truncate_and_trim))
