/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/credentials.h"

#include <errno.h>

#include "borrow.h"
#include "vectors.h"

static int compare_strings(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Rewrites "id|b,a|" as "id|a,b|": the order between the bars means nothing. */
static char *client_id_sorted(const char *client_id) {
        char *copy = strdup(client_id), *parts[16], *sorted, *p, *save = NULL;
        size_t n = 0, bar = strcspn(client_id, "|"), len = strlen(client_id);

        CHECK(copy && client_id[bar] == '|' && client_id[len - 1] == '|' && len > bar + 2);
        CHECK(client_id[len - 2] != ',');
        copy[bar] = copy[len - 1] = '\0';
        for (p = strtok_r(copy + bar + 1, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
                CHECK(n < ARRAY_SIZE(parts));
                parts[n++] = p;
        }
        qsort(parts, n, sizeof(parts[0]), compare_strings);

        sorted = calloc(1, len + 2);
        CHECK(sorted);
        p = stpcpy(stpcpy(sorted, copy), "|");
        for (size_t i = 0; i < n; i++)
                p = stpcpy(stpcpy(p, parts[i]), ",");
        free(copy);
        return sorted;
}

static void check_client_id(const char *is, const char *expected) {
        char *a = client_id_sorted(is), *b = client_id_sorted(expected);

        CHECK_STR(a, b);
        free(a);
        free(b);
}

static void check_valid(const Identity *id) {
        const char *key = NULL;
        char *error = NULL;

        if (identity_check(id, &key, &error) < 0)
                CHECK_STR(error, "");
}

/* "pk.iot-as-mqtt.REGION.aliyuncs.com" -> REGION */
static char *region_of(const char *host) {
        const char *begin = strstr(host, ".iot-as-mqtt.") + strlen(".iot-as-mqtt.");

        return strndup(begin, strcspn(begin, "."));
}

static void check_direct(json_t *inputs, json_t *expected) {
        const char *method = vector_string(inputs, "signmethod");
        const char *host = vector_string(expected, "host"), *name;
        int port = (int)json_integer_value(json_object_get(expected, "port"));
        char *region = region_of(host ? host : "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        char extra[128] = "";
        Credentials c;
        json_t *value;
        Identity id = {
                        .mode = AUTH_DEVICE,
                        .product_key = borrow(vector_string(inputs, "productKey")),
                        .device_name = borrow(vector_string(inputs, "deviceName")),
                        .client_id = borrow(vector_string(inputs, "clientId")),
                        .secret = borrow(vector_string(inputs, "deviceSecret")),
                        .region = region,
                        .port = port == 1883 ? 0 : (uint16_t)port,
                        .tls = json_integer_value(json_object_get(inputs, "securemode")) == 2,
                        .sign_method = method ? sign_method_from_string(method) : SIGN_HMACMD5,
                        .sign_method_implicit = !method,
                        .timestamp = borrow(vector_string(inputs, "timestamp")),
        };

        id.timestamp_kind = id.timestamp ? TIMESTAMP_FIXED : TIMESTAMP_NONE;
        json_object_foreach(json_object_get(inputs, "extraParams"), name, value) {
                size_t len = strlen(extra);

                (void)snprintf(extra + len, sizeof(extra) - len, "%s%s=%s", len > 0 ? "," : "",
                               name, json_string_value(value));
        }
        if (extra[0])
                id.extra_params = extra;

        check_valid(&id);
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        check_client_id(c.client_id, vector_string(expected, "clientId"));
        CHECK_STR(c.content, vector_string(expected, "signContent"));
        CHECK_STR(c.username, vector_string(expected, "username"));
        CHECK_STR(c.password, vector_string(expected, "password"));
        if (host)
                CHECK_STR(c.host, host);
        if (port)
                CHECK_INT(c.port, port);

        credentials_done(&c);
        free(region);
}

static void test_device_known_answers(void) {
        vectors_walk("mqtt-direct", "", 15, check_direct);
}

static void check_mq(json_t *inputs, json_t *expected) {
        Credentials c;
        Identity id = {
                        .mode = AUTH_MQ_SIGNATURE,
                        .client_id = borrow(vector_string(inputs, "clientId")),
                        .access_key_id = borrow(vector_string(inputs, "accessKeyId")),
                        .secret = borrow(vector_string(inputs, "secret")),
                        .instance_id = borrow(vector_string(inputs, "instanceId")),
                        .host = borrow("mqtt-xxxxx.mqtt.aliyuncs.com"),
        };

        check_valid(&id);
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.client_id, vector_string(expected, "clientId"));
        CHECK_STR(c.username, vector_string(expected, "username"));
        CHECK_STR(c.password, vector_string(expected, "password"));
        CHECK_STR(c.content, c.client_id);
        CHECK_INT(c.port, 1883);
        credentials_done(&c);
}

static void test_mq_known_answers(void) {
        vectors_walk("apsaramq-signature", "", 2, check_mq);
}

static void check_token(json_t *inputs, json_t *expected) {
        Credentials c;
        Identity id = {
                        .mode = AUTH_MQ_TOKEN,
                        .client_id = borrow(vector_string(inputs, "clientId")),
                        .access_key_id = borrow(vector_string(inputs, "accessKeyId")),
                        .secret = borrow(vector_string(inputs, "tokens")),
                        .instance_id = borrow(vector_string(inputs, "instanceId")),
                        .host = borrow("mqtt-xxxxx.mqtt.aliyuncs.com"),
        };

        check_valid(&id);
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.client_id, vector_string(expected, "clientId"));
        CHECK_STR(c.username, vector_string(expected, "username"));
        CHECK_STR(c.password, vector_string(expected, "password"));
        CHECK(!c.content);
        credentials_done(&c);
}

static void test_token_known_answers(void) {
        vectors_walk("apsaramq-token", "", 2, check_token);
}

static void check_connwl(json_t *inputs, json_t *expected) {
        Credentials c;
        Identity id = {
                        .mode = AUTH_REGISTER_FREE,
                        .product_key = borrow(vector_string(inputs, "productKey")),
                        .device_name = borrow(vector_string(inputs, "deviceName")),
                        .client_id = borrow(vector_string(inputs, "clientId")),
                        .secret = borrow(vector_string(inputs, "deviceToken")),
                        .region = borrow("cn-shanghai"),
                        .tls = true,
        };
        const char *client_id = vector_string(expected, "clientId");

        check_valid(&id);
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        /* One source lists a method and a timestamp instead of authType, though nothing is signed:
         * what all programs in the field send is sent here too. */
        if (!vector_string(inputs, "signmethod"))
                check_client_id(c.client_id, client_id);
        else
                CHECK_INT(strncmp(c.client_id, client_id, strcspn(client_id, ",")), 0);
        CHECK_STR(c.username, vector_string(expected, "username"));
        CHECK_STR(c.password, vector_string(expected, "password"));
        CHECK(!c.content);
        credentials_done(&c);
}

static void test_register_free_known_answers(void) {
        vectors_walk("mqtt-connwl", "", 2, check_connwl);
}

static void test_mq_device_makes_its_client_id(void) {
        Credentials c;
        Identity id = {
                        .mode = AUTH_MQ_DEVICE,
                        .group_id = borrow("GID_Test"),
                        .device_id = borrow("0001"),
                        .access_key_id = borrow("DC.YYYYY"),
                        .secret = borrow("XXXXX"),
                        .instance_id = borrow("mqtt-xxxxx"),
                        .host = borrow("mqtt-xxxxx.mqtt.aliyuncs.com"),
                        .tls = true,
        };

        check_valid(&id);
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.client_id, "GID_Test@@@0001");
        CHECK_STR(c.username, "DeviceCredential|DC.YYYYY|mqtt-xxxxx");
        CHECK_STR(c.password, "vI009IZJZVGRwBwZvnbwjfuXxVM=");
        CHECK_INT(c.port, 8883);
        CHECK(c.tls);
        credentials_done(&c);
}

