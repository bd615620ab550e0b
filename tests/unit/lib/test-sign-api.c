/* SPDX-License-Identifier: Apache-2.0 */

/* The documented function against what the documented sample answers. */

#include <sign_api.h>

#include "vectors.h"

static void set(char *array, size_t size, const char *s) {
        CHECK(strlen(s) < size);
        memcpy(array, s, strlen(s) + 1);
}

static iotx_dev_meta_info_t meta_of(const char *pk, const char *dn, const char *ds) {
        iotx_dev_meta_info_t meta;

        memset(&meta, 'x', sizeof(meta));
        set(meta.product_key, sizeof(meta.product_key), pk);
        set(meta.device_name, sizeof(meta.device_name), dn);
        set(meta.device_secret, sizeof(meta.device_secret), ds);
        return meta;
}

static void check_vector(json_t *inputs, json_t *expected) {
        iotx_dev_meta_info_t meta = meta_of(vector_string(inputs, "productKey"),
                                            vector_string(inputs, "deviceName"),
                                            vector_string(inputs, "deviceSecret"));
        iotx_mqtt_region_types_t region = (iotx_mqtt_region_types_t)json_integer_value(
                        json_object_get(inputs, "region"));
        int tls = strcmp(vector_string(inputs, "build"), "SUPPORT_TLS") == 0;
        const char *domain = vector_string(inputs, "customDomain");
        json_int_t rc = json_integer_value(json_object_get(expected, "rc"));
        iotx_sign_mqtt_t out;
        int32_t r;

        memset(&out, '!', sizeof(out));
        if (domain)
                r = tls ? IOT_Sign_MQTT_Domain_TLS(domain, &meta, &out)
                        : IOT_Sign_MQTT_Domain(domain, &meta, &out);
        else
                r = tls ? IOT_Sign_MQTT_TLS(region, &meta, &out)
                        : IOT_Sign_MQTT(region, &meta, &out);
        CHECK_INT(r, rc);
        if (rc < 0)
                return;
        CHECK_STR(out.hostname, vector_string(expected, "host"));
        CHECK_INT(out.port, json_integer_value(json_object_get(expected, "port")));
        CHECK_STR(out.clientid, vector_string(expected, "clientId"));
        CHECK_STR(out.username, vector_string(expected, "username"));
        CHECK_STR(out.password, vector_string(expected, "password"));
}

static void test_the_sample_s_answers(void) {
        vectors_walk("iot-sign-mqtt", "sdk-doc-", 11, check_vector);
}

static void test_longest_identity(void) {
        char pk[IOTX_PRODUCT_KEY_LEN + 1], dn[IOTX_DEVICE_NAME_LEN + 1];
        char ds[IOTX_DEVICE_SECRET_LEN + 1];
        iotx_dev_meta_info_t meta;
        iotx_sign_mqtt_t out;

        memset(pk, 'p', sizeof(pk));
        memset(dn, 'd', sizeof(dn));
        memset(ds, 's', sizeof(ds));
        pk[sizeof(pk) - 1] = dn[sizeof(dn) - 1] = ds[sizeof(ds) - 1] = '\0';
        meta = meta_of(pk, dn, ds);
        CHECK_INT(IOT_Sign_MQTT_TLS(IOTX_CLOUD_REGION_SINGAPORE, &meta, &out), 0);
        CHECK_INT(strlen(out.username), 53);
        CHECK_INT(strcspn(out.clientid, "|"), 53);
        CHECK_STR(out.password, "6F68EC5A088DA253DE35A79C59DBD5822DC876F1536144F813DD4F3091B59714");
}

static void check_failure(int32_t r, const iotx_sign_mqtt_t *out) {
        iotx_sign_mqtt_t before;

        memset(&before, '!', sizeof(before));
        CHECK_INT(r, -1);
        CHECK(memcmp(out, &before, sizeof(before)) == 0);
}

static void test_failures_write_nothing(void) {
        iotx_dev_meta_info_t good = meta_of("pk", "dn", "ds"), meta;
        char domain[DEV_SIGN_HOSTNAME_MAXLEN + 1];
        iotx_sign_mqtt_t out;

        memset(&out, '!', sizeof(out));
        check_failure(IOT_Sign_MQTT(IOTX_CLOUD_DOMAIN_MAX, &good, &out), &out);
        check_failure(IOT_Sign_MQTT((iotx_mqtt_region_types_t)99, &good, &out), &out);
        check_failure(IOT_Sign_MQTT((iotx_mqtt_region_types_t)-1, &good, &out), &out);
        check_failure(IOT_Sign_MQTT(IOTX_CLOUD_REGION_CUSTOM, &good, &out), &out);
        check_failure(IOT_Sign_MQTT(IOTX_CLOUD_REGION_JAPAN, NULL, &out), &out);
        CHECK_INT(IOT_Sign_MQTT(IOTX_CLOUD_REGION_JAPAN, &good, NULL), -1);
        check_failure(IOT_Sign_MQTT_Domain(NULL, &good, &out), &out);
        check_failure(IOT_Sign_MQTT_Domain("", &good, &out), &out);

        memset(domain, 'd', sizeof(domain));
        domain[DEV_SIGN_HOSTNAME_MAXLEN] = '\0';
        check_failure(IOT_Sign_MQTT_Domain(domain, &good, &out), &out);
        meta = good;
        meta.product_key[0] = '\0';
        check_failure(IOT_Sign_MQTT(IOTX_CLOUD_REGION_JAPAN, &meta, &out), &out);
        meta = good;
        memset(meta.device_name, 'd', sizeof(meta.device_name));
        check_failure(IOT_Sign_MQTT(IOTX_CLOUD_REGION_JAPAN, &meta, &out), &out);
        meta = good;
        memset(meta.device_secret, 's', sizeof(meta.device_secret));
        check_failure(IOT_Sign_MQTT(IOTX_CLOUD_REGION_JAPAN, &meta, &out), &out);

        domain[DEV_SIGN_HOSTNAME_MAXLEN - 1] = '\0';
        CHECK_INT(IOT_Sign_MQTT_Domain(domain, &good, &out), 0);
        CHECK_STR(out.hostname, domain);
}

TEST_MAIN(TEST(test_the_sample_s_answers),
          TEST(test_longest_identity),
          TEST(test_failures_write_nothing))
