/* SPDX-License-Identifier: Apache-2.0 */
#include "local/json-request.h"

#include <string.h>

#include "local/json-member.h"
#include "local/json-publish.h"
#include "local/json-spool.h"

#define CLIENT_MAX 64U

static int decode_hello(JsonLine *line, Request *request) {
        size_t size;
        int r;

        request->kind = REQUEST_HELLO;
        r = member_string(line->object, "client", LOCAL_ERROR_BAD_REQUEST, &request->client,
                          request);
        if (r != 0 || !request->client)
                return r;
        size = strspn(request->client,
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
        if (size == 0 || size > CLIENT_MAX || request->client[size] != '\0')
                return request_refuse(
                                request, LOCAL_ERROR_BAD_REQUEST,
                                "client must have 1 to %u characters out of A-Z a-z 0-9 . _ -",
                                CLIENT_MAX);
        return 0;
}

static int decode_filter(JsonLine *line, const char *op, Request *request) {
        int r;

        r = member_filter(line->object, request);
        if (r == 0 && !request->filter)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "%s needs a filter", op);
        return r;
}

static int decode_subscribe(JsonLine *line, Request *request) {
        int r;

        request->kind = REQUEST_SUBSCRIBE;
        r = decode_filter(line, "sub", request);
        if (r == 0)
                r = member_qos(line->object, 1, request);
        if (r == 0)
                r = member_bool(line->object, "durable", &request->durable, request);
        return r;
}

static int decode_unsubscribe(JsonLine *line, Request *request) {
        request->kind = REQUEST_UNSUBSCRIBE;
        return decode_filter(line, "unsub", request);
}

static int decode_done(JsonLine *line, Request *request) {
        int64_t mid = 0;
        int r;

        request->kind = REQUEST_DONE;
        r = member_integer(line->object, "mid", 1, INT64_MAX, &mid, request);
        if (r != 0)
                return r;
        if (mid == 0)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "done needs a mid");
        request->mid = (uint64_t)mid;
        return 0;
}

static int decode_status(JsonLine *line, Request *request) {
        (void)line;
        request->kind = REQUEST_STATUS;
        return 0;
}

static int decode_watch(JsonLine *line, Request *request) {
        (void)line;
        request->kind = REQUEST_WATCH;
        return 0;
}

int json_decode_request(JsonLine *line, Request *request) {
        static const struct {
                const char *op;
                int (*decode)(JsonLine *line, Request *request);
        } ops[] = {
                        {"pub", json_decode_publish}, {"done", decode_done},
                        {"sub", decode_subscribe},    {"unsub", decode_unsubscribe},
                        {"hello", decode_hello},      {"status", decode_status},
                        {"watch", decode_watch},      {"receipt", json_decode_receipt},
                        {"spool", json_decode_spool},
        };
        const char *op = NULL;
        int r;

        r = member_id(line->object, request);
        if (r == 0)
                r = member_string(line->object, "op", LOCAL_ERROR_BAD_REQUEST, &op, request);
        if (r != 0)
                return r;
        if (!op)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "a request needs an op");
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                if (strcmp(op, ops[i].op) == 0)
                        return ops[i].decode(line, request);
        return request_refuse(
                        request, LOCAL_ERROR_BAD_REQUEST,
                        "there is no op \"%.32s\"; there are hello, pub, sub, unsub, done, status, "
                        "watch, receipt and spool",
                        op);
}
