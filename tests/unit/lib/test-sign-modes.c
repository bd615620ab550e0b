/* SPDX-License-Identifier: Apache-2.0 */

/* The modes of the native interface against the known answers. */

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "room.h"
#include "vectors.h"

static int method_of(const char *name) {
        static const char *const names[] = {"hmacmd5", "hmacsha1", "hmacsha256"};

        for (int i = 0; i < 3; i++)
                if (name && strcmp(name, names[i]) == 0)
                        return i + 1;
        return IOTLINK_SIGN_HMACMD5; /* what the platform takes when none is named */
}

static iotlink_sign_identity platform(int mode, json_t *inputs) {
        const char *method = vector_string(inputs, "signmethod");

        return (iotlink_sign_identity){
                        .struct_size = sizeof(iotlink_sign_identity),
                        .mode = mode,
                        .product_key = vector_string(inputs, "productKey"),
                        .device_name = vector_string(inputs, "deviceName"),
                        .client_id = vector_string(inputs, "clientId"),
                        .method = method_of(method ? method : vector_string(inputs, "signMethod")),
                        .tls = 1,
                        .timestamp = vector_string(inputs, "timestamp"),
                        .device_secret = vector_string(inputs, "deviceSecret"),
                        .product_secret = vector_string(inputs, "productSecret"),
                        .device_token = vector_string(inputs, "deviceToken"),
                        .random = vector_string(inputs, "random"),
        };
}

/* Some sources write signatures in lower case: the platform takes both. */
static void check_content(const iotlink_sign_identity *identity,
                          const char *content,
                          const char *sign) {
        char c[IOTLINK_SIGN_CONTENT_SIZE] = "", s[IOTLINK_SIGN_PASSWORD_SIZE] = "";
        iotlink_sign_text to_content = {c, sizeof(c), 0}, to_sign = {s, sizeof(s), 0};

        CHECK_INT(iotlink_sign_content(identity, &to_content, &to_sign), 0);
        CHECK_STR(c, content);
        CHECK_INT(strcasecmp(s, sign), 0);
        CHECK_INT(to_content.needed, strlen(content) + 1);
        CHECK_INT(to_sign.needed, strlen(sign) + 1);
}

static void check_https_devicename(json_t *inputs, json_t *expected) {
        iotlink_sign_identity identity = platform(IOTLINK_SIGN_MODE_DEVICE, inputs);

        check_content(&identity, vector_string(expected, "signContent"),
                      vector_string(expected, "sign"));
}

static void check_https_register(json_t *inputs, json_t *expected) {
        iotlink_sign_identity identity = platform(IOTLINK_SIGN_MODE_REGISTER, inputs);

        check_content(&identity, vector_string(expected, "signContent"),
                      vector_string(expected, "sign"));
}

static void test_https_known_answers(void) {
        vectors_walk("https-auth-devicename", "", 2, check_https_devicename);
        vectors_walk("https-dynreg", "", 2, check_https_register);
}

/* The list may come in any order: whether each of its items is in the other. */
static void check_list(const char *is, const char *expected) {
        size_t bar = strcspn(expected, "|");

        CHECK_INT(strlen(is), strlen(expected));
        CHECK_INT(strncmp(is, expected, bar + 1), 0);
        for (const char *p = expected + bar + 1; *p; p += strcspn(p, ",|") + 1) {
                size_t len = strcspn(p, ",|");
                const char *q = is + bar + 1;

                while (*q && !(strcspn(q, ",|") == len && strncmp(q, p, len) == 0))
                        q += strcspn(q, ",|") + 1;
                CHECK(*q);
        }
}

static void check_mqtt_register(json_t *inputs, json_t *expected) {
        bool is_free = strcmp(vector_string(inputs, "authType"), "regnwl") == 0;
        int mode = is_free ? IOTLINK_SIGN_MODE_REGISTER_FREE : IOTLINK_SIGN_MODE_REGISTER;
        iotlink_sign_identity identity = platform(mode, inputs);
        const char *list = vector_string(expected, "clientId");
        char client_id[65] = "";
        Room room;

        CHECK(strcspn(list, "|") < sizeof(client_id));
        memcpy(client_id, list, strcspn(list, "|"));
        identity.client_id = client_id;
        identity.host = "broker.example";
        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.username, vector_string(expected, "username"));
        CHECK_STR(room.password, vector_string(expected, "password"));
        check_content(&identity, vector_string(expected, "signContent"),
                      vector_string(expected, "password"));
        if (!is_free)
                check_list(room.client_id, list);
}

