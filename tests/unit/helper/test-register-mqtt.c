/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/register-mqtt.h"

#include "test.h"

static void check_id(RequestAuth auth,
                     SignMethod method,
                     const char *instance,
                     const char *expected) {
        const Request request = {.auth = auth,
                                 .client_id = "12345",
                                 .sign_method = method,
                                 .instance_id = instance};
        char *id;

        CHECK_INT(register_mqtt_client_id(&request, "567345", &id), 0);
        CHECK_STR(id, expected);
        free(id);
}

static void test_register(void) {
        /* As documented, letter by letter. */
        check_id(REQUEST_AUTH_REGISTER, SIGN_HMACSHA256, NULL,
                 "12345|securemode=2,authType=register,random=567345,signmethod=hmacsha256|");
        check_id(REQUEST_AUTH_REGISTER, SIGN_HMACMD5, NULL,
                 "12345|securemode=2,authType=register,random=567345,signmethod=hmacmd5|");
        check_id(REQUEST_AUTH_REGISTER, SIGN_HMACSHA1, "iot-1",
                 "12345|securemode=2,authType=register,random=567345,signmethod=hmacsha1,"
                 "instanceId=iot-1|");
}

static void test_register_free(void) {
        check_id(REQUEST_AUTH_REGISTER_FREE, SIGN_HMACSHA256, NULL,
                 "12345|securemode=2,authType=regnwl,random=567345,signmethod=hmacsha256|");
        check_id(REQUEST_AUTH_REGISTER_FREE, SIGN_HMACSHA256, "iot-1",
                 "12345|securemode=-2,authType=regnwl,random=567345,signmethod=hmacsha256,"
                 "instanceId=iot-1|");
}

TEST_MAIN(TEST(test_register), TEST(test_register_free))