static Identity sample_device(void) {
        return (Identity){
                        .mode = AUTH_DEVICE,
                        .product_key = borrow("a1X2bEnP82z"),
                        .device_name = borrow("example1"),
                        .secret = borrow("ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe"),
                        .region = borrow("cn-shanghai"),
                        .sign_method = SIGN_HMACSHA256,
                        .tls = true,
        };
}

static void test_device_defaults(void) {
        Identity id = sample_device();
        Credentials c;

        CHECK_INT(credentials_make(&id, UINT64_C(2524608000000), &c), 0);
        CHECK_STR(c.client_id, "a1X2bEnP82z.example1|securemode=2,signmethod=hmacsha256,"
                               "timestamp=2524608000000|");
        CHECK_STR(c.password, "B8CE8F1D706DD3C61D13BFD9855DEF7E321B785084CA9C93F0169A2B46785DD2");
        CHECK_STR(c.host, "a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_INT(c.port, 1883);
        credentials_done(&c);
        CHECK(!c.password && !c.host);
}

static void test_list_without_method_and_timestamp(void) {
        Identity id = sample_device();
        Credentials c;

        id.sign_method = SIGN_HMACMD5;
        id.sign_method_implicit = true;
        id.timestamp_kind = TIMESTAMP_NONE;
        id.tls = false;
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.client_id, "a1X2bEnP82z.example1|securemode=3|");
        credentials_done(&c);
}

