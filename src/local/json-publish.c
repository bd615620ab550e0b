/* SPDX-License-Identifier: Apache-2.0 */
#include "local/json-publish.h"

#include "local/json-member.h"
#include "message/topic.h"
#include "util/base64.h"

#define TTL_MAX 604800 /* a week, in seconds */

static int refuse_payload_size(Request *request) {
        return request_refuse(request, LOCAL_ERROR_TOO_LARGE, "the payload has more than %u bytes",
                              MESSAGE_PAYLOAD_MAX);
}

static int refuse_memory(Request *request) {
        return request_refuse(request, LOCAL_ERROR_INTERNAL, "the daemon is out of memory");
}

static int decode_payload_base64(const json_t *text,
                                 void **ret,
                                 size_t *ret_size,
                                 Request *request) {
        _cleanup_(freep) void *data = NULL;
        size_t size = 0, size_max = base64_decoded_size_max(json_string_length(text));

        if (size_max > MESSAGE_PAYLOAD_MAX + 2)
                return refuse_payload_size(request);
        data = malloc(size_max + 1);
        if (!data)
                return refuse_memory(request);
        if (base64_decode(json_string_value(text), json_string_length(text), data, &size) < 0)
                return request_refuse(
                                request, LOCAL_ERROR_BAD_REQUEST,
                                "payload_b64 is not Base64 (RFC 4648: standard alphabet, padded, "
                                "no line breaks)");
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

static int decode_message(JsonLine *line, const char *topic, Request *request) {
        const json_t *text = member(line->object, "payload"),
                     *base64 = member(line->object, "payload_b64");
        _cleanup_(freep) void *decoded = NULL;
        const void *payload = json_string_value(text);
        size_t size = json_string_length(text);
        int r;

        if (text && base64)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                      "payload and payload_b64 exclude each other");
        if (text && !json_is_string(text))
                return request_refuse(
                                request, LOCAL_ERROR_BAD_REQUEST,
                                "payload must be a string; put numbers and objects in quotes");
        if (base64 && !json_is_string(base64))
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                      "payload_b64 must be a string");
        if (base64) {
                r = decode_payload_base64(base64, &decoded, &size, request);
                if (r != 0)
                        return r;
                payload = decoded;
        }
        if (size > MESSAGE_PAYLOAD_MAX)
                return refuse_payload_size(request);
        if (message_new(&line->message, topic, payload, size, request->qos) < 0)
                return refuse_memory(request);
        request->message = line->message;
        /* Until the next request comes, which a pause may put off, the message is enough: the line
         * can be many times as large, and nobody counts it. */
        json_decref(line->object);
        line->object = NULL;
        return 0;
}

static int decode_wait(const json_t *line, Request *request) {
        int r;

        r = member_wait(line, request);
        if (r != 0 || request->wait == LOCAL_WAIT_DEFAULT)
                return r;
        if (request->qos == 0 && request->wait != LOCAL_WAIT_SENT)
                return request_refuse(
                                request, LOCAL_ERROR_BAD_REQUEST,
                                "wait \"%s\" needs qos 1, because the cloud never acknowledges a "
                                "message of QoS 0",
                                request->wait == LOCAL_WAIT_STORED ? "stored" : "delivered");
        return 0;
}

int json_decode_publish(JsonLine *line, Request *request) {
        const char *topic = NULL, *problem;
        bool retain = false;
        int64_t ttl = 0;
        int r;

        request->kind = REQUEST_PUBLISH;
        r = member_string(line->object, "topic", LOCAL_ERROR_BAD_TOPIC, &topic, request);
        if (r == 0 && !topic)
                r = request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "pub needs a topic");
        if (r == 0)
                r = member_qos(line->object, 0, request);
        if (r == 0)
                r = decode_wait(line->object, request);
        if (r == 0)
                r = member_integer(line->object, "ttl", 1, TTL_MAX, &ttl, request);
        if (r == 0)
                r = member_bool(line->object, "retain", &retain, request);
        if (r != 0)
                return r;

        if (retain)
                return request_refuse(
                                request, LOCAL_ERROR_UNSUPPORTED,
                                "retained messages are not supported, because the cloud doesn't "
                                "offer them");
        problem = topic_name_problem(topic, NULL);
        if (problem)
                return request_refuse(request, LOCAL_ERROR_BAD_TOPIC, "the topic %s", problem);
        request->ttl_sec = (uint32_t)ttl;
        return decode_message(line, topic, request);
}
