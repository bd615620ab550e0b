/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Transport
 *
 * What the link needs of an MQTT library: commands that never block, and events that come back
 * later, in order, on the loop thread. transport-paho.c is the real one; tests have their own.
 *
 * Each connect() starts a new epoch. Events carry the epoch they belong to: a late PUBACK of an
 * earlier connection can't be taken for one of this connection, whatever its packet id. With
 * FAILED, LOST or CLOSED the epoch ends, and with it all its tokens: none comes back after that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/reason.h"
#include "message/message.h"
#include "util/macro.h"

typedef struct Transport Transport;

/* Everything is copied by connect(). NULL where there is none. */
typedef struct TransportTarget {
        const char *host;
        uint16_t port;
        bool tls;
        const char *root_file;
        const char *certificate_file, *key_file;
        const char *client_id, *username, *password;
        unsigned keepalive_sec, timeout_sec;
} TransportTarget;

typedef enum TransportEventKind {
        TRANSPORT_CONNECTED,    /* session_present; detail: the version of TLS */
        TRANSPORT_FAILED,       /* the attempt ended: reason, code, detail */
        TRANSPORT_LOST,         /* the connection ended: reason, detail */
        TRANSPORT_CLOSED,       /* close() is done */
        TRANSPORT_PUBLISHED,    /* token: PUBACK for QoS 1, written for QoS 0 */
        TRANSPORT_UNPUBLISHED,  /* token: it could not be sent, or its fate is unknown */
        TRANSPORT_SUBSCRIBED,   /* token, code: the SUBACK's; 0x80 and above is a refusal */
        TRANSPORT_UNSUBSCRIBED, /* token */
        TRANSPORT_MESSAGE,      /* message; the receiver takes the reference; kept */
        TRANSPORT_WITHHELD,     /* code: why the keeper could not keep a message */
} TransportEventKind;

typedef struct TransportEvent {
        TransportEventKind kind;
        Reason reason;
        uint64_t epoch;
        uint64_t token;
        Message *message;
        uint64_t kept; /* the number that the keeper gave the message; 0: none */
        int code;      /* the SUBACK's, or the CONNACK's where the reason came from one; -errno */
        bool session_present;
        char detail[REASON_DETAIL_MAX]; /* the library's or system's words, for people; may be empty
                                         */
} TransportEvent;

/* Who makes messages safe before the server is told that they have arrived. */
typedef struct TransportKeeper {
        /*
         * Called on a thread of the transport's for each QoS 1 message. Returns 0: nobody needs it
         * kept; 1: it is kept, as *@ret_kept; -errno: it is not, so the server gets no PUBACK in
         * this epoch and sends it again in the next.
         */
        int (*keep)(void *userdata, uint64_t epoch, Message *message, uint64_t *ret_kept);
        void *userdata;
} TransportKeeper;

typedef struct TransportOps {
        /* Before the first connect(); @keeper is copied. */
        void (*set_keeper)(Transport *transport, const TransportKeeper *keeper);

        /* Starts an attempt; stores its epoch. Only while there is no connection. 0 or -errno. */
        int (*connect)(Transport *transport, const TransportTarget *target, uint64_t *ret_epoch);

        /* Ends the attempt or connection, with DISCONNECT if it is up; CLOSED follows. */
        void (*close)(Transport *transport);

        /* Each takes a token that comes back in its event. 0 or -ENOMEM. */
        int (*publish)(Transport *transport, uint64_t token, Message *message, int qos);
        /* One filter a packet: of a SUBACK for several, the library does not say how many codes
         * it holds. */
        int (*subscribe)(Transport *transport, uint64_t token, const char *filter, int qos);
        int (*unsubscribe)(Transport *transport, uint64_t token, const char *filter);

        /* Microseconds since the server was last heard on this connection; 0 when unknown. */
        uint64_t (*silence_usec)(Transport *transport);

        /* Microseconds for which the thread behind it has not come round; each call asks it to. */
        uint64_t (*stall_usec)(Transport *transport);

        /* Readable when dispatch() has events to hand out. */
        int (*fd)(Transport *transport);

        /* Takes the next event. Returns 1, or 0 when there is none. */
        int (*next)(Transport *transport, TransportEvent *ret_event);

        Transport *(*free)(Transport *transport);
} TransportOps;

struct Transport {
        const TransportOps *ops;
};

static inline Transport *transport_free(Transport *transport) {
        return transport ? transport->ops->free(transport) : NULL;
}

DEFINE_CLEANUP(Transport *, transport_free);
