/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/sign.h"

#include <errno.h>
#include <openssl/err.h>
#include <strings.h>

#include "vectors.h"

static void check_primitive(json_t *inputs, json_t *expected) {
        SignMethod method = sign_method_from_string(vector_string(inputs, "algorithm"));
        const char *key = vector_string(inputs, "key"), *message = vector_string(inputs, "message");
        char hex[SIGN_HEX_MAX];
        uint8_t mac[SIGN_MAC_MAX];
        size_t len;

        CHECK(method >= 0);
        CHECK_INT(sign_hex(method, key, message, hex), 0);
        CHECK(strcasecmp(hex, vector_string(expected, "hex")) == 0);
        CHECK_INT(sign_mac(method, key, message, mac, &len), 0);
        CHECK_INT(len * 2, strlen(hex));
}

static void test_known_answers(void) {
        vectors_walk("primitive", "", 5, check_primitive);
}

static void test_hex_is_upper_case(void) {
        char hex[SIGN_HEX_MAX];

        CHECK_INT(sign_hex(SIGN_HMACMD5, "Jefe", "what do ya want for nothing?", hex), 0);
        CHECK_STR(hex, "750C783E6AB0B503EAA86E310A5DB738");
}

/* RFC 2104: a key longer than a block is hashed first. Answers by an independent program. */
static void test_keys_longer_than_a_block(void) {
        static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
        char key[132], hex[SIGN_HEX_MAX];

        memset(key, 'k', sizeof(key));
        key[131] = '\0';
        CHECK_INT(sign_hex(SIGN_HMACSHA256, key, text, hex), 0);
        CHECK_STR(hex, "70E4B005732FA7FF79392AA24FB240159B925DBC9F1398420C0F45E6763DCF14");
        CHECK_INT(sign_hex(SIGN_HMACSHA1, key, text, hex), 0);
        CHECK_STR(hex, "522882A14EE30C4BDB54258404357EA8B91D18A9");
        CHECK_INT(sign_hex(SIGN_HMACMD5, key, text, hex), 0);
        CHECK_STR(hex, "20E4115B52547C83E57BD0D7FACD8A87");
}

static void test_keys_of_exactly_a_block(void) {
        char key[65], hex[SIGN_HEX_MAX];

        memset(key, 'k', 64);
        key[64] = '\0';
        CHECK_INT(sign_hex(SIGN_HMACSHA256, key, "x", hex), 0);
        CHECK_STR(hex, "F91C4C403625FB06910EF93999265BBD2D62BAEAEC6FF36455498CC124FE3E66");
}

static void test_empty_key_and_empty_text(void) {
        char hex[SIGN_HEX_MAX];

        CHECK_INT(sign_hex(SIGN_HMACMD5, "", "", hex), 0);
        CHECK_STR(hex, "74E6F7298A9C2D168935F58C001BAD88");
        CHECK_INT(sign_hex(SIGN_HMACSHA1, "", "", hex), 0);
        CHECK_STR(hex, "FBDB1D1B18AA6C08324B7D64B71FB76370690E1D");
        CHECK_INT(sign_hex(SIGN_HMACSHA256, "", "", hex), 0);
        CHECK_STR(hex, "B613679A0814D9EC772F95D778C35FC5FF1697C493715653C6C712144292C5AD");
}

/* Not the platform's word, see sign.h: the digests are another program's. */
static void test_sha256_is_the_hash_of_text_and_key(void) {
        char hex[SIGN_HEX_MAX];

        CHECK_INT(sign_hex(SIGN_SHA256, "secret",
                           "clientId12345deviceNamedeviceproductKeypktimestamp789", hex),
                  0);
        CHECK_STR(hex, "616393E41B5065E42EBFBBAE30808C20AF3FBD7F4939068FBDE19F20566BBC8C");
        CHECK_INT(sign_hex(SIGN_SHA256, "", "", hex), 0);
        CHECK_STR(hex, "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
}

static void test_method_names(void) {
        CHECK_INT(sign_method_from_string("hmacsha256"), SIGN_HMACSHA256);
        CHECK_INT(sign_method_from_string("HmacSHA1"), SIGN_HMACSHA1);
        CHECK_INT(sign_method_from_string("HMACMD5"), SIGN_HMACMD5);
        CHECK_INT(sign_method_from_string("sha256"), SIGN_SHA256);
        CHECK(sign_method_from_string("sha1") < 0);
        CHECK(sign_method_from_string("hmacsha2567") < 0);
        CHECK(sign_method_from_string("") < 0);
        CHECK(sign_method_from_string(NULL) < 0);
        CHECK_STR(sign_method_to_string(SIGN_HMACSHA1), "hmacsha1");
        CHECK_STR(sign_method_title(SIGN_HMACSHA1), "HMAC-SHA1");
        CHECK(!sign_method_to_string(_SIGN_METHOD_MAX));
        CHECK(!sign_method_to_string(_SIGN_METHOD_INVALID));
        CHECK(!sign_method_title(_SIGN_METHOD_INVALID));
}

static void test_outputs_are_untouched_on_failure(void) {
        char hex[SIGN_HEX_MAX] = "before";
        uint8_t mac[SIGN_MAC_MAX] = {42};
        size_t len = 7;

        CHECK_INT(sign_hex(_SIGN_METHOD_MAX, "k", "c", hex), -EINVAL);
        CHECK_STR(hex, "before");
        CHECK_INT(sign_mac(_SIGN_METHOD_INVALID, "k", "c", mac, &len), -EINVAL);
        CHECK_INT(mac[0], 42);
        CHECK_INT(len, 7);
}

static void test_openssl_errors_stay_as_they_were(void) {
        char hex[SIGN_HEX_MAX];

        ERR_clear_error();
        CHECK_INT(sign_hex(SIGN_HMACSHA256, "k", "c", hex), 0);
        CHECK_INT(ERR_peek_error(), 0);
}

static void test_content_is_sorted_and_skips_what_has_no_value(void) {
        SignParam params[] = {{"timestamp", NULL},
                              {"random", "r"},
                              {"productKey", "p"},
                              {"deviceName", "d"}};
        char *content;

        CHECK_INT(sign_content(params, 4, &content), 0);
        CHECK_STR(content, "deviceNamedproductKeyprandomr");
        free(content);
        CHECK_INT(sign_content(NULL, 0, &content), 0);
        CHECK_STR(content, "");
        free(content);
}

TEST_MAIN(TEST(test_known_answers),
          TEST(test_hex_is_upper_case),
          TEST(test_keys_longer_than_a_block),
          TEST(test_keys_of_exactly_a_block),
          TEST(test_empty_key_and_empty_text),
          TEST(test_sha256_is_the_hash_of_text_and_key),
          TEST(test_method_names),
          TEST(test_outputs_are_untouched_on_failure),
          TEST(test_openssl_errors_stay_as_they_were),
          TEST(test_content_is_sorted_and_skips_what_has_no_value))
