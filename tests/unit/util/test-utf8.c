/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdint.h>

#include "test.h"
#include "util/macro.h"
#include "util/utf8.h"

/* The character as RFC 3629 encodes it; any number up to 21 bits. */
static size_t encode(uint32_t c, uint8_t *ret) {
        if (c < 0x80) {
                ret[0] = (uint8_t)c;
                return 1;
        }
        if (c < 0x800) {
                ret[0] = (uint8_t)(0xC0 | c >> 6);
                ret[1] = (uint8_t)(0x80 | (c & 0x3F));
                return 2;
        }
        if (c < 0x10000) {
                ret[0] = (uint8_t)(0xE0 | c >> 12);
                ret[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
                ret[2] = (uint8_t)(0x80 | (c & 0x3F));
                return 3;
        }
        ret[0] = (uint8_t)(0xF0 | c >> 18);
        ret[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        ret[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        ret[3] = (uint8_t)(0x80 | (c & 0x3F));
        return 4;
}

static void test_every_character(void) {
        for (uint32_t c = 0; c < 0x1FFFFF; c++) {
                bool valid = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
                uint8_t s[5];
                size_t n = encode(c, s);

                CHECK(utf8_is_valid(s, n) == valid);
        }
}

/* All strings of up to three bytes: valid ones are exactly those that decode and encode back. */
static void test_every_short_string(void) {
        size_t n_valid[4] = {0};

        for (uint32_t i = 0; i < 0x1000000; i++) {
                const uint8_t s[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

                n_valid[3] += utf8_is_valid(s, 3);
                if (i < 0x10000)
                        n_valid[2] += utf8_is_valid(s + 1, 2);
                if (i < 0x100)
                        n_valid[1] += utf8_is_valid(s + 2, 1);
        }
        CHECK_INT(n_valid[1], 128);
        CHECK_INT(n_valid[2], 128 * 128 + 1920);
        CHECK_INT(n_valid[3], 128 * 128 * 128 + 2 * 128 * 1920 + (65536 - 2048 - 2048));
}

static void test_known_bad_ones(void) {
        static const char *const bad[] = {
                        "\x80",
                        "\xbf",
                        "\xc0\x80",
                        "\xc1\xbf",
                        "\xc3",
                        "\xc3(",
                        "\xe0\x9f\xbf",
                        "\xe4\xb8",
                        "\xed\xa0\x80",
                        "\xed\xbf\xbf",
                        "\xf0\x8f\xbf\xbf",
                        "\xf0\x9f\x98",
                        "\xf4\x90\x80\x80",
                        "\xf5\x80\x80\x80",
                        "\xfe",
                        "\xff",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                char text[64];

                CHECK(!utf8_is_valid(bad[i], strlen(bad[i])));
                /* Wherever they stand, also behind and across the blocks of eight */
                for (int before = 0; before < 20; before++)
                        for (int after = 0; after < 20; after++) {
                                int n = snprintf(text, sizeof(text), "%.*s%s%.*s", before,
                                                 "aaaaaaaaaaaaaaaaaaaaaaaa", bad[i], after,
                                                 "aaaaaaaaaaaaaaaaaaaaaaaa");

                                CHECK(n > 0 && !utf8_is_valid(text, (size_t)n));
                        }
        }
}

static void test_empty_and_nul(void) {
        CHECK(utf8_is_valid("", 0));
        CHECK(utf8_is_valid(NULL, 0));
        CHECK(utf8_is_valid("a\0b", 3));
}

TEST_MAIN(TEST(test_every_character),
          TEST(test_every_short_string),
          TEST(test_known_bad_ones),
          TEST(test_empty_and_nul))
