/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/registration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void registration_done(Registration *registration) {
        explicit_bzero(registration, sizeof(*registration));
}

static int make_random(char ret[REGISTRATION_RANDOM_MAX]) {
        uint64_t bits;

        /* So few bytes come whole or not at all. */
        if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
                return -EIO;
        (void)snprintf(ret, REGISTRATION_RANDOM_MAX, "%016" PRIX64, bits);
        return 0;
}

int registration_make(const Request *request, const char *random, Registration *ret) {
        _cleanup_(registration_done) Registration registration = {0};
        _cleanup_(freep) char *content = NULL;
        int r = 0;

        if (!random)
                r = make_random(registration.random);
        else if (strlen(random) < sizeof(registration.random))
                memcpy(registration.random, random, strlen(random) + 1);
        else
                r = -EINVAL;
        if (r < 0)
                return r;

        SignParam params[] = {
                        {"deviceName", request->device_name},
                        {"productKey", request->product_key},
                        {"random", registration.random},
        };
        r = sign_content(params, ARRAY_SIZE(params), &content);
        if (r < 0)
                return r;
        r = sign_hex(request->sign_method, request->secret, content, registration.sign);
        if (r < 0)
                return r;
        *ret = registration;
        return 0;
}

static int copy(const char *s, char **ret) {
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

int registration_take(const Request *request, JsonReply *data, Answer *ret_answer) {
        _cleanup_(answer_done) Answer answer = {0};
        const char *product_key = json_reply_string(data, "productKey");
        const char *device_name = json_reply_string(data, "deviceName");
        const char *secret = json_reply_string(data, "deviceSecret");
        const char *client_id = json_reply_string(data, "clientId");
        const char *token = json_reply_string(data, "deviceToken");
        int r;

        if (!product_key || !device_name)
                return REGISTRATION_E_INCOMPLETE;
        if (strcmp(product_key, request->product_key) != 0 ||
            strcmp(device_name, request->device_name) != 0)
                return REGISTRATION_E_FOREIGN;

        if (request->auth == REQUEST_AUTH_REGISTER && secret)
                r = copy(secret, &answer.device_secret);
        else if (request->auth == REQUEST_AUTH_REGISTER_FREE && client_id && token) {
                r = copy(client_id, &answer.client_id);
                if (r == 0)
                        r = copy(token, &answer.device_token);
        } else
                r = REGISTRATION_E_INCOMPLETE;
        if (r != 0)
                return r;

        *ret_answer = answer;
        answer = (Answer){0};
        return 0;
}
