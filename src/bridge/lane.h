/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lane
 *
 * Messages of one kind on their way up, in order of arrival: in front what is in flight, behind it
 * what waits. When a connection ends, everything in flight simply counts as waiting again, so it is
 * sent again first and in the old order. Tokens grow along the lane and are never used twice: an
 * answer finds its message or none.
 */

#include "bridge/receipt.h"
#include "message/message.h"
#include "message/route.h"
#include "util/clock.h"

/* How far a message is on its way to the disk. */
typedef enum RisingStorage {
        RISING_UNNUMBERED, /* came when there was no store, and stays in memory */
        RISING_IN_MEMORY,
        RISING_WRITING,
        RISING_STORED,
        RISING_UNSTORABLE, /* the disk did not take it: it is in memory after all */
} RisingStorage;

typedef struct Rising {
        struct Rising *next;
        Message *message; /* under its remote name */
        Receipt receipt;
        uint64_t token;
        uint64_t accepted_usec, sent_usec;
        uint64_t expires_usec; /* monotonic; USEC_INFINITY: never */
        RisingStorage storage;
        RouteWhenFull when_full;
        uint32_t route;  /* its number */
        struct Put *put; /* while it is being written */
} Rising;

Rising *rising_free(Rising *rising);

/* Bytes that it takes in memory. */
size_t rising_footprint(const Rising *rising);

typedef struct Lane {
        Rising *first, *last;
        Rising *unsent;   /* first that waits; NULL: all are in flight */
        Rising *unstored; /* nothing before it is in memory only; NULL: nothing at all is */
        size_t n, n_in_flight, n_stored;
        size_t bytes, bytes_in_flight, bytes_stored;
        uint64_t expiry_usec; /* nothing that waits expires before it */
} Lane;

/* Takes @rising. */
void lane_append(Lane *lane, Rising *rising);

/* Takes @rising, to its place by its number among those that wait. */
void lane_insert(Lane *lane, Rising *rising);

/* How many wait. */
size_t lane_waiting(const Lane *lane);

/* The message with this token; NULL if there is none. */
Rising *lane_find(const Lane *lane, uint64_t token);

/* The first that waits is in flight from now on. */
void lane_sent(Lane *lane, uint64_t now_usec);

/* Whether the message with this token is in flight. */
bool lane_has_sent(const Lane *lane, uint64_t token);

/* Takes the message with this token out if it is in flight; NULL if there is none. */
Rising *lane_take_sent(Lane *lane, uint64_t token);

/* Takes the first message that waits and has expired out; NULL if there is none. Looks at those
 * behind @after, which is NULL at first and then what was returned through it. */
Rising *lane_take_expired(Lane *lane, uint64_t now_usec, Rising **after);

/* Takes the first out, whatever it is. */
Rising *lane_take_first(Lane *lane);

/* Takes out one that waits. */
Rising *lane_take(Lane *lane, Rising *rising);

/* Nothing is in flight any more, and what could not be stored may be tried again. */
void lane_reset(Lane *lane);

/* The first that is in memory only, if it was accepted by then; else NULL. */
Rising *lane_next_unstored(Lane *lane, uint64_t before_usec);

/* What was on the disk is in memory only. */
void lane_forget_stored(Lane *lane);

/* It is on the disk now. */
void lane_stored(Lane *lane, Rising *rising);

/* It is not any more, and is not tried again before the connection ends. */
void lane_unstored(Lane *lane, Rising *rising);
