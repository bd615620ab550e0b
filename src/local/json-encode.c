/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are written by hand, straight into the session's output: a message that goes to many
 * sessions is the daemon's hottest path, and a tree of values for each line would cost several
 * times as much as the line itself.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "local/json-encode.h"
#include "util/base64.h"
#include "util/utf8.h"

static const char *const ack_words[_LOCAL_ACK_MAX] = {
                [LOCAL_ACK_SENT] = "sent",
                [LOCAL_ACK_STORED] = "stored",
                [LOCAL_ACK_DELIVERED] = "delivered",
                [LOCAL_ACK_SUBSCRIBED] = "subscribed",
                [LOCAL_ACK_UNSUBSCRIBED] = "unsubscribed",
                [LOCAL_ACK_DROPPED] = "dropped",
};

static const char *const error_words[_LOCAL_ERROR_MAX] = {
                [LOCAL_ERROR_BAD_REQUEST] = "bad-request",
                [LOCAL_ERROR_TOO_LARGE] = "too-large",
                [LOCAL_ERROR_BAD_TOPIC] = "bad-topic",
                [LOCAL_ERROR_UNSUPPORTED] = "unsupported",
                [LOCAL_ERROR_DENIED] = "denied",
                [LOCAL_ERROR_QUOTA] = "quota",
                [LOCAL_ERROR_FULL] = "full",
                [LOCAL_ERROR_OFFLINE] = "offline",
                [LOCAL_ERROR_EXPIRED] = "expired",
                [LOCAL_ERROR_REJECTED] = "rejected",
                [LOCAL_ERROR_INTERNAL] = "internal",
};

/* A line under construction; after the first error nothing more is written. */
typedef struct Line {
        Buffer *output;
        size_t start;
        int error;
} Line;

static void put(Line *line, const void *bytes, size_t size) {
        if (line->error == 0)
                line->error = buffer_append(line->output, bytes, size);
}

static void put_words(Line *line, const char *words) {
        put(line, words, strlen(words));
}

static void put_integer(Line *line, int64_t value) {
        char digits[24], *p = digits + sizeof(digits);
        uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

        do {
                *--p = (char)('0' + rest % 10);
                rest /= 10;
        } while (rest > 0);
        if (value < 0)
                *--p = '-';
        put(line, p, (size_t)(digits + sizeof(digits) - p));
}

static void put_escape(Line *line, unsigned char c) {
        static const char short_forms[] = {
                        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
                        ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
        };
        static const char hex[] = "0123456789abcdef";
        char text[] = {'\\', 'u', '0', '0', '0', '0'};

        if (c >= 0x80) {
                text[1] = '?';
                put(line, text + 1, 1);
        } else if (short_forms[c] != '\0') {
                text[1] = short_forms[c];
                put(line, text, 2);
        } else {
                text[4] = hex[c >> 4];
                text[5] = hex[c & 0x0F];
                put(line, text, sizeof(text));
        }
}

/* Bytes up to the first one that can't stand in a JSON string as it is. */
static size_t plain_run(const unsigned char *s, size_t size, unsigned char limit) {
        size_t n = 0;

        while (n < size && s[n] >= 0x20 && s[n] != '"' && s[n] != '\\' && s[n] <= limit)
                n++;
        return n;
}

static void put_text_bytes(Line *line, const void *text, size_t size, bool is_utf8) {
        const unsigned char *s = text;

        put(line, "\"", 1);
        while (size > 0) {
                size_t n = plain_run(s, size, is_utf8 ? 0xFF : 0x7F);

                put(line, s, n);
                if (n < size)
                        put_escape(line, s[n++]);
                s += n;
                size -= n;
        }
        put(line, "\"", 1);
}

/* Whatever the bytes, the line stays valid: in a text that is not UTF-8, '?' stands for each byte
 * beyond ASCII. */
static void put_text(Line *line, const char *text) {
        size_t size = strlen(text);

        put_text_bytes(line, text, size, utf8_is_valid(text, size));
}

static void put_base64(Line *line, const void *data, size_t size) {
        size_t encoded_size = base64_encoded_size(size);
        uint8_t *room = NULL;

        put(line, "\"", 1);
        if (line->error == 0)
                line->error = buffer_reserve(line->output, encoded_size + 1, &room);
        if (line->error == 0) {
                base64_encode(data, size, (char *)room);
                buffer_commit(line->output, encoded_size);
        }
        put(line, "\"", 1);
}

static void put_member(Line *line, const char *name, int64_t value) {
        put_words(line, ",\"");
        put_words(line, name);
        put_words(line, "\":");
        put_integer(line, value);
}

