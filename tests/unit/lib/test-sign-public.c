/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>

#include "room.h"

static iotlink_sign_identity sample(void) {
        return (iotlink_sign_identity){
                        .struct_size = sizeof(iotlink_sign_identity),
                        .product_key = "pk",
                        .device_name = "device",
                        .device_secret = "secret",
                        .client_id = "12345",
                        .method = IOTLINK_SIGN_HMACSHA1,
                        .timestamp = "789",
                        .region = "cn-shanghai",
        };
}

static void test_device_published_answer(void) {
        iotlink_sign_identity identity = sample();
        Room room;

        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.host, "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_STR(room.client_id, "12345|securemode=3,signmethod=hmacsha1,timestamp=789|");
        CHECK_STR(room.username, "device&pk");
        CHECK_STR(room.password, "FAFD82A3D602B37FB0FA8B7892F24A477F851A14");
        CHECK_INT(room.connect.port, 1883);
        CHECK_INT(room.connect.password.needed, 41);
}

static void test_device_without_timestamp_and_client_id(void) {
        iotlink_sign_identity identity = sample();
        Room room;

        identity.timestamp = identity.client_id = NULL;
        identity.method = IOTLINK_SIGN_HMACMD5;
        identity.tls = 1;
        identity.host = "broker.example";
        identity.port = 8883;
        identity.extra_params = "ext=1";
        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.host, "broker.example");
        CHECK_STR(room.client_id, "pk.device|securemode=2,signmethod=hmacmd5,ext=1|");
        CHECK_INT(room.connect.port, 8883);
}

static void test_longest_device_fits_the_announced_room(void) {
        iotlink_sign_identity identity = sample();
        char id[65], extra[257], host[254];
        Room room;

        memset(id, 'c', 64);
        id[64] = '\0';
        memset(extra, 'e', 256);
        extra[1] = '=';
        extra[256] = '\0';
        memset(host, 'h', 253);
        host[253] = '\0';
        identity.product_key = "01234567890123456789";
        identity.device_name = "01234567890123456789012345678901";
        identity.client_id = id;
        identity.extra_params = extra;
        identity.host = host;
        identity.timestamp = "01234567890123456789";
        identity.method = IOTLINK_SIGN_HMACSHA256;
        room_init(&room);
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_INT(strlen(room.host), sizeof(room.host) - 1);
        CHECK_INT(strlen(room.username), 53);
        CHECK_INT(strlen(room.password), sizeof(room.password) - 1);
}

static void test_too_little_room_says_how_much_and_writes_nothing(void) {
        iotlink_sign_identity identity = sample();
        Room room;

        room_init(&room);
        room.connect.username.size = sizeof("device&pk") - 1;
        room.connect.host = (iotlink_sign_text){0};
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), -ENOBUFS);
        CHECK_INT(room.connect.username.needed, sizeof("device&pk"));
        CHECK_INT(room.connect.host.needed, sizeof("pk.iot-as-mqtt.cn-shanghai.aliyuncs.com"));
        CHECK(room.client_id[0] == '!' && room.username[0] == '!' && room.password[0] == '!');
        CHECK_INT(room.connect.port, 7);

        room_init(&room);
        room.connect.username.size = sizeof("device&pk");
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), 0);
        CHECK_STR(room.username, "device&pk");
        CHECK_INT(room.username[sizeof("device&pk")], '!');
}

static void test_bad_identities(void) {
        iotlink_sign_identity identity = sample();
        char sentence[200] = "";
        iotlink_sign_text error = {sentence, sizeof(sentence), 0};
        Room room;

        CHECK_INT(iotlink_sign_check(&identity, &error), 0);
        CHECK_STR(sentence, "");

        room_init(&room);
        identity.device_name = "a|b";
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), -EINVAL);
        CHECK(room.client_id[0] == '!');
        CHECK_INT(iotlink_sign_check(&identity, &error), -EINVAL);
        CHECK(strstr(sentence, "device_name"));
        CHECK_INT(error.needed, strlen(sentence) + 1);
        CHECK_INT(iotlink_sign_check(&identity, NULL), -EINVAL);

        error.size = 5;
        sentence[5] = '!';
        CHECK_INT(iotlink_sign_check(&identity, &error), -EINVAL);
        CHECK_INT(strlen(sentence), 4);
        CHECK_INT(sentence[5], '!');
        CHECK(error.needed > 5);

        identity = sample();
        identity.struct_size = 0;
        CHECK_INT(iotlink_sign_check(&identity, &error), -EINVAL);
        CHECK_INT(iotlink_sign_check(NULL, NULL), -EINVAL);
        CHECK_INT(iotlink_sign_device(NULL, &room.connect), -EINVAL);
        identity = sample();
        CHECK_INT(iotlink_sign_device(&identity, NULL), -EINVAL);
        identity.method = 0;
        CHECK_INT(iotlink_sign_device(&identity, &room.connect), -EINVAL);
}

static void test_hmac(void) {
        char data[IOTLINK_SIGN_PASSWORD_SIZE];
        iotlink_sign_text hex = {data, sizeof(data), 0};

        CHECK_INT(iotlink_sign_hmac(IOTLINK_SIGN_HMACSHA256, "thinkgos", "thinkgos", &hex), 0);
        CHECK_STR(data, "E9403E3A615FAD72D1DD1FE90C225CBEC4BA81A03E5474D91A72844D2218954F");
        CHECK_INT(iotlink_sign_hmac(IOTLINK_SIGN_HMACMD5, "thinkgos", "thinkgos", &hex), 0);
        CHECK_STR(data, "ED9DC7BAF84A9740A3CEB6F1F26BFB4F");
        CHECK_INT(hex.needed, 33);

        hex.size = 40;
        CHECK_INT(iotlink_sign_hmac(IOTLINK_SIGN_HMACSHA1, "k", "c", &hex), -ENOBUFS);
        CHECK_INT(hex.needed, 41);
        CHECK_INT(iotlink_sign_hmac(0, "k", "c", &hex), -EINVAL);
        CHECK_INT(iotlink_sign_hmac(4, "k", "c", &hex), -EINVAL);
        CHECK_INT(iotlink_sign_hmac(1, NULL, "c", &hex), -EINVAL);
        CHECK_INT(iotlink_sign_hmac(1, "k", NULL, &hex), -EINVAL);
        CHECK_INT(iotlink_sign_hmac(1, "k", "c", NULL), -EINVAL);
}

TEST_MAIN(TEST(test_device_published_answer),
          TEST(test_device_without_timestamp_and_client_id),
          TEST(test_longest_device_fits_the_announced_room),
          TEST(test_too_little_room_says_how_much_and_writes_nothing),
          TEST(test_bad_identities),
          TEST(test_hmac))
