/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is parsed by jansson, but first looked over: how deep it nests and how many values it has
 * bounds the tree that jansson would build, which for a hostile line is many times its size.
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "local/codec-json.h"
#include "local/json-encode.h"
#include "message/topic.h"
#include "util/base64.h"
#include "util/utf8.h"

#define JSON_DEPTH_MAX  16U
#define JSON_VALUES_MAX 256U
#define TTL_MAX         604800 /* a week, in seconds */
#define CLIENT_MAX      64U

typedef struct JsonCodec {
        size_t n_scanned; /* bytes at the front of the input that hold no newline */
        size_t n_skipped; /* bytes of an over-long line that are gone already */
        bool skipping;

        /* What the last request points into */
        json_t *line;
        Message *message;
} JsonCodec;

/* Helpers below return 0 to go on or the CodecResult to end with. */
_printf_(3, 4) static int refuse(Request *request, LocalError error, const char *format, ...) {
        va_list args;

        request->error = error;
        va_start(args, format);
        (void)vsnprintf(request->problem, sizeof(request->problem), format, args);
        va_end(args);
        return CODEC_REFUSED;
}

/* Members; one that is null counts as absent. */

static const json_t *member(const json_t *line, const char *name) {
        const json_t *value = json_object_get(line, name);

        return json_is_null(value) ? NULL : value;
}

/* A string without U+0000, which makes it @nul_error; NULL if absent. */
static int member_string(const json_t *line,
                         const char *name,
                         LocalError nul_error,
                         const char **ret,
                         Request *request) {
        const json_t *value = member(line, name);

        if (value && !json_is_string(value))
                return refuse(request, LOCAL_ERROR_BAD_REQUEST, "%s must be a string", name);
        if (value && strlen(json_string_value(value)) != json_string_length(value))
                return refuse(request, nul_error, "%s contains the character U+0000", name);
        *ret = json_string_value(value);
        return 0;
}

static int member_integer(const json_t *line,
                          const char *name,
                          int64_t min,
                          int64_t max,
                          int64_t *value_if_present,
                          Request *request) {
        const json_t *value = member(line, name);

        if (!value)
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < min ||
            json_integer_value(value) > max)
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "%s must be an integer from %lld to %lld", name, (long long)min,
                              (long long)max);
        *value_if_present = json_integer_value(value);
        return 0;
}

static int member_bool(const json_t *line,
                       const char *name,
                       bool *value_if_present,
                       Request *request) {
        const json_t *value = member(line, name);

        if (!value)
                return 0;
        if (!json_is_boolean(value))
                return refuse(request, LOCAL_ERROR_BAD_REQUEST, "%s must be true or false", name);
        *value_if_present = json_is_true(value);
        return 0;
}

static int member_qos(const json_t *line, int qos_if_absent, Request *request) {
        int64_t qos = qos_if_absent;
        int r;

        r = member_integer(line, "qos", 0, 2, &qos, request);
        if (r != 0) {
                request->problem[0] = '\0';
                return refuse(request, LOCAL_ERROR_BAD_REQUEST, "qos must be 0 or 1");
        }
        if (qos == 2)
                return refuse(request, LOCAL_ERROR_UNSUPPORTED,
                              "QoS 2 is not supported, because the cloud doesn't offer it; "
                              "qos must be 0 or 1");
        request->qos = (int)qos;
        return 0;
}

static int member_id(const json_t *line, Request *request) {
        const json_t *value = member(line, "id");
        LocalId *id = &request->id;

        if (!value)
                return 0;
        if (json_is_integer(value)) {
                id->kind = LOCAL_ID_INTEGER;
                id->integer = json_integer_value(value);
                return 0;
        }
        if (!json_is_string(value) || json_string_length(value) > LOCAL_ID_BYTES_MAX ||
            strlen(json_string_value(value)) != json_string_length(value))
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "id must be an integer of 64 bits or a string of at most %u bytes",
                              LOCAL_ID_BYTES_MAX);
        id->kind = LOCAL_ID_STRING;
        memcpy(id->string, json_string_value(value), json_string_length(value) + 1);
        return 0;
}

/* Ops */

