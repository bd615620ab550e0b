/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>

#include "local/codec-json.h"
#include "test.h"
#include "util/base64.h"

typedef struct Bench {
        void *state;
        Buffer input;
        Request request;
} Bench;

static void bench_deinit(Bench *bench) {
        codec_json.free(bench->state);
        buffer_deinit(&bench->input);
}

static Bench bench_new(void) {
        Bench bench = {0};

        CHECK_INT(codec_json.new(&bench.state), 0);
        return bench;
}

static void feed(Bench *bench, const char *text) {
        CHECK_INT(buffer_append(&bench->input, text, strlen(text)), 0);
}

static CodecResult decode(Bench *bench) {
        return codec_json.decode(bench->state, &bench->input, false, &bench->request);
}

/* One line, decoded, as one word each: the request in short, or the error's code and text. */
static const char *short_form(const Request *request) {
        static char text[512];
        char id[96] = "-";

        if (request->id.kind == LOCAL_ID_INTEGER)
                (void)snprintf(id, sizeof(id), "%lld", (long long)request->id.integer);
        else if (request->id.kind == LOCAL_ID_STRING)
                (void)snprintf(id, sizeof(id), "'%s'", request->id.string);

        switch (request->kind) {
        case REQUEST_HELLO:
                (void)snprintf(text, sizeof(text), "hello %s %s", id,
                               request->client ? request->client : "-");
                break;
        case REQUEST_PUBLISH:
                (void)snprintf(text, sizeof(text), "pub %s %s [%.*s]%zu q%d w%d t%u", id,
                               message_topic(request->message),
                               (int)message_payload_size(request->message),
                               (const char *)message_payload(request->message),
                               message_payload_size(request->message),
                               message_qos(request->message), (int)request->wait, request->ttl_sec);
                break;
        case REQUEST_SUBSCRIBE:
                (void)snprintf(text, sizeof(text), "sub %s %s q%d%s", id, request->filter,
                               request->qos, request->durable ? " durable" : "");
                break;
        case REQUEST_UNSUBSCRIBE:
                (void)snprintf(text, sizeof(text), "unsub %s %s", id, request->filter);
                break;
        case REQUEST_DONE:
                (void)snprintf(text, sizeof(text), "done %llu", (unsigned long long)request->mid);
                break;
        case REQUEST_STATUS:
                (void)snprintf(text, sizeof(text), "status %s", id);
                break;
        case REQUEST_WATCH:
                (void)snprintf(text, sizeof(text), "watch %s", id);
                break;
        case REQUEST_RECEIPT:
                (void)snprintf(text, sizeof(text), "receipt %s %llu w%d", id,
                               (unsigned long long)request->receipt, (int)request->wait);
                break;
        case REQUEST_SPOOL:
                (void)snprintf(text, sizeof(text),
                               "spool %s %s %s after=%llu limit=%u receipt=%llu", id,
                               request->spool.action == LOCAL_SPOOL_LIST ? "list" : "drop",
                               request->spool.filter ? request->spool.filter : "-",
                               (unsigned long long)request->spool.after, request->spool.limit,
                               (unsigned long long)request->spool.receipt);
                break;
        }
        return text;
}

