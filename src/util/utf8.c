/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "util/utf8.h"

/* Bytes of the character at @s, or 0 when it is none. */
static size_t utf8_character_size(const uint8_t *s, size_t size) {
        uint8_t low = 0x80, high = 0xBF;
        size_t n;

        if (s[0] < 0x80)
                return 1;
        if (s[0] < 0xC2 || s[0] > 0xF4)
                return 0;
        n = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
        if (size < n)
                return 0;

        /* Overlong forms, surrogates and what lies above U+10FFFF all show in the second byte. */
        if (s[0] == 0xE0)
                low = 0xA0;
        else if (s[0] == 0xED)
                high = 0x9F;
        else if (s[0] == 0xF0)
                low = 0x90;
        else if (s[0] == 0xF4)
                high = 0x8F;
        if (s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((s[i] & 0xC0) != 0x80)
                        return 0;
        return n;
}

bool utf8_is_valid(const void *data, size_t size) {
        const uint8_t *s = data;

        while (size > 0) {
                uint64_t word;
                size_t n;

                /* Most text is ASCII: eight bytes at a time. */
                while (size >= sizeof(word)) {
                        memcpy(&word, s, sizeof(word));
                        if (word & UINT64_C(0x8080808080808080))
                                break;
                        s += sizeof(word);
                        size -= sizeof(word);
                }
                if (size == 0)
                        return true;

                n = utf8_character_size(s, size);
                if (n == 0)
                        return false;
                s += n;
                size -= n;
        }
        return true;
}