static void test_extra_parameters_are_last_and_unsigned(void) {
        Identity id = sample_device();
        Credentials c, plain;

        CHECK_INT(credentials_make(&id, 5, &plain), 0);
        id.extra_params = borrow("_v=x-1,ext=3");
        CHECK_INT(credentials_make(&id, 5, &c), 0);
        CHECK_STR(c.client_id,
                  "a1X2bEnP82z.example1|securemode=2,signmethod=hmacsha256,timestamp=5,"
                  "_v=x-1,ext=3|");
        CHECK_STR(c.content, plain.content);
        CHECK_STR(c.password, plain.password);
        credentials_done(&c);
        credentials_done(&plain);
}

static void test_endpoint_precedence(void) {
        Identity id = sample_device();
        Credentials c;

        id.instance_id = borrow("iot-060a0bgd");
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.host, "iot-060a0bgd.mqtt.iothub.aliyuncs.com");
        credentials_done(&c);

        id.host = borrow("127.0.0.1");
        id.port = 12345;
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.host, "127.0.0.1");
        CHECK_INT(c.port, 12345);
        credentials_done(&c);
}

static void test_plain(void) {
        Identity id = {.mode = AUTH_PLAIN, .client_id = borrow("c1"), .host = borrow("broker")};
        Credentials c;

        check_valid(&id);
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.client_id, "c1");
        CHECK(!c.username && !c.password && !c.content);
        CHECK_INT(c.port, 1883);
        credentials_done(&c);

        id.client_id = NULL;
        id.device_name = borrow("gw");
        id.username = borrow("u");
        id.secret = borrow("p");
        id.tls = true;
        check_valid(&id);
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.client_id, "gw");
        CHECK_STR(c.username, "u");
        CHECK_STR(c.password, "p");
        CHECK_INT(c.port, 8883);
        credentials_done(&c);

        id.product_key = borrow("site");
        CHECK_INT(credentials_make(&id, 1, &c), 0);
        CHECK_STR(c.client_id, "site.gw");
        credentials_done(&c);
}

/* With the secret that was registered it is the same as auth = "device". */
static void test_registered(void) {
        Identity id = sample_device();
        Credentials c, device;

        CHECK_INT(credentials_make(&id, 7, &device), 0);
        id.mode = AUTH_REGISTER;
        CHECK_INT(credentials_make(&id, 7, &c), 0);
        CHECK_STR(c.client_id, device.client_id);
        CHECK_STR(c.username, device.username);
        CHECK_STR(c.password, device.password);
        CHECK_STR(c.host, device.host);
        CHECK_INT(c.port, device.port);
        credentials_done(&c);
        credentials_done(&device);
}

static void test_register_free_takes_long_ids_and_extra_parameters(void) {
        static char long_id[201];
        Identity id = sample_device();
        char expected[300];
        Credentials c;

        memset(long_id, 'x', 200);
        id.mode = AUTH_REGISTER_FREE;
        id.client_id = long_id;
        id.extra_params = borrow("ext=1");
        CHECK(snprintf(expected, sizeof(expected), "%s|securemode=-2,authType=connwl,ext=1|",
                       long_id) > 0);
        CHECK_INT(credentials_make(&id, 7, &c), 0);
        CHECK_STR(c.client_id, expected);
        CHECK_STR(c.password, id.secret);
        credentials_done(&c);
}

static void test_sha256_is_named(void) {
        Identity id = sample_device();
        Credentials c;

        id.sign_method = SIGN_SHA256;
        CHECK_INT(credentials_make(&id, 7, &c), 0);
        CHECK_STR(c.client_id, "a1X2bEnP82z.example1|securemode=2,signmethod=sha256,timestamp=7|");
        CHECK_INT(strlen(c.password), 64);
        credentials_done(&c);
}

