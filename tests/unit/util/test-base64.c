/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "test.h"
#include "util/base64.h"

static void test_vectors_of_the_rfc(void) {
        static const struct {
                const char *data, *text;
        } cases[] = {
                        {"", ""},
                        {"f", "Zg=="},
                        {"fo", "Zm8="},
                        {"foo", "Zm9v"},
                        {"foob", "Zm9vYg=="},
                        {"fooba", "Zm9vYmE="},
                        {"foobar", "Zm9vYmFy"},
                        {"\xfb\xef\xff", "++//"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[16] = "", data[16] = "";
                size_t size = 99;

                CHECK_INT(base64_encoded_size(strlen(cases[i].data)), strlen(cases[i].text));
                base64_encode(cases[i].data, strlen(cases[i].data), text);
                CHECK_STR(text, cases[i].text);
                CHECK_INT(base64_decode(text, strlen(text), data, &size), 0);
                CHECK_INT(size, strlen(cases[i].data));
                CHECK_STR(data, cases[i].data);
        }
}

static void test_round_trip_of_all_bytes(void) {
        uint8_t data[256], back[258];
        char text[344];

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)(i * 7 + 3);
        for (size_t n = 0; n <= sizeof(data); n++) {
                size_t size = 999;

                base64_encode(data, n, text);
                CHECK(base64_decoded_size_max(base64_encoded_size(n)) <= sizeof(back));
                CHECK_INT(base64_decode(text, base64_encoded_size(n), back, &size), 0);
                CHECK_INT(size, n);
                CHECK(memcmp(data, back, n) == 0);
        }
}

static void test_refuses_what_is_not_base64(void) {
        static const char *const bad[] = {
                        "Z",          "Zg",   "Zg=",      "Zg==\n",       "Zg== ",   " Zg==",
                        "Zm9v\nZg==", "=",    "==",       "====",         "Z===",    "Zg==Zg==",
                        "Zm8=Zm8=",   "Zh==", "Zm9=",     "Zm-_",         "Zm9\x80", "Z=9v",
                        "=m9v",       "Zm=v", "Zm9v====", "Zm9v\r\n\r\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                char data[16];
                size_t size = 99;

                CHECK_INT(base64_decode(bad[i], strlen(bad[i]), data, &size), -EBADMSG);
                CHECK_INT(size, 99);
        }
        CHECK_INT(base64_decode("Zm9\0", 4, (char[3]){0}, &(size_t){0}), -EBADMSG);
}

TEST_MAIN(TEST(test_vectors_of_the_rfc),
          TEST(test_round_trip_of_all_bytes),
          TEST(test_refuses_what_is_not_base64))
