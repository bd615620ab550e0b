/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Codec
 *
 * A protocol of the local socket as a table of functions: bytes to requests, and replies to bytes.
 * The session knows no more of a protocol than this.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/session.h"
#include "message/message.h"
#include "util/buffer.h"
#include "util/macro.h"

typedef enum RequestKind {
        REQUEST_HELLO,
        REQUEST_PUBLISH,
        REQUEST_SUBSCRIBE,
        REQUEST_UNSUBSCRIBE,
        REQUEST_DONE,
        REQUEST_STATUS,
        REQUEST_WATCH,
} RequestKind;

/* What was decoded. Pointers stay valid until the next call of decode() or free(). */
typedef struct Request {
        RequestKind kind;
        LocalId id;

        const char *client; /* hello: may be NULL */

        Message *message; /* publish */
        LocalWait wait;
        uint32_t ttl_sec;

        const char *filter; /* subscribe, unsubscribe */
        int qos;
        bool durable;

        uint64_t mid; /* done */

        /* When it was refused, only these and the id are valid. */
        LocalError error;
        char problem[256];
} Request;

typedef enum CodecResult {
        CODEC_MORE,    /* no whole request is left */
        CODEC_REQUEST, /* a request */
        CODEC_REFUSED, /* something to be answered with an error; the next request may be good */
        CODEC_BROKEN,  /* the same, but the bytes after it make no sense any more */
} CodecResult;

typedef struct CodecOps {
        /* The codec's own state of one connection. 0 or -ENOMEM. */
        int (*new)(void **ret);
        void (*free)(void *state);

        /* Takes one request from the front of @input. @at_end says that no more will come. */
        CodecResult (*decode)(void *state, Buffer *input, bool at_end, Request *ret);

        /* Append to @output: all of it or nothing. 0, -ENOMEM or -ENOBUFS. */
        int (*encode_ack)(Buffer *output, const LocalId *id, LocalAck state, int qos, bool pending);
        int (*encode_error)(Buffer *output,
                            const LocalId *id,
                            LocalError code,
                            const char *filter,
                            const char *message);
        int (*encode_message)(Buffer *output,
                              const char *topic,
                              const Message *message,
                              int qos,
                              uint64_t mid);
        int (*encode_facts)(Buffer *output,
                            const char *op,
                            const LocalId *id,
                            const LocalFact *facts,
                            size_t n_facts);
} CodecOps;