static void test_good_lines(void) {
        static const struct {
                const char *line, *expected;
        } cases[] = {
                        {"{\"op\":\"hello\"}", "hello - -"},
                        {"{\"op\":\"hello\",\"id\":\"a b\",\"client\":\"meter-1._X\"}",
                         "hello 'a b' meter-1._X"},
                        {"{\"op\":\"hello\",\"client\":null}", "hello - -"},
                        {"{\"op\":\"pub\",\"topic\":\"t\"}", "pub - t []0 q0 w0 t0"},
                        {"{\"op\":\"pub\",\"id\":7,\"topic\":\"a/b\",\"payload\":\"21.5\",\"qos\":1}",
                         "pub 7 a/b [21.5]4 q1 w0 t0"},
                        {" { \"topic\" : \"t\" , \"op\" : \"pub\" } \r", "pub - t []0 q0 w0 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"payload_b64\":\"Zm9v\"}",
                         "pub - t [foo]3 q0 w0 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"payload_b64\":\"\",\"payload\":null}",
                         "pub - t []0 q0 w0 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"payload\":\"\\u00e9\\n\\\"\\\\\\/\"}",
                         "pub - t [\xc3\xa9\n\"\\/]6 q0 w0 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"payload\":\"\\ud83d\\ude00\"}",
                         "pub - t [\xf0\x9f\x98\x80]4 q0 w0 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"payload\":\"\\u0000x\"}",
                         "pub - t []2 q0 w0 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"qos\":1,\"wait\":\"delivered\",\"ttl\":60}",
                         "pub - t []0 q1 w3 t60"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"qos\":1,\"wait\":\"stored\",\"ttl\":604800}",
                         "pub - t []0 q1 w2 t604800"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"qos\":1,\"wait\":\"sent\"}",
                         "pub - t []0 q1 w1 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"wait\":\"sent\",\"retain\":false}",
                         "pub - t []0 q0 w1 t0"},
                        {"{\"op\":\"pub\",\"topic\":\"t\",\"later\":{\"x\":[1,2.5,true]}}",
                         "pub - t []0 q0 w0 t0"},
                        {"{\"op\":\"sub\",\"filter\":\"a/+/#\"}", "sub - a/+/# q1"},
                        {"{\"op\":\"sub\",\"id\":-9223372036854775808,\"filter\":\"#\",\"qos\":0,"
                         "\"durable\":true}",
                         "sub -9223372036854775808 # q0 durable"},
                        {"{\"op\":\"unsub\",\"id\":9223372036854775807,\"filter\":\"+\"}",
                         "unsub 9223372036854775807 +"},
                        {"{\"op\":\"done\",\"mid\":12}", "done 12"},
                        {"{\"op\":\"status\",\"id\":null}", "status -"},
                        {"{\"op\":\"status\",\"id\":"
                         "\"1234567890123456789012345678901234567890123456789012345678901234\"}",
                         "status '1234567890123456789012345678901234567890123456789012345678901234'"},
                        {"{\"op\":\"watch\",\"id\":\"\"}", "watch ''"},
                        {"{\"op\":\"receipt\",\"id\":1,\"receipt\":17}", "receipt 1 17 w2"},
                        {"{\"op\":\"receipt\",\"receipt\":9223372036854775807,"
                         "\"wait\":\"delivered\"}",
                         "receipt - 9223372036854775807 w3"},
                        {"{\"op\":\"receipt\",\"receipt\":1,\"wait\":\"stored\"}",
                         "receipt - 1 w2"},
                        {"{\"op\":\"spool\",\"id\":1,\"action\":\"list\"}",
                         "spool 1 list - after=0 limit=100 receipt=0"},
                        {"{\"op\":\"spool\",\"action\":\"list\",\"after\":17,\"limit\":1000,"
                         "\"filter\":\"a/#\"}",
                         "spool - list a/# after=17 limit=1000 receipt=0"},
                        {"{\"op\":\"spool\",\"action\":\"drop\",\"filter\":\"#\"}",
                         "spool - drop # after=0 limit=0 receipt=0"},
                        {"{\"op\":\"spool\",\"action\":\"drop\",\"receipt\":17}",
                         "spool - drop - after=0 limit=0 receipt=17"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(bench_deinit) Bench bench = bench_new();

                feed(&bench, cases[i].line);
                CHECK_INT(decode(&bench), CODEC_MORE);
                feed(&bench, "\n");
                CHECK_INT(decode(&bench), CODEC_REQUEST);
                CHECK_STR(short_form(&bench.request), cases[i].expected);
                CHECK_INT(decode(&bench), CODEC_MORE);
                CHECK_INT(buffer_size(&bench.input), 0);
        }
}

enum {
        BAD = LOCAL_ERROR_BAD_REQUEST,
        TOPIC = LOCAL_ERROR_BAD_TOPIC,
        UNSUPPORTED = LOCAL_ERROR_UNSUPPORTED,
};

typedef struct BadLine {
        const char *line;
        int error;
        const char *hint;
        long long id; /* 0: none */
} BadLine;

static void check_bad_lines(const BadLine *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(bench_deinit) Bench bench = bench_new();

                feed(&bench, cases[i].line);
                feed(&bench, "\n{\"op\":\"watch\"}\n");
                if (decode(&bench) != CODEC_REFUSED)
                        (void)printf("# %s\n", cases[i].line);
                CHECK(bench.request.problem[0]);
                if ((int)bench.request.error != cases[i].error ||
                    !strstr(bench.request.problem, cases[i].hint))
                        (void)printf("# %s: %s\n", cases[i].line, bench.request.problem);
                CHECK_INT(bench.request.error, cases[i].error);
                CHECK(strstr(bench.request.problem, cases[i].hint));
                CHECK_INT(bench.request.id.kind, cases[i].id ? LOCAL_ID_INTEGER : LOCAL_ID_NONE);
                CHECK_INT(bench.request.id.integer, cases[i].id);
                /* And on with the next line */
                CHECK_INT(decode(&bench), CODEC_REQUEST);
                CHECK_STR(short_form(&bench.request), "watch -");
        }
}