static int decode_hello(JsonCodec *codec, Request *request) {
        size_t size;
        int r;

        request->kind = REQUEST_HELLO;
        r = member_string(codec->line, "client", LOCAL_ERROR_BAD_REQUEST, &request->client,
                          request);
        if (r != 0 || !request->client)
                return r;
        size = strspn(request->client,
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
        if (size == 0 || size > CLIENT_MAX || request->client[size] != '\0')
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "client must have 1 to %u characters out of A-Z a-z 0-9 . _ -",
                              CLIENT_MAX);
        return 0;
}

static int refuse_payload_size(Request *request) {
        return refuse(request, LOCAL_ERROR_TOO_LARGE, "the payload has more than %u bytes",
                      MESSAGE_PAYLOAD_MAX);
}

static int refuse_memory(Request *request) {
        return refuse(request, LOCAL_ERROR_INTERNAL, "the daemon is out of memory");
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
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "payload_b64 is not Base64 (RFC 4648: standard alphabet, padded, "
                              "no line breaks)");
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

static int decode_message(JsonCodec *codec, const char *topic, Request *request) {
        const json_t *text = member(codec->line, "payload"),
                     *base64 = member(codec->line, "payload_b64");
        _cleanup_(freep) void *decoded = NULL;
        const void *payload = json_string_value(text);
        size_t size = json_string_length(text);
        int r;

        if (text && base64)
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "payload and payload_b64 exclude each other");
        if (text && !json_is_string(text))
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "payload must be a string; put numbers and objects in quotes");
        if (base64 && !json_is_string(base64))
                return refuse(request, LOCAL_ERROR_BAD_REQUEST, "payload_b64 must be a string");
        if (base64) {
                r = decode_payload_base64(base64, &decoded, &size, request);
                if (r != 0)
                        return r;
                payload = decoded;
        }
        if (size > MESSAGE_PAYLOAD_MAX)
                return refuse_payload_size(request);
        if (message_new(&codec->message, topic, payload, size, request->qos) < 0)
                return refuse_memory(request);
        request->message = codec->message;
        /* Until the next request comes, which a pause may put off, the message is enough: the line
         * can be many times as large, and nobody counts it. */
        json_decref(codec->line);
        codec->line = NULL;
        return 0;
}

static int decode_wait(const json_t *line, Request *request) {
        static const char *const words[] = {
                        [LOCAL_WAIT_SENT] = "sent",
                        [LOCAL_WAIT_STORED] = "stored",
                        [LOCAL_WAIT_DELIVERED] = "delivered",
        };
        const char *word = NULL;
        int r;

        r = member_string(line, "wait", LOCAL_ERROR_BAD_REQUEST, &word, request);
        if (r != 0 || !word)
                return r;
        for (size_t i = LOCAL_WAIT_SENT; i < ARRAY_SIZE(words); i++)
                if (strcmp(word, words[i]) == 0)
                        request->wait = (LocalWait)i;
        if (request->wait == LOCAL_WAIT_DEFAULT)
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "wait must be \"sent\", \"stored\" or \"delivered\"");
        if (request->qos == 0 && request->wait != LOCAL_WAIT_SENT)
                return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "wait \"%s\" needs qos 1, because the cloud never acknowledges a "
                              "message of QoS 0",
                              word);
        return 0;
}

static int decode_publish(JsonCodec *codec, Request *request) {
        const char *topic = NULL, *problem;
        bool retain = false;
        int64_t ttl = 0;
        int r;

        request->kind = REQUEST_PUBLISH;
        r = member_string(codec->line, "topic", LOCAL_ERROR_BAD_TOPIC, &topic, request);
        if (r == 0 && !topic)
                r = refuse(request, LOCAL_ERROR_BAD_REQUEST, "pub needs a topic");
        if (r == 0)
                r = member_qos(codec->line, 0, request);
        if (r == 0)
                r = decode_wait(codec->line, request);
        if (r == 0)
                r = member_integer(codec->line, "ttl", 1, TTL_MAX, &ttl, request);
        if (r == 0)
                r = member_bool(codec->line, "retain", &retain, request);
        if (r != 0)
                return r;

        if (retain)
                return refuse(request, LOCAL_ERROR_UNSUPPORTED,
                              "retained messages are not supported, because the cloud doesn't "
                              "offer them");
        problem = topic_name_problem(topic, NULL);
        if (problem)
                return refuse(request, LOCAL_ERROR_BAD_TOPIC, "the topic %s", problem);
        request->ttl_sec = (uint32_t)ttl;
        return decode_message(codec, topic, request);
}