static void test_hosts_and_ports(void) {
        Identity id = sample_device();
        char *host = NULL;

        id.mode = AUTH_HTTPS;
        CHECK_INT(credentials_host(&id, &host), 0);
        CHECK_STR(host, "a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_INT(credentials_port(&id), 1883);
        free(host);
        host = NULL;

        id.mode = AUTH_COMMAND;
        CHECK_INT(credentials_host(&id, &host), -ENOENT);
        CHECK(!host);
        CHECK_INT(credentials_port(&id), 8883);
        id.tls = false;
        CHECK_INT(credentials_port(&id), 1883);
        id.port = 5;
        CHECK_INT(credentials_port(&id), 5);
}

static void test_port_is_fixed_by_the_configuration_only(void) {
        Identity id = sample_device();
        Credentials c;

        CHECK_INT(credentials_make(&id, 7, &c), 0);
        CHECK(!c.port_fixed);
        credentials_done(&c);
        id.port = 8883;
        CHECK_INT(credentials_make(&id, 7, &c), 0);
        CHECK(c.port_fixed);
        credentials_done(&c);
}

static void test_what_only_a_program_can_give(void) {
        Identity id = sample_device();
        Credentials c = {.port = 99};

        id.mode = AUTH_HTTPS;
        CHECK_INT(credentials_make(&id, 1, &c), -EINVAL);
        id.mode = AUTH_COMMAND;
        id.host = borrow("h");
        CHECK_INT(credentials_make(&id, 1, &c), -EINVAL);
        id.mode = AUTH_MQ_TOKEN;
        id.secret = NULL;
        CHECK_INT(credentials_make(&id, 1, &c), -EINVAL);
        CHECK_INT(c.port, 99);
}

static void test_output_is_untouched_on_failure(void) {
        Identity id = sample_device();
        Credentials c = {.port = 99};

        id.region = NULL;
        CHECK_INT(credentials_make(&id, 1, &c), -ENOENT);
        id = sample_device();
        id.sign_method = _SIGN_METHOD_MAX;
        CHECK_INT(credentials_make(&id, 1, &c), -EINVAL);
        id = sample_device();
        id.host = borrow("h");
        id.mode = _AUTH_MODE_MAX;
        CHECK_INT(credentials_make(&id, 1, &c), -EINVAL);
        CHECK_INT(c.port, 99);
        CHECK(!c.host && !c.password);
}

static void test_registration(void) {
        Identity id = sample_device();
        Credentials c = {.port = 99};

        CHECK_INT(credentials_make_registration(&id, "1", &c), -EINVAL); /* nothing to register */
        id.mode = AUTH_REGISTER;
        id.secret = borrow("7jluWm1zql7bt8qK");
        CHECK_INT(credentials_make_registration(&id, NULL, &c), -EINVAL);
        CHECK_INT(credentials_make_registration(&id, "a,b", &c), -EINVAL);
        CHECK_INT(c.port, 99);
        CHECK_INT(credentials_make_registration(&id, "567345", &c), 0);
        CHECK_STR(c.client_id, "a1X2bEnP82z.example1|securemode=2,authType=register,random=567345,"
                               "signmethod=hmacsha256|");
        CHECK_STR(c.content, "deviceNameexample1productKeya1X2bEnP82zrandom567345");
        CHECK_STR(c.password, "4E470B2997254363183BB6E88C2ED00E51859E1179FF2D9A7FA3C64BCFE2A31C");
        CHECK_STR(c.username, "example1&a1X2bEnP82z");
        CHECK_INT(c.port, 1883);
        credentials_done(&c);

        id.region = NULL;
        CHECK_INT(credentials_make_registration(&id, "567345", &c), -ENOENT);
}

TEST_MAIN(TEST(test_device_known_answers),
          TEST(test_registration),
          TEST(test_mq_known_answers),
          TEST(test_token_known_answers),
          TEST(test_register_free_known_answers),
          TEST(test_mq_device_makes_its_client_id),
          TEST(test_device_defaults),
          TEST(test_list_without_method_and_timestamp),
          TEST(test_extra_parameters_are_last_and_unsigned),
          TEST(test_endpoint_precedence),
          TEST(test_plain),
          TEST(test_registered),
          TEST(test_register_free_takes_long_ids_and_extra_parameters),
          TEST(test_sha256_is_named),
          TEST(test_hosts_and_ports),
          TEST(test_port_is_fixed_by_the_configuration_only),
          TEST(test_what_only_a_program_can_give),
          TEST(test_output_is_untouched_on_failure))