static void put_id(Line *line, const LocalId *id) {
        if (!id || id->kind == LOCAL_ID_NONE)
                return;
        put_words(line, ",\"id\":");
        if (id->kind == LOCAL_ID_INTEGER)
                put_integer(line, id->integer);
        else
                put_text(line, id->string);
}

static Line line_begin(Buffer *output, const char *op) {
        Line line = {output, buffer_size(output), 0};

        put_words(&line, "{\"op\":\"");
        put_words(&line, op);
        put(&line, "\"", 1);
        return line;
}

static int line_end(Line *line) {
        put(line, "}\n", 2);
        if (line->error < 0)
                buffer_truncate(line->output, line->start);
        return line->error;
}

int json_encode_ack(Buffer *output, const LocalId *id, LocalAck state, const AckDetail *detail) {
        Line line = line_begin(output, "ack");

        assert(state < _LOCAL_ACK_MAX);
        put_id(&line, id);
        put_words(&line, ",\"state\":\"");
        put_words(&line, ack_words[state]);
        put(&line, "\"", 1);
        if (detail->qos >= 0)
                put_member(&line, "qos", detail->qos);
        if (detail->receipt > 0)
                put_member(&line, "receipt", (int64_t)detail->receipt);
        if (detail->count >= 0)
                put_member(&line, "count", detail->count);
        if (detail->pending)
                put_words(&line, ",\"pending\":true");
        return line_end(&line);
}

int json_encode_error(Buffer *output,
                      const LocalId *id,
                      LocalError code,
                      const char *filter,
                      const char *message) {
        Line line = line_begin(output, "error");

        assert(code < _LOCAL_ERROR_MAX);
        put_id(&line, id);
        put_words(&line, ",\"code\":\"");
        put_words(&line, error_words[code]);
        put(&line, "\"", 1);
        if (filter) {
                put_words(&line, ",\"filter\":");
                put_text(&line, filter);
        }
        put_words(&line, ",\"message\":");
        put_text(&line, message);
        return line_end(&line);
}

int json_encode_message(Buffer *output,
                        const char *topic,
                        const Message *message,
                        int qos,
                        uint64_t mid,
                        bool redelivered) {
        const void *payload = message_payload(message);
        size_t size = message_payload_size(message);
        Line line = line_begin(output, "msg");

        put_words(&line, ",\"topic\":");
        put_text(&line, topic);
        if (utf8_is_valid(payload, size)) {
                put_words(&line, ",\"payload\":");
                put_text_bytes(&line, payload, size, true);
        } else {
                put_words(&line, ",\"payload_b64\":");
                put_base64(&line, payload, size);
        }
        put_member(&line, "qos", qos);
        if (mid > 0)
                put_member(&line, "mid", (int64_t)mid);
        if (redelivered)
                put_words(&line, ",\"redelivered\":true");
        return line_end(&line);
}

int json_encode_facts(Buffer *output,
                      const char *op,
                      const LocalId *id,
                      const LocalFact *facts,
                      size_t n_facts) {
        Line line = line_begin(output, op);

        put_id(&line, id);
        for (size_t i = 0; i < n_facts; i++) {
                const LocalFact *fact = &facts[i];

                if (fact->kind == LOCAL_FACT_STRING && !fact->string)
                        continue;
                put(&line, ",", 1);
                put_text(&line, fact->name);
                put(&line, ":", 1);
                switch (fact->kind) {
                case LOCAL_FACT_STRING:
                        put_text(&line, fact->string);
                        break;
                case LOCAL_FACT_INTEGER:
                        put_integer(&line, fact->integer);
                        break;
                case LOCAL_FACT_BOOL:
                        put_words(&line, fact->integer ? "true" : "false");
                        break;
                }
        }
        return line_end(&line);
}

int json_encode_spool(Buffer *output,
                      const LocalId *id,
                      const LocalSpooled *items,
                      size_t n_items,
                      uint64_t after) {
        Line line = line_begin(output, "spool");

        put_id(&line, id);
        put_words(&line, ",\"messages\":[");
        for (size_t i = 0; i < n_items; i++) {
                put_words(&line, i > 0 ? ",{\"receipt\":" : "{\"receipt\":");
                put_integer(&line, (int64_t)items[i].receipt);
                put_words(&line, ",\"topic\":");
                put_text(&line, items[i].topic);
                put_member(&line, "size", (int64_t)items[i].size);
                put_member(&line, "accepted", (int64_t)items[i].accepted_sec);
                if (items[i].expires_in_sec >= 0)
                        put_member(&line, "expires_in", items[i].expires_in_sec);
                put(&line, "}", 1);
        }
        put_words(&line, after > 0 ? "],\"more\":true" : "],\"more\":false");
        if (after > 0)
                put_member(&line, "after", (int64_t)after);
        return line_end(&line);
}