static int decode_filter(JsonCodec *codec, const char *op, Request *request) {
        const char *problem;
        int r;

        r = member_string(codec->line, "filter", LOCAL_ERROR_BAD_TOPIC, &request->filter, request);
        if (r != 0)
                return r;
        if (!request->filter)
                return refuse(request, LOCAL_ERROR_BAD_REQUEST, "%s needs a filter", op);
        problem = topic_filter_problem(request->filter, NULL);
        if (problem)
                return refuse(request, LOCAL_ERROR_BAD_TOPIC, "the filter %s", problem);
        return 0;
}

static int decode_subscribe(JsonCodec *codec, Request *request) {
        int r;

        request->kind = REQUEST_SUBSCRIBE;
        r = decode_filter(codec, "sub", request);
        if (r == 0)
                r = member_qos(codec->line, 1, request);
        if (r == 0)
                r = member_bool(codec->line, "durable", &request->durable, request);
        return r;
}

static int decode_unsubscribe(JsonCodec *codec, Request *request) {
        request->kind = REQUEST_UNSUBSCRIBE;
        return decode_filter(codec, "unsub", request);
}

static int decode_done(JsonCodec *codec, Request *request) {
        int64_t mid = 0;
        int r;

        request->kind = REQUEST_DONE;
        r = member_integer(codec->line, "mid", 1, INT64_MAX, &mid, request);
        if (r != 0)
                return r;
        if (mid == 0)
                return refuse(request, LOCAL_ERROR_BAD_REQUEST, "done needs a mid");
        request->mid = (uint64_t)mid;
        return 0;
}

static int decode_status(JsonCodec *codec, Request *request) {
        (void)codec;
        request->kind = REQUEST_STATUS;
        return 0;
}

static int decode_watch(JsonCodec *codec, Request *request) {
        (void)codec;
        request->kind = REQUEST_WATCH;
        return 0;
}

static int decode_op(JsonCodec *codec, Request *request) {
        static const struct {
                const char *op;
                int (*decode)(JsonCodec *codec, Request *request);
        } ops[] = {
                        {"pub", decode_publish},   {"done", decode_done},
                        {"sub", decode_subscribe}, {"unsub", decode_unsubscribe},
                        {"hello", decode_hello},   {"status", decode_status},
                        {"watch", decode_watch},
        };
        const char *op = NULL;
        int r;

        r = member_id(codec->line, request);
        if (r == 0)
                r = member_string(codec->line, "op", LOCAL_ERROR_BAD_REQUEST, &op, request);
        if (r != 0)
                return r;
        if (!op)
                return refuse(request, LOCAL_ERROR_BAD_REQUEST, "a request needs an op");
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                if (strcmp(op, ops[i].op) == 0)
                        return ops[i].decode(codec, request);
        return refuse(request, LOCAL_ERROR_BAD_REQUEST,
                      "there is no op \"%.32s\"; there are hello, pub, sub, unsub, done, status "
                      "and watch",
                      op);
}

/* Lines */

/* Whether the line keeps to the bounds; whether it is JSON at all is left to the parser. */
static bool shape_is_bounded(const char *line, size_t size) {
        const char *end = line + size;
        size_t depth = 0, n_values = 0;

        for (const char *p = line; p < end; p++) {
                if (*p == '"') {
                        for (p++; p < end && *p != '"'; p++)
                                if (*p == '\\')
                                        p++;
                } else if (*p == '{' || *p == '[') {
                        depth++;
                        n_values++;
                } else if (*p == '}' || *p == ']') {
                        depth -= depth > 0;
                } else if (*p == ',') {
                        n_values++;
                }
                if (depth > JSON_DEPTH_MAX || n_values > JSON_VALUES_MAX)
                        return false;
        }
        return true;
}

static void codec_forget(JsonCodec *codec) {
        json_decref(codec->line);
        codec->line = NULL;
        codec->message = message_unref(codec->message);
}

