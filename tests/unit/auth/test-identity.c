/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/identity.h"

#include <errno.h>

#include "borrow.h"
#include "test.h"

#define TEN "0123456789"

static Identity sample(AuthMode mode) {
        Identity id = {.mode = mode, .secret = borrow("secret")};

        if (mode == AUTH_DEVICE) {
                id.product_key = borrow("a1X2bEnP82z");
                id.device_name = borrow("example1");
                id.region = borrow("cn-shanghai");
                return id;
        }
        id.host = borrow("broker.example");
        if (mode == AUTH_PLAIN) {
                id.client_id = borrow("c1");
                id.username = borrow("u");
                return id;
        }
        id.access_key_id = borrow("YYYYY");
        id.instance_id = borrow("mqtt-xxxxx");
        id.group_id = borrow("GID_Test");
        id.device_id = borrow("0001");
        return id;
}

static void check_accepted(const Identity *id) {
        const char *key = NULL;
        char *error = NULL;

        if (identity_check(id, &key, &error) < 0)
                CHECK_STR(error, "");
        CHECK(!key && !error);
}

static void check_refused(const Identity *id, const char *expected_key, const char *words) {
        const char *key = NULL;
        char *error = NULL;

        CHECK_INT(identity_check(id, &key, &error), -EINVAL);
        CHECK_STR(key, expected_key);
        if (!strstr(error, words))
                CHECK_STR(error, words);
        free(error);
}

static void test_samples_are_accepted(void) {
        for (int mode = 0; mode < _AUTH_MODE_MAX; mode++) {
                Identity id = sample((AuthMode)mode);
                check_accepted(&id);
        }
}

static void test_mode_names(void) {
        for (int mode = 0; mode < _AUTH_MODE_MAX; mode++)
                CHECK_INT(auth_mode_from_string(auth_mode_to_string((AuthMode)mode)), mode);
        CHECK(auth_mode_from_string("Device") < 0);
        CHECK(auth_mode_from_string(NULL) < 0);
        CHECK(!auth_mode_to_string(_AUTH_MODE_MAX));
        CHECK(!auth_mode_to_string(_AUTH_MODE_INVALID));
}

static void test_device_name(void) {
        Identity id = sample(AUTH_DEVICE);

        id.device_name = NULL;
        check_refused(&id, "identity.device_name", "missing");
        id.device_name = borrow("");
        check_refused(&id, "identity.device_name", "has 0 characters");
        id.device_name = borrow("abc");
        check_refused(&id, "identity.device_name", "4 to 32");
        id.device_name = borrow("abcd");
        check_accepted(&id);
        id.device_name = borrow(TEN TEN TEN "12");
        check_accepted(&id);
        id.device_name = borrow(TEN TEN TEN "123");
        check_refused(&id, "identity.device_name", "has 33 characters");
        id.device_name = borrow("gw-01_rack@site.A:7");
        check_accepted(&id);
        id.device_name = borrow("gw&01");
        check_refused(&id, "identity.device_name", "holds '&'");
        id.device_name = borrow("gw 01");
        check_refused(&id, "identity.device_name", "holds ' '");
        id.device_name = borrow("gw\x1b[31m");
        check_refused(&id, "identity.device_name", "control");
        id.device_name = borrow("g\xc3\xa4teway");
        check_refused(&id, "identity.device_name", "non-ASCII");
}

static void test_product_key(void) {
        Identity id = sample(AUTH_DEVICE);

        id.product_key = NULL;
        check_refused(&id, "identity.product_key", "missing");
        id.product_key = borrow(TEN TEN);
        check_accepted(&id);
        id.product_key = borrow(TEN TEN "1");
        check_refused(&id, "identity.product_key", "1 to 20");
        id.product_key = borrow("a1.b");
        check_refused(&id, "identity.product_key", "only letters and digits");
}

static void test_client_id(void) {
        Identity id = sample(AUTH_DEVICE);

        id.client_id = borrow("0A:1B:2C:3D:4E:5F");
        check_accepted(&id);
        id.client_id = borrow("example1&a1X2bEnP82z");
        check_accepted(&id);
        id.client_id = borrow(TEN TEN TEN TEN TEN TEN "1234");
        check_accepted(&id);
        id.client_id = borrow(TEN TEN TEN TEN TEN TEN "12345");
        check_refused(&id, "identity.client_id", "has 65 characters");
        id.client_id = borrow("a|securemode=2|");
        check_refused(&id, "identity.client_id", "'|'");
        id.client_id = borrow("");
        check_refused(&id, "identity.client_id", "has 0 characters");
}

static void test_sentences_hold_no_secret(void) {
        Identity id = sample(AUTH_DEVICE);
        const char *key;
        char *error, secret[300];

        id.secret = borrow("hush\n");
        CHECK_INT(identity_check(&id, &key, &error), -EINVAL);
        CHECK_STR(key, "identity.device_secret");
        CHECK(!strstr(error, "hush"));
        free(error);

        memset(secret, 'x', sizeof(secret));
        secret[257] = '\0';
        id.secret = secret;
        CHECK_INT(identity_check(&id, &key, &error), -EINVAL);
        CHECK(!strstr(error, "xx"));
        free(error);

        id.secret = NULL;
        check_refused(&id, "identity.device_secret", "device_secret is missing");
}

