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
        REQUEST_RECEIPT,
        REQUEST_SPOOL,
} RequestKind;

/* What was decoded. Pointers stay valid until the next call of decode() or free(). */
typedef struct Request {
        RequestKind kind;
        LocalId id;

        const char *client; /* hello: may be NULL */

        Message *message; /* publish */
        LocalWait wait;   /* publish; receipt: stored or delivered */
        uint32_t ttl_sec;

        const char *filter; /* subscribe, unsubscribe; spool: may be NULL */
        int qos;
        bool durable;

        uint64_t mid; /* done */

        uint64_t receipt; /* receipt */
        LocalSpool spool; /* spool, but for the id */

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

/* What an "ack" says besides its state. */
typedef struct AckDetail {
        int qos;          /* < 0: left out */
        bool pending;     /* false: left out */
        uint64_t receipt; /* 0: left out */
        int64_t count;    /* < 0: left out */
} AckDetail;

typedef struct CodecOps {
        /* The codec's own state of one connection. 0 or -ENOMEM. */
        int (*new)(void **ret);
        void (*free)(void *state);

        /* Takes one request from the front of @input. @at_end says that no more will come. */
        CodecResult (*decode)(void *state, Buffer *input, bool at_end, Request *ret);

        /* Append to @output: all of it or nothing. 0, -ENOMEM or -ENOBUFS. */
        int (*encode_ack)(Buffer *output,
                          const LocalId *id,
                          LocalAck state,
                          const AckDetail *detail);
        int (*encode_error)(Buffer *output,
                            const LocalId *id,
                            LocalError code,
                            const char *filter,
                            const char *message);
        int (*encode_message)(Buffer *output,
                              const char *topic,
                              const Message *message,
                              int qos,
                              uint64_t mid,
                              bool redelivered);
        int (*encode_facts)(Buffer *output,
                            const char *op,
                            const LocalId *id,
                            const LocalFact *facts,
                            size_t n_facts);
        int (*encode_spool)(Buffer *output,
                            const LocalId *id,
                            const LocalSpooled *items,
                            size_t n_items,
                            uint64_t after);
} CodecOps;
