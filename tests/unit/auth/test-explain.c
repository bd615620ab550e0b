/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/explain.h"

#include "test.h"

#define BORROW(_s) ((char *)(uintptr_t)(_s))

static char *explain(const Identity *id, bool show_secret) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        CHECK(f);
        CHECK_INT(credentials_explain(id, UINT64_C(2524608000000), show_secret, f), 0);
        CHECK_INT(fclose(f), 0);
        return text;
}

static const Identity device = {
                .mode = AUTH_DEVICE,
                .product_key = BORROW("a1X2bEnP82z"),
                .device_name = BORROW("example1"),
                .secret = BORROW("ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe"),
                .region = BORROW("cn-shanghai"),
                .sign_method = SIGN_HMACSHA256,
                .tls = true,
};
static const char password[] = "B8CE8F1D706DD3C61D13BFD9855DEF7E321B785084CA9C93F0169A2B46785DD2";

static void test_device_shows_each_step(void) {
        static const char *const parts[] = {
                        "clientId    a1X2bEnP82z.example1 ",
                        "timestamp   2524608000000",
                        "clientIda1X2bEnP82z.example1deviceNameexample1productKeya1X2bEnP82z"
                        "timestamp2524608000000\n",
                        "HMAC-SHA256",
                        "user name  example1&a1X2bEnP82z\n",
                        "host  a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com",
                        "port  1883",
                        "(32 characters)",
        };
        char *text = explain(&device, false);

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (!strstr(text, parts[i]))
                        CHECK_STR(text, parts[i]);
        CHECK(!strstr(text, device.secret));
        CHECK(!strstr(text, password));
        free(text);
}

static void test_device_shows_secrets_when_asked(void) {
        char *text = explain(&device, true);

        CHECK(strstr(text, device.secret));
        CHECK(strstr(text, password));
        CHECK(!strstr(text, EXPLAIN_MASK));
        free(text);
}

static void test_device_without_timestamp(void) {
        Identity id = device;
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
                        .group_id = BORROW("GID_Test"),
                        .device_id = BORROW("0001"),
                        .access_key_id = BORROW("YYYYY"),
                        .secret = BORROW("XXXXX"),
                        .instance_id = BORROW("mqtt-xxxxx"),
                        .host = BORROW("broker"),
        };
        char *text = explain(&id, false);

        CHECK(strstr(text, "GID_Test@@@0001"));
        CHECK(strstr(text, "Base64"));
        CHECK(!strstr(text, "XXXXX"));
        CHECK(!strstr(text, "vI009IZJ"));
        free(text);
}

static void test_plain(void) {
        Identity id = {.mode = AUTH_PLAIN, .client_id = BORROW("c1"), .host = BORROW("broker")};
        char *text = explain(&id, false);

        CHECK(strstr(text, "nothing is signed"));
        CHECK(strstr(text, "user name  (none is sent)"));
        free(text);

        id.username = BORROW("u");
        id.secret = BORROW("topsecret");
        text = explain(&id, false);
        CHECK(!strstr(text, "topsecret"));
        free(text);
}

TEST_MAIN(TEST(test_device_shows_each_step),
          TEST(test_device_shows_secrets_when_asked),
          TEST(test_device_without_timestamp),
          TEST(test_mq),
          TEST(test_plain))
