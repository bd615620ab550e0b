/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/devicename.h"

#include <errno.h>
#include <string.h>

#include "helper/service.h"
#include "util/parse.h"

int devicename_content(const Request *request, char **ret) {
        SignParam params[] = {
                        {"clientId", request->client_id},
                        {"deviceName", request->device_name},
                        {"productKey", request->product_key},
                        {"timestamp", request->timestamp},
        };

        return sign_content(params, ARRAY_SIZE(params), ret);
}

/* Where to connect is optional in the reply; what is no host or port counts as not there. */
static int take_resource(JsonReply *resource, Answer *answer) {
        const char *host = json_reply_string(resource, "host");
        _cleanup_(freep) char *parsed = NULL;
        uint64_t port = 0;
        uint16_t none;
        int r;

        if (!host)
                return 0;
        r = parse_host_port(host, &parsed, &none);
        if (r < 0 || none != 0)
                return r == -ENOMEM ? r : 0;
        answer->host = TAKE_PTR(parsed);
        if (json_reply_number(resource, "port", UINT16_MAX, &port) == 0)
                answer->port = (uint16_t)port;
        return 0;
}

int devicename_take(const Request *request, JsonReply *reply, Answer *ret_answer) {
        _cleanup_(answer_done) Answer answer = {.expires_sec = DEVICENAME_TOKEN_SEC};
        JsonReply *data = json_reply_member(reply, "data");
        const char *id = json_reply_string(data, "iotId");
        const char *token = json_reply_string(data, "iotToken");
        int r;

        if (!id || !token)
                return 0;
        answer.client_id = strdup(request->client_id);
        answer.username = strdup(id);
        answer.password = strdup(token);
        if (!answer.client_id || !answer.username || !answer.password)
                return -ENOMEM;
        r = take_resource(json_reply_member(json_reply_member(data, "resources"), "mqtt"), &answer);
        if (r < 0)
                return r;

        *ret_answer = answer;
        answer = (Answer){0};
        return 1;
}

int devicename_run(const Request *request, Answer *answer) {
        _cleanup_(json_reply_freep) JsonReply *reply = NULL;
        _cleanup_(freep) char *content = NULL;
        char sign[SIGN_HEX_MAX];
        int r;

        r = devicename_content(request, &content);
        if (r < 0)
                return r;
        r = sign_hex(request->sign_method, request->secret, content, sign);
        if (r < 0)
                return r;

        const SignParam params[] = {
                        {"productKey", request->product_key},
                        {"deviceName", request->device_name},
                        {"clientId", request->client_id},
                        {"timestamp", request->timestamp},
                        {"signmethod", sign_method_to_string(request->sign_method)},
                        {"resources", "mqtt"},
                        {"version", "default"},
                        {"sign", sign},
        };
        r = service_call(request, "/auth/devicename", params, ARRAY_SIZE(params), answer, &reply);
        explicit_bzero(sign, sizeof(sign));
        if (r <= 0)
                return r;

        r = devicename_take(request, reply, answer);
        if (r < 0)
                return r;
        return r > 0 ? 0 : service_answer_incomplete(request, answer);
}