static void test_bad_lines(void) {
        static const BadLine cases[] = {
                        {"x", BAD, "not valid JSON", 0},
                        {"{", BAD, "not valid JSON", 0},
                        {"{}x", BAD, "not valid JSON", 0},
                        {"[]", BAD, "JSON object", 0},
                        {"7", BAD, "JSON", 0},
                        {"{}", BAD, "needs an op", 0},
                        {"{\"op\":\"pub\",\"op\":\"pub\"}", BAD, "duplicate", 0},
                        {"{\"op\":\"pub\",\"topic\":\"\xff\"}", BAD, "UTF-8", 0},
                        {"{\"op\":\"pub\",\"topic\":\"\\ud800\"}", BAD, "JSON", 0},
                        {"{\"op\":\"pub\",\"topic\":\"a\tb\"}", BAD, "JSON", 0},
                        {"{\"op\":7,\"id\":5}", BAD, "op must be a string", 5},
                        {"{\"op\":\"nop\",\"id\":5}", BAD, "no op \"nop\"", 5},
                        {"{\"op\":\"pub\\u0000\",\"id\":5}", BAD, "U+0000", 5},
                        {"{\"op\":\"status\",\"id\":1.5}", BAD, "id must be", 0},
                        {"{\"op\":\"status\",\"id\":true}", BAD, "id must be", 0},
                        {"{\"op\":\"status\",\"id\":\"a\\u0000\"}", BAD, "id must be", 0},
                        {"{\"op\":\"status\",\"id\":9223372036854775808}", BAD, "JSON", 0},
                        {"{\"op\":\"status\",\"id\":"
                         "\"12345678901234567890123456789012345678901234567890123456789012345\"}",
                         BAD, "64 bytes", 0},
                        {"{\"op\":\"pub\",\"id\":5}", BAD, "needs a topic", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":null}", BAD, "needs a topic", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":7}", BAD, "topic must be", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"\"}", TOPIC, "is empty", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"a/#\"}", TOPIC, "'#'", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"a\\u0000\"}", TOPIC, "U+0000", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"payload\":21.5}", BAD,
                         "quotes", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"payload\":{}}", BAD, "quotes",
                         5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"payload_b64\":1}", BAD,
                         "payload_b64", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"payload_b64\":\"Zg\"}", BAD,
                         "Base64", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"payload_b64\":\"Zg==\\n\"}",
                         BAD, "Base64", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"payload\":\"\",\"payload_b64\":\"\"}",
                         BAD, "exclude", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"qos\":2}", UNSUPPORTED,
                         "QoS 2", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"qos\":3}", BAD, "0 or 1", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"qos\":-1}", BAD, "0 or 1", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"qos\":1.0}", BAD, "0 or 1", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"qos\":\"1\"}", BAD, "0 or 1",
                         5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"retain\":true}", UNSUPPORTED,
                         "retained", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"retain\":1}", BAD, "retain",
                         5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"wait\":\"stored\"}", BAD,
                         "needs qos 1", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"wait\":\"delivered\",\"qos\":0}",
                         BAD, "needs qos 1", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"wait\":\"\"}", BAD,
                         "wait must", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"wait\":1}", BAD, "wait must",
                         5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"ttl\":0}", BAD, "604800", 5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"ttl\":604801}", BAD, "604800",
                         5},
                        {"{\"op\":\"pub\",\"id\":5,\"topic\":\"t\",\"ttl\":\"9\"}", BAD, "ttl must",
                         5},
                        {"{\"op\":\"sub\",\"id\":5}", BAD, "needs a filter", 5},
                        {"{\"op\":\"sub\",\"id\":5,\"filter\":[]}", BAD, "filter must", 5},
                        {"{\"op\":\"sub\",\"id\":5,\"filter\":\"a/#/b\"}", TOPIC, "last", 5},
                        {"{\"op\":\"sub\",\"id\":5,\"filter\":\"a\",\"qos\":2}", UNSUPPORTED,
                         "QoS 2", 5},
                        {"{\"op\":\"sub\",\"id\":5,\"filter\":\"a\",\"durable\":1}", BAD, "durable",
                         5},
                        {"{\"op\":\"unsub\",\"id\":5,\"filter\":\"\"}", TOPIC, "empty", 5},
                        {"{\"op\":\"done\",\"id\":5}", BAD, "needs a mid", 5},
                        {"{\"op\":\"done\",\"id\":5,\"mid\":0}", BAD, "mid must", 5},
                        {"{\"op\":\"done\",\"id\":5,\"mid\":\"1\"}", BAD, "mid must", 5},
                        {"{\"op\":\"hello\",\"id\":5,\"client\":\"\"}", BAD, "client must", 5},
        };

        check_bad_lines(cases, ARRAY_SIZE(cases));
}