static void test_mqtt_registration_known_answers(void) {
        vectors_walk("mqtt-dynreg", "", 4, check_mqtt_register);
}

static void check_connwl(json_t *inputs, json_t *expected) {
        iotlink_sign_identity identity = platform(IOTLINK_SIGN_MODE_DEVICE_TOKEN, inputs);
        const char *list = vector_string(expected, "clientId");
        Room room;

        identity.region = "cn-shanghai";
        identity.method = 0;
        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.host, "a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_STR(room.username, vector_string(expected, "username"));
        CHECK_STR(room.password, vector_string(expected, "password"));
        /* One source has a method and a timestamp in place of authType, which all others send. */
        if (!vector_string(inputs, "signmethod"))
                check_list(room.client_id, list);
        CHECK_INT(iotlink_sign_content(&identity, NULL, NULL), -ENODATA);
}

static void test_device_token_known_answers(void) {
        vectors_walk("mqtt-connwl", "", 2, check_connwl);
}

static void test_long_tokens_and_their_client_ids(void) {
        iotlink_sign_identity identity = {
                        .struct_size = sizeof(identity),
                        .mode = IOTLINK_SIGN_MODE_DEVICE_TOKEN,
                        .product_key = "a1X2bEnP82z",
                        .device_name = "example1",
                        .region = "cn-shanghai",
                        .tls = 1,
        };
        char id[501], token[1001], large_id[600], large_token[1001];
        Room room;

        memset(id, 'i', sizeof(id) - 1);
        memset(token, 't', sizeof(token) - 1);
        id[sizeof(id) - 1] = token[sizeof(token) - 1] = '\0';
        identity.client_id = id;
        identity.device_token = token;
        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), -ENOBUFS);
        CHECK_INT(room.connect.client_id.needed, 500 + sizeof("|securemode=-2,authType=connwl|"));
        CHECK_INT(room.connect.password.needed, sizeof(token));
        room.connect.client_id = (iotlink_sign_text){large_id, sizeof(large_id), 0};
        room.connect.password = (iotlink_sign_text){large_token, sizeof(large_token), 0};
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(large_token, token);
        CHECK_INT(strncmp(large_id, id, 500), 0);
        CHECK_STR(large_id + 500, "|securemode=-2,authType=connwl|");
}

static iotlink_sign_identity queue(int mode, json_t *inputs) {
        return (iotlink_sign_identity){
                        .struct_size = sizeof(iotlink_sign_identity),
                        .mode = mode,
                        .client_id = vector_string(inputs, "clientId"),
                        .access_key_id = vector_string(inputs, "accessKeyId"),
                        .access_key_secret = vector_string(inputs, "secret"),
                        .mq_token = vector_string(inputs, "tokens"),
                        .instance_id = vector_string(inputs, "instanceId"),
        };
}

static void check_mq(iotlink_sign_identity *identity, json_t *expected) {
        Room room;

        room_init(&room);
        CHECK_INT(iotlink_sign_device(identity, &room.connect), -EINVAL); /* where? */
        identity->host = "mqtt-xxxxx.mqtt.aliyuncs.com";
        CHECK_INT(iotlink_sign_device(identity, &room.connect), 0);
        CHECK_STR(room.host, identity->host);
        CHECK_STR(room.client_id, vector_string(expected, "clientId"));
        CHECK_STR(room.username, vector_string(expected, "username"));
        CHECK_STR(room.password, vector_string(expected, "password"));
        CHECK_INT(room.connect.port, 1883);
}

static void check_mq_signature(json_t *inputs, json_t *expected) {
        iotlink_sign_identity identity = queue(IOTLINK_SIGN_MODE_MQ_SIGNATURE, inputs);

        check_content(&identity, identity.client_id, vector_string(expected, "password"));
        check_mq(&identity, expected);
}

