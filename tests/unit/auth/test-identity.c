/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/identity.h"

#include <errno.h>

#include "borrow.h"
#include "test.h"

#define TEN "0123456789"

static Identity sample(AuthMode mode) {
        Identity id = {.mode = mode, .secret = borrow("secret")};

        if (mode == AUTH_DEVICE || mode == AUTH_HTTPS || mode == AUTH_REGISTER ||
            mode == AUTH_REGISTER_FREE) {
                id.tls = mode == AUTH_REGISTER_FREE;
                id.product_key = borrow("a1X2bEnP82z");
                id.device_name = borrow("example1");
                id.region = borrow("cn-shanghai");
                return id;
        }
        if (mode == AUTH_COMMAND)
                return id;
        id.host = borrow("broker.example");
        if (mode == AUTH_PLAIN) {
                id.client_id = borrow("c1");
                id.username = borrow("u");
                return id;
        }
        if (mode == AUTH_MQ_TOKEN)
                id.secret = borrow("R|t1|W|t2");
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

static void test_secrets_are_named_after_the_mode(void) {
        static const struct {
                AuthMode mode;
                const char *key;
        } cases[] = {{AUTH_DEVICE, "identity.device_secret"},
                     {AUTH_HTTPS, "identity.device_secret"},
                     {AUTH_REGISTER, "identity.product_secret"},
                     {AUTH_REGISTER_FREE, "identity.product_secret"},
                     {AUTH_MQ_SIGNATURE, "identity.access_key_secret"},
                     {AUTH_MQ_DEVICE, "identity.access_key_secret"},
                     {AUTH_MQ_TOKEN, "identity.token"}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Identity id = sample(cases[i].mode);

                id.secret = NULL;
                check_refused(&id, cases[i].key, "is missing: auth = ");
                id.secret = borrow("hush\n");
                check_refused(&id, cases[i].key, "control");
        }
}

static void test_platform_modes_need_the_same(void) {
        static const AuthMode modes[] = {AUTH_HTTPS, AUTH_REGISTER, AUTH_REGISTER_FREE};

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                Identity id = sample(modes[i]);

                id.product_key = NULL;
                check_refused(&id, "identity.product_key", auth_mode_to_string(modes[i]));
                id = sample(modes[i]);
                id.device_name = NULL;
                check_refused(&id, "identity.device_name", auth_mode_to_string(modes[i]));
                id = sample(modes[i]);
                id.client_id = borrow("a|b");
                check_refused(&id, "identity.client_id", "'|'");
                id = sample(modes[i]);
                id.region = NULL;
                check_refused(&id, "cloud.region", "nothing says where");
                id = sample(modes[i]);
                id.sign_method = SIGN_SHA256;
                id.sha256_as_hash = true;
                check_refused(&id, "cloud.sign_method", "hmacsha256");
        }
}

static void test_register_free_needs_tls(void) {
        Identity id = sample(AUTH_REGISTER_FREE);

        id.tls = false;
        check_refused(&id, "cloud.tls.enable", "needs TLS");
}

static void test_sha256_has_to_be_asked_for(void) {
        Identity id = sample(AUTH_DEVICE);

        id.sign_method = SIGN_SHA256;
        check_refused(&id, "cloud.sign_method", "sha256_as_hash");
        id.sha256_as_hash = true;
        check_accepted(&id);
}

static void test_tokens(void) {
        static const char *const good[] = {"R|a",          "W|a",     "RW|a",   "R|a|W|b",
                                           "W|a|R|b|RW|c", "R|R|W|W", "R|a==+/"};
        static const char *const bad[] = {"",      "R",        "R|",    "|a",     "X|a",    "WR|a",
                                          "token", "R|a|",     "R|a|W", "R|a|W|", "R||a",   "r|a",
                                          "R|a b", "R|a||W|b", " R|a",  "RWR|a",  "R|a|b|W"};
        Identity id = sample(AUTH_MQ_TOKEN);

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                id.secret = borrow(good[i]);
                check_accepted(&id);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                id.secret = borrow(bad[i]);
                id.has_command = i % 2;
                check_refused(&id, "identity.token", "token");
        }
        id.secret = NULL;
        id.has_command = true;
        check_accepted(&id);
        id.has_command = false;
        check_refused(&id, "identity.token", "command");
}

static void test_command_needs_nothing(void) {
        Identity id = {.mode = AUTH_COMMAND};

        check_accepted(&id);
        id.client_id = borrow("a|b|");
        id.device_name = borrow("gw");
        check_accepted(&id);
        id.device_name = borrow("g\n");
        check_refused(&id, "identity.device_name", "control");
        id.device_name = NULL;
        id.host = borrow("a b");
        check_refused(&id, "cloud.endpoint", "holds ' '");
        id.host = NULL;
        id.timestamp_kind = TIMESTAMP_FIXED;
        id.timestamp = borrow("1x");
        check_refused(&id, "cloud.timestamp", "digits");
}

static void check_client_id_is(const Identity *id, const char *expected) {
        char *client_id = NULL;

        CHECK_INT(identity_client_id(id, &client_id), 0);
        CHECK_STR(client_id, expected);
        free(client_id);
}

static void test_bare_client_id(void) {
        Identity id;
        char *client_id = NULL;

        for (int mode = 0; mode < _AUTH_MODE_MAX; mode++) {
                id = sample((AuthMode)mode);
                id.client_id = borrow("mine");
                check_client_id_is(&id, "mine");
        }
        id = sample(AUTH_REGISTER);
        check_client_id_is(&id, "a1X2bEnP82z.example1");
        id = sample(AUTH_MQ_TOKEN);
        check_client_id_is(&id, "GID_Test@@@0001");
        id = (Identity){.mode = AUTH_PLAIN, .device_name = borrow("gw")};
        check_client_id_is(&id, "gw");
        id = (Identity){.mode = AUTH_COMMAND, .product_key = borrow("site")};
        CHECK_INT(identity_client_id(&id, &client_id), -ENOENT);
        CHECK(!client_id);
        id.device_name = borrow("gw");
        check_client_id_is(&id, "site.gw");
}

static void test_modes_that_ask(void) {
        CHECK(auth_mode_needs_command(AUTH_HTTPS) && auth_mode_needs_command(AUTH_REGISTER));
        CHECK(auth_mode_needs_command(AUTH_REGISTER_FREE) && auth_mode_needs_command(AUTH_COMMAND));
        CHECK(!auth_mode_needs_command(AUTH_DEVICE) && !auth_mode_needs_command(AUTH_PLAIN));
        CHECK(!auth_mode_needs_command(AUTH_MQ_TOKEN) && !auth_mode_needs_command(AUTH_MQ_DEVICE));
        CHECK(!auth_mode_needs_command(_AUTH_MODE_INVALID));
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
          TEST(test_secrets_are_named_after_the_mode),
          TEST(test_platform_modes_need_the_same),
          TEST(test_register_free_needs_tls),
          TEST(test_sha256_has_to_be_asked_for),
          TEST(test_tokens),
          TEST(test_command_needs_nothing),
          TEST(test_bare_client_id),
          TEST(test_modes_that_ask),
          TEST(test_unknown_mode),
          TEST(test_done_frees_everything_and_can_be_repeated))