static void test_bad_receipts_and_spools(void) {
        static const BadLine cases[] = {
                        {"{\"op\":\"receipt\",\"id\":5}", BAD, "needs a receipt", 5},
                        {"{\"op\":\"receipt\",\"id\":5,\"receipt\":0}", BAD, "receipt must", 5},
                        {"{\"op\":\"receipt\",\"id\":5,\"receipt\":\"1\"}", BAD, "receipt must", 5},
                        {"{\"op\":\"receipt\",\"id\":5,\"receipt\":1,\"wait\":\"sent\"}", BAD,
                         "wait must", 5},
                        {"{\"op\":\"receipt\",\"id\":5,\"receipt\":1,\"wait\":\"\"}", BAD,
                         "wait must", 5},
                        {"{\"op\":\"spool\",\"id\":5}", BAD, "needs an action", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":1}", BAD, "action must", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"eat\"}", BAD, "needs an action",
                         5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"list\",\"limit\":0}", BAD,
                         "limit must", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"list\",\"limit\":1001}", BAD,
                         "1000", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"list\",\"after\":-1}", BAD,
                         "after must", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"list\",\"filter\":\"a/#/b\"}",
                         TOPIC, "last", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"drop\"}", BAD, "either", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"drop\",\"receipt\":1,"
                         "\"filter\":\"#\"}",
                         BAD, "either", 5},
                        {"{\"op\":\"spool\",\"id\":5,\"action\":\"drop\",\"receipt\":0}", BAD,
                         "receipt must", 5},
                        {"{\"op\":\"hello\",\"id\":5,\"client\":\"a b\"}", BAD, "client must", 5},
                        {"{\"op\":\"hello\",\"id\":5,\"client\":"
                         "\"12345678901234567890123456789012345678901234567890123456789012345\"}",
                         BAD, "64", 5},
        };

        check_bad_lines(cases, ARRAY_SIZE(cases));
}