static void check_mq_token(json_t *inputs, json_t *expected) {
        iotlink_sign_identity identity = queue(IOTLINK_SIGN_MODE_MQ_TOKEN, inputs);

        CHECK_INT(iotlink_sign_content(&identity, NULL, NULL), -ENODATA);
        check_mq(&identity, expected);
}

static void test_mq_known_answers(void) {
        vectors_walk("apsaramq-signature", "", 2, check_mq_signature);
        vectors_walk("apsaramq-token", "", 2, check_mq_token);
}

static iotlink_sign_identity sample_mq_device(void) {
        return (iotlink_sign_identity){
                        .struct_size = sizeof(iotlink_sign_identity),
                        .mode = IOTLINK_SIGN_MODE_MQ_DEVICE,
                        .group_id = "GID_Test",
                        .device_id = "0001",
                        .access_key_id = "DC.YYYYY",
                        .access_key_secret = "XXXXX",
                        .instance_id = "mqtt-xxxxx",
                        .host = "mqtt-xxxxx.mqtt.aliyuncs.com",
                        .tls = 1,
        };
}

static void test_mq_device(void) {
        iotlink_sign_identity identity = sample_mq_device();
        char id[129], instance[64];
        Room room;

        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.client_id, "GID_Test@@@0001");
        CHECK_STR(room.username, "DeviceCredential|DC.YYYYY|mqtt-xxxxx");
        CHECK_STR(room.password, "vI009IZJZVGRwBwZvnbwjfuXxVM=");
        CHECK_INT(room.connect.port, 8883);

        memset(id, 'i', sizeof(id) - 1);
        memset(instance, 'm', sizeof(instance) - 1);
        id[sizeof(id) - 1] = instance[sizeof(instance) - 1] = '\0';
        identity.access_key_id = id;
        identity.instance_id = instance;
        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_INT(strlen(room.username), sizeof(room.username) - 1);
}

static iotlink_sign_identity sample_registration(void) {
        return (iotlink_sign_identity){
                        .struct_size = sizeof(iotlink_sign_identity),
                        .mode = IOTLINK_SIGN_MODE_REGISTER_FREE,
                        .product_key = "a1X2bEnP82z",
                        .device_name = "example1",
                        .product_secret = "7jluWm1zql7bt8qK",
                        .random = "567345",
                        .method = IOTLINK_SIGN_HMACMD5,
                        .region = "cn-shanghai",
                        .tls = 1,
        };
}

static void test_registration_with_an_instance(void) {
        iotlink_sign_identity identity = sample_registration();
        Room room;

        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.client_id, "a1X2bEnP82z.example1|securemode=2,authType=regnwl,"
                                  "random=567345,signmethod=hmacmd5|");
        identity.instance_id = "iot-060a0bgd";
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.host, "iot-060a0bgd.mqtt.iothub.aliyuncs.com");
        CHECK_STR(room.client_id, "a1X2bEnP82z.example1|securemode=-2,authType=regnwl,"
                                  "random=567345,signmethod=hmacmd5,instanceId=iot-060a0bgd|");
        identity.mode = IOTLINK_SIGN_MODE_REGISTER;
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.client_id, "a1X2bEnP82z.example1|securemode=2,authType=register,"
                                  "random=567345,signmethod=hmacmd5,instanceId=iot-060a0bgd|");
}

static void test_longest_content_fits_the_announced_room(void) {
        iotlink_sign_identity identity = sample_registration();
        char content[IOTLINK_SIGN_CONTENT_SIZE], id[65];
        iotlink_sign_text to = {content, sizeof(content), 0};

        memset(id, 'c', 64);
        id[64] = '\0';
        identity.mode = IOTLINK_SIGN_MODE_DEVICE;
        identity.device_secret = "secret";
        identity.product_key = "01234567890123456789";
        identity.device_name = "01234567890123456789012345678901";
        identity.client_id = id;
        identity.timestamp = "01234567890123456789";
        CHECK_INT(iotlink_sign_content(&identity, &to, NULL), 0);
        CHECK_INT(to.needed, sizeof(content));
}

