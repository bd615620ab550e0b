/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: where one ends, whether it is JSON, and how to go on after one that is neither short
 * enough nor JSON.
 *
 * A line is parsed by jansson, but first looked over: how deep it nests and how many values it has
 * bounds the tree that jansson would build, which for a hostile line is many times its size.
 */
#include "local/codec-json.h"

#include <errno.h>
#include <string.h>

#include "local/json-encode.h"
#include "local/json-member.h"
#include "local/json-request.h"
#include "util/utf8.h"

#define JSON_DEPTH_MAX  16U
#define JSON_VALUES_MAX 256U

typedef struct JsonCodec {
        size_t n_scanned; /* bytes at the front of the input that hold no newline */
        size_t n_skipped; /* bytes of an over-long line that are gone already */
        bool skipping;
        JsonLine line;
} JsonCodec;

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
        json_decref(codec->line.object);
        codec->line.object = NULL;
        codec->line.message = message_unref(codec->line.message);
}

static CodecResult decode_line(JsonCodec *codec, const char *line, size_t size, Request *request) {
        json_error_t error;
        int r;

        if (!utf8_is_valid(line, size))
                r = request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "the line is not valid UTF-8");
        else if (!shape_is_bounded(line, size))
                r = request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                   "the line nests deeper than %u or has more than %u values",
                                   JSON_DEPTH_MAX, JSON_VALUES_MAX);
        else {
                codec->line.object = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                                                &error);
                if (!codec->line.object)
                        /* What jansson quotes from the line is left out. */
                        r = request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                           "the line is not valid JSON at byte %d: %.*s",
                                           error.position,
                                           (int)(strstr(error.text, " near ")
                                                                 ? strstr(error.text, " near ") -
                                                                                   error.text
                                                                 : (ptrdiff_t)strlen(error.text)),
                                           error.text);
                else if (!json_is_object(codec->line.object))
                        r = request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                           "a request must be a JSON object, in {}");
                else
                        r = json_decode_request(&codec->line, request);
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
        (void)request_refuse(request, LOCAL_ERROR_TOO_LARGE,
                             "no end of the line in %zu bytes; the connection ends here",
                             JSON_SKIP_MAX);
        return CODEC_BROKEN;
}

static CodecResult refuse_line_size(Request *request) {
        (void)request_refuse(request, LOCAL_ERROR_TOO_LARGE, "the line has more than %zu bytes",
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
                .encode_spool = json_encode_spool,
};
