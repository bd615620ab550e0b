/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "util/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encoded_size(size_t size) {
        return size / 3 * 4 + (size % 3 > 0 ? 4 : 0);
}

void base64_encode(const void *data, size_t size, char *ret_text) {
        const uint8_t *in = data;
        char *out = ret_text;

        for (; size >= 3; size -= 3, in += 3) {
                *out++ = alphabet[in[0] >> 2];
                *out++ = alphabet[(in[0] & 0x03) << 4 | in[1] >> 4];
                *out++ = alphabet[(in[1] & 0x0F) << 2 | in[2] >> 6];
                *out++ = alphabet[in[2] & 0x3F];
        }
        if (size > 0) {
                uint8_t second = size > 1 ? in[1] : 0;

                *out++ = alphabet[in[0] >> 2];
                *out++ = alphabet[(in[0] & 0x03) << 4 | second >> 4];
                *out++ = '=';
                *out = '=';
                if (size > 1)
                        out[-1] = alphabet[(second & 0x0F) << 2];
        }
}

size_t base64_decoded_size_max(size_t text_size) {
        return text_size / 4 * 3;
}

/* The six bits that a character stands for, or -1. */
static int sextet(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t text_size, void *ret_data, size_t *ret_size) {
        size_t n_padding = 0, n_sextets;
        uint8_t *out = ret_data;
        uint32_t bits = 0;

        if (text_size % 4 != 0)
                return -EBADMSG;
        while (n_padding < 2 && n_padding < text_size && text[text_size - 1 - n_padding] == '=')
                n_padding++;
        n_sextets = text_size - n_padding;

        for (size_t i = 0; i < n_sextets; i++) {
                int value = sextet(text[i]);

                if (value < 0)
                        return -EBADMSG;
                bits = (bits << 6 | (uint32_t)value) & 0xFFFFFF;
                if (i % 4 == 3) {
                        *out++ = (uint8_t)(bits >> 16);
                        *out++ = (uint8_t)(bits >> 8 & 0xFF);
                        *out++ = (uint8_t)(bits & 0xFF);
                }
        }

        /* Bits that no byte needs must be zero, so that each value has one text only. */
        if (n_padding == 2) {
                if ((bits & 0x0F) != 0)
                        return -EBADMSG;
                *out++ = (uint8_t)(bits >> 4 & 0xFF);
        } else if (n_padding == 1) {
                if ((bits & 0x03) != 0)
                        return -EBADMSG;
                *out++ = (uint8_t)(bits >> 10 & 0xFF);
                *out++ = (uint8_t)(bits >> 2 & 0xFF);
        }
        *ret_size = (size_t)(out - (uint8_t *)ret_data);
        return 0;
}
