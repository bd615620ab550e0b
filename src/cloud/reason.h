/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reason
 *
 * Why there is no connection: each reason has a word (IOTLINK_REASON=, "reason" in the status), a
 * phrase for people, advice on what to do, and a class that decides how patiently to try again.
 * docs/TROUBLESHOOTING.md has a row for each word.
 */

typedef enum Reason {
        REASON_NONE,

        /* before the cloud's answer to CONNECT */
        REASON_DNS_UNKNOWN_HOST,
        REASON_DNS_FAILURE,
        REASON_TCP_REFUSED,
        REASON_TCP_TIMEOUT,
        REASON_NETWORK_UNREACHABLE,
        REASON_CLOCK_WRONG, /* so wrong that no certificate can be verified */
        REASON_CAPTIVE_PORTAL,
        REASON_NOT_TLS,    /* though we do */
        REASON_TLS_WANTED, /* though we don't */
        REASON_TLS_ROOT_UNREADABLE,
        REASON_TLS_ROOT_EXPIRED,
        REASON_TLS_UNTRUSTED_ROOT,
        REASON_TLS_EXPIRED, /* the server's certificate, or one between it and the root */
        REASON_TLS_NOT_YET_VALID,
        REASON_TLS_WRONG_HOST,
        REASON_TLS_VERSION,
        REASON_TLS_CLIENT_CERTIFICATE,
        REASON_TLS_TIMEOUT,
        REASON_TLS_FAILED,
        REASON_NO_ANSWER,    /* connected, CONNECT sent, silence */
        REASON_CLOSED_EARLY, /* connected, CONNECT sent, closed without a word */
        REASON_BAD_ANSWER,   /* something that is not MQTT */

        /* the cloud's answer, MQTT 3.1.1 §3.2.2.3 */
        REASON_REFUSED_PROTOCOL,
        REASON_REFUSED_CLIENT_ID,
        REASON_REFUSED_UNAVAILABLE,
        REASON_REFUSED_CREDENTIALS,
        REASON_REFUSED_NOT_AUTHORIZED,
        REASON_REFUSED_OTHER,

        /* there are no credentials to connect with */
        REASON_AUTH_UNREACHABLE,
        REASON_AUTH_REFUSED,

        /* after it was online */
        REASON_CLOSED,
        REASON_KEEPALIVE_TIMEOUT,
        REASON_ACK_TIMEOUT,
        REASON_TWIN,
        REASON_REDELIVERY,

        REASON_INTERNAL,
        REASON_RELOADED, /* the configuration of the connection has changed */
        REASON_STOPPED,
        _REASON_MAX,
} Reason;

/* More words on a reason: the system's, the library's or the service's. */
#define REASON_DETAIL_MAX 320

/* How to go on. */
typedef enum ReasonClass {
        REASON_CLASS_NETWORK, /* passes by itself: try again soon */
        REASON_CLASS_TRUST,   /* TLS: another root may do, else a person must act */
        REASON_CLASS_REFUSED, /* a person must act: try again slowly */
        REASON_CLASS_TWIN,    /* trying again does harm: slower still */
} ReasonClass;

const char *reason_word(Reason reason);
const char *reason_phrase(Reason reason);
const char *reason_advice(Reason reason);
ReasonClass reason_class(Reason reason);

/* The reason for a CONNACK return code other than 0. */
Reason reason_from_connack(int code);
