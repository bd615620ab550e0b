/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/reason.h"

#include <ctype.h>

#include "test.h"

static void test_every_reason_is_explained(void) {
        for (Reason r = REASON_NONE; r < _REASON_MAX; r++) {
                const char *word = reason_word(r), *phrase = reason_phrase(r),
                           *advice = reason_advice(r);

                CHECK(word && word[0] && phrase && phrase[0] && advice);
                CHECK_INT(strspn(word, "abcdefghijklmnopqrstuvwxyz-"), strlen(word));
                /* A clause between others: no capital, no full stop. */
                CHECK(!isupper((unsigned char)phrase[0]) || isupper((unsigned char)phrase[1]));
                CHECK(phrase[strlen(phrase) - 1] != '.');
                /* A sentence whose full stop follows. */
                CHECK(advice[0] == '\0' || isupper((unsigned char)advice[0]));
                CHECK(advice[0] == '\0' || advice[strlen(advice) - 1] != '.');
                for (Reason other = REASON_NONE; other < r; other++) {
                        CHECK(strcmp(word, reason_word(other)) != 0);
                        CHECK(strcmp(phrase, reason_phrase(other)) != 0);
                }
        }
}

static void test_connack_codes(void) {
        CHECK_STR(reason_word(reason_from_connack(1)), "refused-protocol");
        CHECK_STR(reason_word(reason_from_connack(2)), "refused-client-id");
        CHECK_STR(reason_word(reason_from_connack(3)), "refused-unavailable");
        CHECK_STR(reason_word(reason_from_connack(4)), "refused-credentials");
        CHECK_STR(reason_word(reason_from_connack(5)), "refused-not-authorized");
        CHECK_STR(reason_word(reason_from_connack(6)), "refused-other");
        CHECK_STR(reason_word(reason_from_connack(255)), "refused-other");
        CHECK_STR(reason_word(reason_from_connack(-1)), "refused-other");
}

static void test_classes(void) {
        CHECK_INT(reason_class(REASON_CLOSED), REASON_CLASS_NETWORK);
        CHECK_INT(reason_class(REASON_REFUSED_UNAVAILABLE), REASON_CLASS_NETWORK);
        CHECK_INT(reason_class(REASON_REFUSED_CREDENTIALS), REASON_CLASS_REFUSED);
        CHECK_INT(reason_class(REASON_REFUSED_NOT_AUTHORIZED), REASON_CLASS_REFUSED);
        CHECK_INT(reason_class(REASON_TLS_UNTRUSTED_ROOT), REASON_CLASS_TRUST);
        CHECK_INT(reason_class(REASON_TLS_NOT_YET_VALID), REASON_CLASS_NETWORK); /* NTP comes */
        CHECK_INT(reason_class(REASON_TWIN), REASON_CLASS_TWIN);
}

TEST_MAIN(TEST(test_every_reason_is_explained), TEST(test_connack_codes), TEST(test_classes))
