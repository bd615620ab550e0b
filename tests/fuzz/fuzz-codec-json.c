/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON codec on any bytes: cut into pieces as a socket would cut them, it must answer each line
 * once, use up its input, and hold to its own bounds. What it takes for a publish, it must be able
 * to encode as a message.
 *
 * A libFuzzer target. With runner.c it is an ordinary program that runs over the files it is given.
 */
#include <stdint.h>

#include "local/codec-json.h"
#include "test.h"

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const Request *request) {
        const AckDetail detail = {.qos = -1, .receipt = request->receipt, .count = -1};
        _cleanup_(buffer_deinit) Buffer output = {0};
        size_t n_lines = 1, n_newlines = 0;

        CHECK_INT(codec_json.encode_ack(&output, &request->id, LOCAL_ACK_SENT, &detail), 0);
        if (request->kind == REQUEST_PUBLISH) {
                const Message *m = request->message;

                CHECK(message_payload_size(m) <= MESSAGE_PAYLOAD_MAX);
                CHECK_INT(codec_json.encode_message(&output, message_topic(m), m, 1, 1, false), 0);
                n_lines++;
        }
        if (request->kind == REQUEST_RECEIPT)
                CHECK(request->receipt > 0 && (request->wait == LOCAL_WAIT_STORED ||
                                               request->wait == LOCAL_WAIT_DELIVERED));
        if (request->kind == REQUEST_SPOOL) {
                const LocalSpool *s = &request->spool;
                const LocalSpooled item = {.receipt = 1, .topic = s->filter ? s->filter : "t"};

                if (s->action == LOCAL_SPOOL_LIST)
                        CHECK(s->limit >= 1 && s->limit <= LOCAL_SPOOL_PAGE_MAX);
                else
                        CHECK((s->receipt > 0) != (s->filter != NULL));
                CHECK_INT(codec_json.encode_spool(&output, &request->id, &item, 1, 0), 0);
                n_lines++;
        }
        for (size_t i = 0; i < buffer_size(&output); i++)
                n_newlines += buffer_data(&output)[i] == '\n';
        CHECK_INT(n_newlines, n_lines);
}

static void decode_all(void *state, Buffer *input, bool at_end) {
        for (;;) {
                Request request;
                CodecResult result = codec_json.decode(state, input, at_end, &request);

                if (result == CODEC_MORE)
                        break;
                if (result == CODEC_REQUEST)
                        check_request(&request);
                else
                        CHECK(request.problem[0] != '\0');
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(buffer_deinit) Buffer input = {0};
        void *state = NULL;
        size_t step;

        if (size == 0)
                return 0;
        /* The first byte says how much comes at a time. */
        step = (size_t)data[0] + 1;
        CHECK_INT(codec_json.new(&state), 0);
        for (size_t at = 1; at < size; at += step) {
                size_t n = size - at < step ? size - at : step;

                CHECK_INT(buffer_append(&input, data + at, n), 0);
                decode_all(state, &input, false);
                CHECK(buffer_size(&input) <= JSON_LINE_MAX + step);
        }
        decode_all(state, &input, true);
        CHECK_INT(buffer_size(&input), 0);
        codec_json.free(state);
        return 0;
}
