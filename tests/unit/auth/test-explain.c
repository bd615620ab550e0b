/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/explain.h"

#include "borrow.h"
#include "test.h"

static char *explain(const Identity *id, bool show_secret) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        CHECK(f);
        CHECK_INT(credentials_explain(id,
                                      id->has_command || auth_mode_needs_command(id->mode)
                                                      ? "/bin/ask"
                                                      : NULL,
                                      UINT64_C(2524608000000), show_secret, f),
                  0);
        CHECK_INT(fclose(f), 0);
        return text;
}

static const char secret[] = "ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe";

static Identity sample_device(void) {
        return (Identity){
                        .mode = AUTH_DEVICE,
                        .product_key = borrow("a1X2bEnP82z"),
                        .device_name = borrow("example1"),
                        .secret = borrow(secret),
                        .region = borrow("cn-shanghai"),
                        .sign_method = SIGN_HMACSHA256,
                        .tls = true,
        };
}

static const char password[] = "B8CE8F1D706DD3C61D13BFD9855DEF7E321B785084CA9C93F0169A2B46785DD2";

static void test_device_shows_each_step(void) {
        static const char *const parts[] = {
                        "clientId    a1X2bEnP82z.example1 ",
                        "timestamp   2524608000000",
                        "\n  clientIda1X2bEnP82z.example1deviceNameexample1productKey",
                        "productKeya1X2bEnP82ztimestamp2524608000000\n",
                        "HMAC-SHA256",
                        "user name  example1&a1X2bEnP82z\n",
                        "host  a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com",
                        "port  1883",
                        "(32 characters)",
        };
        Identity id = sample_device();
        char *text = explain(&id, false);

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (!strstr(text, parts[i]))
                        CHECK_STR(text, parts[i]);
        CHECK(!strstr(text, secret));
        CHECK(!strstr(text, password));
        free(text);
}

static void test_device_shows_secrets_when_asked(void) {
        Identity id = sample_device();
        char *text = explain(&id, true);

        CHECK(strstr(text, secret));
        CHECK(strstr(text, password));
        CHECK(!strstr(text, EXPLAIN_MASK));
        free(text);
}

static void test_device_without_timestamp(void) {
        Identity id = sample_device();
        char *text;

        id.timestamp_kind = TIMESTAMP_NONE;
        text = explain(&id, false);
        CHECK(strstr(text, "no timestamp"));
        CHECK(!strstr(text, "timestamp=") && !strstr(text, "2524608000000"));
        free(text);
}

static void test_mq(void) {
        Identity id = {
                        .mode = AUTH_MQ_SIGNATURE,
                        .group_id = borrow("GID_Test"),
                        .device_id = borrow("0001"),
                        .access_key_id = borrow("YYYYY"),
                        .secret = borrow("XXXXX"),
                        .instance_id = borrow("mqtt-xxxxx"),
                        .host = borrow("broker"),
        };
        char *text = explain(&id, false);

        CHECK(strstr(text, "GID_Test@@@0001"));
        CHECK(strstr(text, "Base64"));
        CHECK(!strstr(text, "XXXXX"));
        CHECK(!strstr(text, "vI009IZJ"));
        free(text);
}

static void test_plain(void) {
        Identity id = {.mode = AUTH_PLAIN, .client_id = borrow("c1"), .host = borrow("broker")};
        char *text = explain(&id, false);

        CHECK(strstr(text, "nothing is signed"));
        CHECK(strstr(text, "user name  (none is sent)"));
        free(text);

        id.username = borrow("u");
        id.secret = borrow("topsecret");
        text = explain(&id, false);
        CHECK(!strstr(text, "topsecret"));
        free(text);
}

static void check_parts(const char *text, const char *const *parts, size_t n_parts) {
        for (size_t i = 0; i < n_parts; i++)
                if (!strstr(text, parts[i]))
                        CHECK_STR(text, parts[i]);
}

static void test_https(void) {
        static const char *const parts[] = {
                        "asked for credentials\n  /bin/ask\n",
                        "clientId    a1X2bEnP82z.example1 ",
                        "\n  clientIda1X2bEnP82z.example1deviceNameexample1productKey",
                        "HMAC-SHA256 under the device secret",
                        "/auth/devicename",
                        "the iotToken of the answer",
                        "host  or as the program answers",
        };
        Identity id = sample_device();
        char *text;

        id.mode = AUTH_HTTPS;
        text = explain(&id, false);
        check_parts(text, parts, ARRAY_SIZE(parts));
        CHECK(!strstr(text, secret) && !strstr(text, password) && !strstr(text, "securemode"));
        free(text);
        text = explain(&id, true);
        CHECK(strstr(text, secret) && strstr(text, password));
        free(text);
}

static void test_register(void) {
        static const char *const parts[] = {
                        "/bin/ask",
                        "\n  deviceNameexample1productKeya1X2bEnP82zrandom<random>\n",
                        "under the product secret",
                        "(32 characters)",
                        "client id  a1X2bEnP82z.example1|securemode=2,signmethod=hmacsha256,",
                        "user name  example1&a1X2bEnP82z\n",
                        "signed with the device secret",
        };
        Identity id = sample_device();
        char *text;

        id.mode = AUTH_REGISTER;
        text = explain(&id, false);
        check_parts(text, parts, ARRAY_SIZE(parts));
        CHECK(!strstr(text, secret));
        /* What the product's secret would give is nobody's password. */
        CHECK(!strstr(text, password));
        free(text);
        text = explain(&id, true);
        CHECK(strstr(text, secret) && !strstr(text, password));
        free(text);
}

static void test_register_free(void) {
        static const char *const parts[] = {
                        "random<random>\n",
                        "client id  <registered>|securemode=-2,authType=connwl|\n",
                        "the device token as it is",
        };
        Identity id = sample_device();
        char *text;

        id.mode = AUTH_REGISTER_FREE;
        text = explain(&id, false);
        check_parts(text, parts, ARRAY_SIZE(parts));
        CHECK(!strstr(text, secret));
        free(text);
}

static void test_mq_token(void) {
        Identity id = {
                        .mode = AUTH_MQ_TOKEN,
                        .client_id = borrow("GID_Test@@@0001"),
                        .access_key_id = borrow("YYYYY"),
                        .secret = borrow("RW|TOKENRW"),
                        .instance_id = borrow("mqtt-xxxxx"),
                        .host = borrow("broker"),
        };
        char *text = explain(&id, false);

        CHECK(strstr(text, "the tokens are the password") &&
              strstr(text, "Token|YYYYY|mqtt-xxxxx"));
        CHECK(!strstr(text, "TOKENRW"));
        free(text);

        id.secret = NULL;
        id.has_command = true;
        text = explain(&id, false);
        CHECK(strstr(text, "/bin/ask") && strstr(text, "as the program answers"));
        free(text);
}

static void test_command(void) {
        Identity id = {.mode = AUTH_COMMAND, .secret = borrow("topsecret"), .tls = true};
        char *text = explain(&id, false);

        CHECK(strstr(text, "  /bin/ask\n") && strstr(text, "  host  as the program answers\n"));
        CHECK(strstr(text, "port  8883"));
        CHECK(!strstr(text, "topsecret"));
        free(text);
}

TEST_MAIN(TEST(test_device_shows_each_step),
          TEST(test_device_shows_secrets_when_asked),
          TEST(test_device_without_timestamp),
          TEST(test_mq),
          TEST(test_plain),
          TEST(test_https),
          TEST(test_register),
          TEST(test_register_free),
          TEST(test_mq_token),
          TEST(test_command))