static void test_blank_lines_are_ignored(void) {
        _cleanup_(bench_deinit) Bench bench = bench_new();

        feed(&bench, "\n\r\n  \t\r\n\n{\"op\":\"watch\"}\r\n\n");
        CHECK_INT(decode(&bench), CODEC_REQUEST);
        CHECK_INT(decode(&bench), CODEC_MORE);
        CHECK_INT(buffer_size(&bench.input), 0);
}

static void test_last_line_needs_no_newline(void) {
        _cleanup_(bench_deinit) Bench bench = bench_new();

        feed(&bench, "{\"op\":\"watch\"}");
        CHECK_INT(decode(&bench), CODEC_MORE);
        CHECK_INT(codec_json.decode(bench.state, &bench.input, true, &bench.request),
                  CODEC_REQUEST);
        CHECK_INT(codec_json.decode(bench.state, &bench.input, true, &bench.request), CODEC_MORE);
        CHECK_INT(buffer_size(&bench.input), 0);
        feed(&bench, "{\"op\":");
        CHECK_INT(codec_json.decode(bench.state, &bench.input, true, &bench.request),
                  CODEC_REFUSED);
        CHECK_INT(codec_json.decode(bench.state, &bench.input, true, &bench.request), CODEC_MORE);
}

static void feed_many(Bench *bench, const char *text, size_t n) {
        while (n-- > 0)
                feed(bench, text);
}

static void test_nesting_and_values_are_bounded(void) {
        static const char *const hostile[] = {"[", "{\"a\":", "0,", "[],", "{},"};

        for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
                _cleanup_(bench_deinit) Bench bench = bench_new();

                feed(&bench, "{\"op\":\"watch\",\"x\":[");
                feed_many(&bench, hostile[i], 100000);
                feed(&bench, "\n");
                CHECK_INT(decode(&bench), CODEC_REFUSED);
                CHECK(strstr(bench.request.problem, "nests deeper"));
        }
        {
                /* In strings there may be as many of them as one likes. */
                _cleanup_(bench_deinit) Bench bench = bench_new();

                feed(&bench, "{\"op\":\"pub\",\"topic\":\"t\",\"payload\":\"");
                feed_many(&bench, "[{,\\\"", 1000);
                feed(&bench, "\"}\n");
                CHECK_INT(decode(&bench), CODEC_REQUEST);
                CHECK_INT(message_payload_size(bench.request.message), 4000);
        }
}

static void test_payload_limit(void) {
        static const char *const characters[] = {"a", "\\u0001", "\\\""};

        for (size_t i = 0; i < ARRAY_SIZE(characters); i++)
                for (size_t more = 0; more < 2; more++) {
                        _cleanup_(bench_deinit) Bench bench = bench_new();

                        feed(&bench, "{\"op\":\"pub\",\"id\":1,\"topic\":\"t\",\"payload\":\"");
                        feed_many(&bench, characters[i], MESSAGE_PAYLOAD_MAX + more);
                        feed(&bench, "\"}\n");
                        CHECK_INT(decode(&bench), more ? CODEC_REFUSED : CODEC_REQUEST);
                        CHECK_INT(bench.request.id.integer, 1);
                        if (more)
                                CHECK_INT(bench.request.error, LOCAL_ERROR_TOO_LARGE);
                        else
                                CHECK_INT(message_payload_size(bench.request.message),
                                          MESSAGE_PAYLOAD_MAX);
                }
}

static size_t held;

static void *counting_malloc(size_t size) {
        void *p = malloc(size);

        held += p ? malloc_usable_size(p) : 0;
        return p;
}

