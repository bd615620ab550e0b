/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/explain.h"

#include "borrow.h"
#include "test.h"

static char *explain(const Identity *id, bool show_secret) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        CHECK(f);
        CHECK_INT(credentials_explain(id, UINT64_C(2524608000000), show_secret, f), 0);
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

TEST_MAIN(TEST(test_device_shows_each_step),
          TEST(test_device_shows_secrets_when_asked),
          TEST(test_device_without_timestamp),
          TEST(test_mq),
          TEST(test_plain))
