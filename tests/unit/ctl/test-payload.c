/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/payload.h"

#include <errno.h>

#include "test.h"

static void check_round_trip(const void *data, size_t size, const char *member) {
        json_t *object = json_object();
        char *back;
        size_t back_size;

        CHECK_INT(payload_set(object, data, size), 0);
        CHECK_INT(json_object_size(object), 1);
        CHECK(json_object_get(object, member));
        CHECK_INT(payload_get(object, &back, &back_size), 0);
        CHECK_INT(back_size, size);
        CHECK(memcmp(back, data, size) == 0);
        CHECK_INT(back[size], 0);
        free(back);
        json_decref(object);
}

static void test_text_stays_text(void) {
        check_round_trip("", 0, "payload");
        check_round_trip("21.5", 4, "payload");
        check_round_trip("\"\\\n\x01", 4, "payload");
        check_round_trip("gr\xc3\xbc\xc3\x9f", 6, "payload");
}

static void test_other_bytes_become_base64(void) {
        char all[256];

        for (size_t i = 0; i < sizeof(all); i++)
                all[i] = (char)i;
        check_round_trip(all, sizeof(all), "payload_b64");
        check_round_trip("\xff", 1, "payload_b64");
        check_round_trip("a\0b", 3, "payload_b64");
        check_round_trip("\xed\xa0\x80", 3, "payload_b64"); /* a surrogate */
}

static void check_bad(json_t *object) {
        char *data = NULL;
        size_t size = 7;

        CHECK_INT(payload_get(object, &data, &size), -EBADMSG);
        CHECK(!data && size == 7);
        json_decref(object);
}

static void test_nonsense_is_refused(void) {
        check_bad(json_object());
        check_bad(json_pack("{s:i}", "payload", 1));
        check_bad(json_pack("{s:s}", "payload_b64", "a"));
        check_bad(json_pack("{s:s}", "payload_b64", "ab!="));
}

TEST_MAIN(TEST(test_text_stays_text),
          TEST(test_other_bytes_become_base64),
          TEST(test_nonsense_is_refused))