static void counting_free(void *p) {
        held -= p ? malloc_usable_size(p) : 0;
        free(p);
}

static void test_large_line_is_not_kept(void) {
        _cleanup_(bench_deinit) Bench bench = bench_new();

        json_set_alloc_funcs(counting_malloc, counting_free);
        feed(&bench, "{\"op\":\"pub\",\"topic\":\"t\",\"payload\":\"21.5\",\"unknown\":\"");
        feed_many(&bench, "x", 1000000);
        feed(&bench, "\"}\n");
        CHECK_INT(decode(&bench), CODEC_REQUEST);
        CHECK_INT(message_payload_size(bench.request.message), 4);
        CHECK_INT(held, 0);
        json_set_alloc_funcs(malloc, free);
}

static void test_base64_payload_limit(void) {
        for (size_t more = 0; more < 8; more++) {
                _cleanup_(bench_deinit) Bench bench = bench_new();
                size_t size = MESSAGE_PAYLOAD_MAX + more;
                _cleanup_(freep) char *data = calloc(1, size);
                _cleanup_(freep) char *text = calloc(1, base64_encoded_size(size) + 1);

                CHECK(data && text);
                base64_encode(data, size, text);
                feed(&bench, "{\"op\":\"pub\",\"topic\":\"t\",\"payload_b64\":\"");
                feed(&bench, text);
                feed(&bench, "\"}\n");
                CHECK_INT(decode(&bench), more ? CODEC_REFUSED : CODEC_REQUEST);
                if (more)
                        CHECK_INT(bench.request.error, LOCAL_ERROR_TOO_LARGE);
        }
}

/* An over-long line in pieces gets one error, takes bounded memory, and the next line is good. */
static void test_over_long_line(void) {
        _cleanup_(bench_deinit) Bench bench = bench_new();
        char piece[65537];
        size_t n_refused = 0;

        memset(piece, 'x', sizeof(piece) - 1);
        piece[sizeof(piece) - 1] = '\0';
        for (size_t n = 0; n < 4 * 1024 * 1024; n += sizeof(piece) - 1) {
                CodecResult result;

                feed(&bench, piece);
                while ((result = decode(&bench)) != CODEC_MORE) {
                        CHECK_INT(result, CODEC_REFUSED);
                        CHECK_INT(bench.request.error, LOCAL_ERROR_TOO_LARGE);
                        n_refused++;
                }
        }
        CHECK_INT(n_refused, 1);
        CHECK_INT(buffer_size(&bench.input), 0);
        feed(&bench, "yyy\n{\"op\":\"watch\"}\n");
        CHECK_INT(decode(&bench), CODEC_REQUEST);
        CHECK_INT(bench.request.kind, REQUEST_WATCH);
        CHECK_INT(decode(&bench), CODEC_MORE);
}

static void test_line_without_end(void) {
        _cleanup_(bench_deinit) Bench bench = bench_new();
        char piece[65537];
        size_t n_refused = 0, n = 0;
        CodecResult result = CODEC_MORE;

        memset(piece, ' ', sizeof(piece) - 1);
        piece[sizeof(piece) - 1] = '\0';
        while (result != CODEC_BROKEN) {
                feed(&bench, piece);
                n += sizeof(piece) - 1;
                while ((result = decode(&bench)) == CODEC_REFUSED)
                        n_refused++;
        }
        CHECK_INT(n_refused, 1);
        CHECK(n >= 8 * 1024 * 1024 && n < 11 * 1024 * 1024);
}

/* Whole over-long lines at once, as after a pause */
static void test_over_long_line_in_one_piece(void) {
        _cleanup_(bench_deinit) Bench bench = bench_new();

        feed_many(&bench, "xxxxxxxx", JSON_LINE_MAX / 8 + 1);
        feed(&bench, "\n{\"op\":\"watch\"}\n");
        CHECK_INT(decode(&bench), CODEC_REFUSED);
        CHECK_INT(bench.request.error, LOCAL_ERROR_TOO_LARGE);
        CHECK_INT(decode(&bench), CODEC_REQUEST);
        CHECK_INT(decode(&bench), CODEC_MORE);
}