static void test_content_is_all_or_nothing(void) {
        iotlink_sign_identity identity = sample_registration();
        char content[IOTLINK_SIGN_CONTENT_SIZE] = "!", sign[IOTLINK_SIGN_PASSWORD_SIZE] = "!";
        iotlink_sign_text to_content = {content, sizeof(content), 0}, to_sign = {sign, 32, 0};

        CHECK_INT(iotlink_sign_content(&identity, &to_content, &to_sign), -ENOBUFS);
        CHECK_STR(content, "!");
        CHECK_STR(sign, "!");
        CHECK_INT(to_sign.needed, 33);
        CHECK_INT(iotlink_sign_content(&identity, NULL, &to_sign), -ENOBUFS);
        to_sign.size = 33;
        CHECK_INT(iotlink_sign_content(&identity, NULL, &to_sign), 0);
        CHECK_STR(sign, "CE9A7FBF0953416F6D62E45A9EDEB1CD");
        CHECK_INT(iotlink_sign_content(NULL, &to_content, NULL), -EINVAL);
}

static void check_mistake(const iotlink_sign_identity *identity, const char *word) {
        char sentence[200] = "";
        iotlink_sign_text error = {sentence, sizeof(sentence), 0};
        Room room;

        CHECK_INT(iotlink_sign_check(identity, &error), -EINVAL);
        if (!strstr(sentence, word))
                CHECK_STR(sentence, word);
        room_init(&room);
        CHECK_INT(iotlink_sign_device(identity, &room.connect), -EINVAL);
        CHECK(room.client_id[0] == '!' && room.password[0] == '!');
        CHECK_INT(room.connect.port, 7);
}

static void test_mistakes_in_registrations(void) {
        iotlink_sign_identity identity = sample_registration();
        char random[66];

        CHECK_INT(iotlink_sign_check(&identity, NULL), 0);
        identity.tls = 0;
        check_mistake(&identity, "tls");
        identity.tls = 1;
        identity.random = NULL;
        check_mistake(&identity, "random");
        identity.random = "";
        check_mistake(&identity, "random");
        identity.random = "1,securemode=3";
        check_mistake(&identity, "random");
        memset(random, 'r', 65);
        random[65] = '\0';
        identity.random = random;
        check_mistake(&identity, "random");
        random[64] = '\0';
        CHECK_INT(iotlink_sign_check(&identity, NULL), 0);

        identity.product_secret = NULL;
        identity.device_secret = "secret";
        check_mistake(&identity, "product_secret");
        identity.mode = IOTLINK_SIGN_MODE_MQ_TOKEN + 1;
        check_mistake(&identity, "mode");
        identity.mode = -1;
        check_mistake(&identity, "mode");
}

static void test_mistakes_with_tokens(void) {
        iotlink_sign_identity identity = sample_registration();

        identity.mode = IOTLINK_SIGN_MODE_DEVICE_TOKEN;
        identity.device_token = "token";
        check_mistake(&identity, "client_id");
        identity.client_id = "a|b";
        check_mistake(&identity, "client_id");
        identity.client_id = "";
        check_mistake(&identity, "client_id");
        identity.client_id = "a\n";
        check_mistake(&identity, "client_id");
        identity.client_id = "id";
        CHECK_INT(iotlink_sign_check(&identity, NULL), 0);
        identity.device_token = "";
        check_mistake(&identity, "device_token");
        identity.device_token = NULL;
        check_mistake(&identity, "device_token");

        identity = sample_mq_device();
        identity.device_id = NULL;
        check_mistake(&identity, "device_id");
        identity = sample_mq_device();
        identity.access_key_secret = NULL;
        check_mistake(&identity, "access_key_secret");
        identity.mode = IOTLINK_SIGN_MODE_MQ_TOKEN;
        check_mistake(&identity, "token");
        identity.mq_token = "X|TOKEN";
        check_mistake(&identity, "token");
}

TEST_MAIN(TEST(test_https_known_answers),
          TEST(test_mqtt_registration_known_answers),
          TEST(test_device_token_known_answers),
          TEST(test_long_tokens_and_their_client_ids),
          TEST(test_mq_known_answers),
          TEST(test_mq_device),
          TEST(test_registration_with_an_instance),
          TEST(test_longest_content_fits_the_announced_room),
          TEST(test_content_is_all_or_nothing),
          TEST(test_mistakes_in_registrations),
          TEST(test_mistakes_with_tokens))