static CodecResult decode_line(JsonCodec *codec, const char *line, size_t size, Request *request) {
        json_error_t error;
        int r;

        if (!utf8_is_valid(line, size))
                r = refuse(request, LOCAL_ERROR_BAD_REQUEST, "the line is not valid UTF-8");
        else if (!shape_is_bounded(line, size))
                r = refuse(request, LOCAL_ERROR_BAD_REQUEST,
                           "the line nests deeper than %u or has more than %u values",
                           JSON_DEPTH_MAX, JSON_VALUES_MAX);
        else {
                codec->line = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                                         &error);
                if (!codec->line)
                        /* What jansson quotes from the line is left out. */
                        r = refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                   "the line is not valid JSON at byte %d: %.*s", error.position,
                                   (int)(strstr(error.text, " near ")
                                                         ? strstr(error.text, " near ") - error.text
                                                         : (ptrdiff_t)strlen(error.text)),
                                   error.text);
                else if (!json_is_object(codec->line))
                        r = refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                   "a request must be a JSON object, in {}");
                else
                        r = decode_op(codec, request);
        }
        return r == 0 ? CODEC_REQUEST : CODEC_REFUSED;
}

static bool is_blank(const char *line, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
                        return false;
        return true;
}

/* Drops what there is of an over-long line. */
static CodecResult skip(JsonCodec *codec, Buffer *input, Request *request) {
        size_t size = buffer_size(input);
        const uint8_t *newline = size > 0 ? memchr(buffer_data(input), '\n', size) : NULL;

        if (newline) {
                buffer_consume(input, (size_t)(newline - buffer_data(input)) + 1);
                codec->skipping = false;
                return CODEC_MORE;
        }
        buffer_consume(input, size);
        codec->n_skipped += size;
        if (codec->n_skipped <= JSON_SKIP_MAX)
                return CODEC_MORE;
        (void)refuse(request, LOCAL_ERROR_TOO_LARGE,
                     "no end of the line in %zu bytes; the connection ends here", JSON_SKIP_MAX);
        return CODEC_BROKEN;
}

static CodecResult refuse_line_size(Request *request) {
        (void)refuse(request, LOCAL_ERROR_TOO_LARGE, "the line has more than %zu bytes",
                     JSON_LINE_MAX);
        return CODEC_REFUSED;
}

static CodecResult codec_json_decode(void *state, Buffer *input, bool at_end, Request *ret) {
        JsonCodec *codec = state;

        codec_forget(codec);
        *ret = (Request){.id.kind = LOCAL_ID_NONE};
        while (buffer_size(input) > 0) {
                const char *data, *newline;
                size_t size, line_size;
                CodecResult result;

                if (codec->skipping) {
                        result = skip(codec, input, ret);
                        if (result != CODEC_MORE)
                                return result;
                        continue;
                }

                data = (const char *)buffer_data(input);
                size = buffer_size(input);
                newline = memchr(data + codec->n_scanned, '\n', size - codec->n_scanned);
                line_size = newline ? (size_t)(newline - data) : size;
                codec->n_scanned = 0;
                if (line_size > JSON_LINE_MAX) {
                        /* The end may be there already; skipping finds it. */
                        codec->skipping = true;
                        codec->n_skipped = 0;
                        return refuse_line_size(ret);
                }
                if (!newline && !at_end) {
                        codec->n_scanned = size;
                        return CODEC_MORE;
                }

                result = is_blank(data, line_size) ? CODEC_MORE
                                                   : decode_line(codec, data, line_size, ret);
                buffer_consume(input, newline ? line_size + 1 : line_size);
                if (result != CODEC_MORE)
                        return result;
        }
        return CODEC_MORE;
}

static int codec_json_new(void **ret) {
        JsonCodec *codec = calloc(1, sizeof(*codec));

        if (!codec)
                return -ENOMEM;
        *ret = codec;
        return 0;
}

static void codec_json_free(void *state) {
        JsonCodec *codec = state;

        if (!codec)
                return;
        codec_forget(codec);
        free(codec);
}

const CodecOps codec_json = {
                .new = codec_json_new,
                .free = codec_json_free,
                .decode = codec_json_decode,
                .encode_ack = json_encode_ack,
                .encode_error = json_encode_error,
                .encode_message = json_encode_message,
                .encode_facts = json_encode_facts,
};