static void test_any_bytes_do_no_harm(void) {
        static const char *const pieces[] = {"{",       "}",           "\"",
                                             ":",       ",",           "\"op\":",
                                             "\"pub\"", "\"topic\":",  "\"id\":",
                                             "\"t\"",   "\n",          "\\u0000",
                                             "\\ud800", "\xff",        "1e999",
                                             "-1",      "\"qos\":",    "\"payload\":",
                                             "\"sub\"", "\"filter\":", "\"payload_b64\":",
                                             "null",    "[",           "]"};
        unsigned random = 7;

        for (unsigned round = 0; round < 3000; round++) {
                _cleanup_(bench_deinit) Bench bench = bench_new();
                CodecResult result = CODEC_MORE;

                for (unsigned i = 0; i < 30; i++) {
                        random = random * 1103515245 + 12345;
                        if (random >> 30) {
                                feed(&bench, pieces[(random >> 16) % ARRAY_SIZE(pieces)]);
                        } else {
                                uint8_t byte = (uint8_t)(random >> 16);

                                CHECK_INT(buffer_append(&bench.input, &byte, 1), 0);
                        }
                        if (i % 7 == 0)
                                do
                                        result = decode(&bench);
                                while (result == CODEC_REQUEST || result == CODEC_REFUSED);
                }
                do
                        result = codec_json.decode(bench.state, &bench.input, true, &bench.request);
                while (result != CODEC_MORE);
                CHECK_INT(buffer_size(&bench.input), 0);
        }
}

static const char *text_of(Buffer *output) {
        CHECK_INT(buffer_append(output, "", 1), 0);
        return (const char *)buffer_data(output);
}

/* What is encoded as a message decodes as a publish with the same bytes. */
static void test_payloads_survive_the_round_trip(void) {
        unsigned random = 3;

        for (unsigned round = 0; round < 500; round++) {
                _cleanup_(bench_deinit) Bench bench = bench_new();
                _cleanup_(message_unrefp) Message *m = NULL;
                _cleanup_(buffer_deinit) Buffer b = {0};
                uint8_t payload[64];
                char *op;

                for (size_t i = 0; i < sizeof(payload); i++) {
                        random = random * 1103515245 + 12345;
                        payload[i] = (uint8_t)(round % 2 ? random >> 16 : random >> 16 & 0x7F);
                }
                CHECK_INT(message_new(&m, "t", payload, round % sizeof(payload), 1), 0);
                CHECK_INT(codec_json.encode_message(&b, "t", m, 1, 0, false), 0);
                feed(&bench, text_of(&b));
                op = memmem(bench.input.bytes, buffer_size(&bench.input), "msg", 3);
                CHECK(op);
                op[0] = 'p';
                op[1] = 'u';
                op[2] = 'b';
                CHECK_INT(decode(&bench), CODEC_REQUEST);
                CHECK_INT(message_payload_size(bench.request.message), round % sizeof(payload));
                CHECK(memcmp(message_payload(bench.request.message), payload,
                             round % sizeof(payload)) == 0);
        }
}

TEST_MAIN(TEST(test_good_lines),
          TEST(test_bad_lines),
          TEST(test_bad_receipts_and_spools),
          TEST(test_blank_lines_are_ignored),
          TEST(test_last_line_needs_no_newline),
          TEST(test_nesting_and_values_are_bounded),
          TEST(test_payload_limit),
          TEST(test_large_line_is_not_kept),
          TEST(test_base64_payload_limit),
          TEST(test_over_long_line),
          TEST(test_line_without_end),
          TEST(test_over_long_line_in_one_piece),
          TEST(test_any_bytes_do_no_harm),
          TEST(test_payloads_survive_the_round_trip))
