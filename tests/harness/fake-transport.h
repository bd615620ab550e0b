/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A transport without a network: the test says what the server does and looks at what was asked.
 * Asking never makes an event by itself, except that close() is answered when the test says so.
 */

#include "cloud/transport.h"

#define FAKE_REQUESTS_MAX 4096U

typedef enum FakeRequestKind {
        FAKE_PUBLISH,
        FAKE_SUBSCRIBE,
        FAKE_UNSUBSCRIBE,
} FakeRequestKind;

typedef struct FakeRequest {
        FakeRequestKind kind;
        uint64_t epoch, token;
        int qos;
        char topic[128]; /* or filter */
        char payload[64];
} FakeRequest;

typedef struct FakeTransport {
        Transport base;
        TransportKeeper keeper;
        int fd;
        uint64_t epoch;
        bool open;    /* between connect() and the event that ends the epoch */
        bool closing; /* close() was called and not answered */

        /* what was asked */
        TransportTarget target; /* of the last attempt; a copy */
        unsigned n_connects, n_closes;
        FakeRequest requests[FAKE_REQUESTS_MAX]; /* since the last fake_forget() */
        size_t n_requests;

        /* what the test decides */
        uint64_t silence_usec, stall_usec;
        int connect_error, request_error; /* -errno to return instead */

        TransportEvent *events; /* a queue */
        size_t first, n_events, size;
} FakeTransport;

FakeTransport *fake_transport_new(void);

/* Any event; a message reference passes over. */
void fake_push(FakeTransport *fake, TransportEvent event);

/* Events of the current epoch. */
void fake_connected(FakeTransport *fake, bool session_present);
void fake_failed(FakeTransport *fake, Reason reason, int code);
void fake_lost(FakeTransport *fake, Reason reason);
void fake_closed(FakeTransport *fake);
void fake_published(FakeTransport *fake, uint64_t token, bool ok);
void fake_subscribed(FakeTransport *fake, uint64_t token, int code);
/* The keeper, if there is one, sees it first. */
void fake_message(FakeTransport *fake, const char *topic, const char *payload, int qos);

/* Empties the list of requests. */
void fake_forget(FakeTransport *fake);

/* The requests since the last call in a line: "pub a=x/1 sub b/1 unsub c ", NAME=PAYLOAD/QOS. */
const char *fake_requests(FakeTransport *fake);

/* The token of the last request for this topic or filter. */
uint64_t fake_token(const FakeTransport *fake, const char *topic);