static void test_sign_method_can_be_left_out_only_for_md5(void) {
        Identity id = sample(AUTH_DEVICE);

        id.sign_method_implicit = true;
        check_accepted(&id);
        id.sign_method = SIGN_HMACSHA1;
        check_refused(&id, "cloud.sign_method", "hmacmd5");
        id.sign_method = _SIGN_METHOD_INVALID;
        check_refused(&id, "cloud.sign_method", "sign_method");
}

static void test_timestamp(void) {
        Identity id = sample(AUTH_DEVICE);

        id.timestamp_kind = TIMESTAMP_FIXED;
        check_refused(&id, "cloud.timestamp", "missing");
        id.timestamp = borrow("2524608000000");
        check_accepted(&id);
        id.timestamp = borrow("-1");
        check_refused(&id, "cloud.timestamp", "digits");
        id.timestamp = borrow(TEN TEN "1");
        check_refused(&id, "cloud.timestamp", "1 to 20");
}

static void test_extra_parameters(void) {
        static const char *const bad[] = {
                        "",
                        "a",
                        "a=",
                        "=b",
                        "a=b,",
                        ",a=b",
                        "a=b,,c=d",
                        "a=b=c",
                        "a=b|c=d",
                        "a= b",
                        "securemode=2",
                        "a=b,timestamp=1",
                        "signmethod=x",
        };
        Identity id = sample(AUTH_DEVICE);

        id.extra_params = borrow("_v=paho-c-1.0.0,lan=C,signmethods=1");
        check_accepted(&id);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                id.extra_params = borrow(bad[i]);
                check_refused(&id, "cloud.extra_params", "extra_params");
        }
}

static void test_endpoint(void) {
        Identity id = sample(AUTH_DEVICE);

        id.region = NULL;
        check_refused(&id, "cloud.region", "endpoint");
        id.instance_id = borrow("iot-060a0bgd");
        check_accepted(&id);
        id.instance_id = borrow("iot/../x");
        check_refused(&id, "cloud.instance_id", "holds '/'");
        id.instance_id = NULL;
        id.host = borrow("fe80::1");
        check_accepted(&id);
        id.host = borrow("tcp://x");
        check_refused(&id, "cloud.endpoint", "holds '/'");
        id.host = NULL;
        id.region = borrow("cn-shanghai.evil");
        check_refused(&id, "cloud.region", "holds '.'");
}

static void test_mq(void) {
        Identity id = sample(AUTH_MQ_SIGNATURE);

        id.host = NULL;
        check_refused(&id, "cloud.endpoint", "mq-signature");
        id = sample(AUTH_MQ_DEVICE);
        id.access_key_id = NULL;
        check_refused(&id, "identity.access_key_id", "mq-device");
        id = sample(AUTH_MQ_SIGNATURE);
        id.instance_id = NULL;
        check_refused(&id, "cloud.instance_id", "missing");
        id = sample(AUTH_MQ_SIGNATURE);
        id.group_id = NULL;
        check_refused(&id, "identity.group_id", "missing");
        id.client_id = borrow("GID_Test@@@0001");
        check_accepted(&id);
        id = sample(AUTH_MQ_SIGNATURE);
        id.device_id = borrow(TEN TEN TEN TEN TEN);
        check_accepted(&id);
        id.group_id = borrow("GID_0123456789");
        check_refused(&id, "identity.device_id", "64");
        id = sample(AUTH_MQ_SIGNATURE);
        id.secret = NULL;
        check_refused(&id, "identity.access_key_secret", "missing");
}

static void test_plain(void) {
        Identity id = sample(AUTH_PLAIN);

        id.username = NULL;
        check_refused(&id, "identity.username", "password");
        id.secret = NULL;
        check_accepted(&id);
        id.client_id = NULL;
        check_refused(&id, "identity.client_id", "missing");
        id.device_name = borrow("gw");
        check_accepted(&id);
        id.host = NULL;
        check_refused(&id, "cloud.endpoint", "missing");
        id = sample(AUTH_PLAIN);
        id.client_id = borrow("a|b|");
        check_accepted(&id);
}

static void test_unknown_mode(void) {
        Identity id = sample(AUTH_DEVICE);

        id.mode = _AUTH_MODE_INVALID;
        check_refused(&id, "cloud.auth", "plain");
}

static void test_done_frees_everything_and_can_be_repeated(void) {
        Identity id = {.secret = strdup("s"), .device_name = strdup("d"), .port = 3};

        identity_done(&id);
        CHECK(!id.secret && !id.device_name && id.port == 0);
        identity_done(&id);
}

TEST_MAIN(TEST(test_samples_are_accepted),
          TEST(test_mode_names),
          TEST(test_device_name),
          TEST(test_product_key),
          TEST(test_client_id),
          TEST(test_sentences_hold_no_secret),
          TEST(test_sign_method_can_be_left_out_only_for_md5),
          TEST(test_timestamp),
          TEST(test_extra_parameters),
          TEST(test_endpoint),
          TEST(test_mq),
          TEST(test_plain),
          TEST(test_unknown_mode),
          TEST(test_done_frees_everything_and_can_be_repeated))
