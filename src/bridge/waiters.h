/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Waiters
 *
 * Who wants to know what becomes of messages that are not in memory, or were published by somebody
 * else or an earlier run: receipts by the message's number, any number of them for one.
 */

#include "bridge/receipt.h"

#define WAITERS_BUCKETS 1024U

typedef struct Waiter Waiter;

typedef struct Waiters {
        Waiter *buckets[WAITERS_BUCKETS];
        size_t n;
        uint64_t expiry_usec; /* no message expires before it */
} Waiters;

void waiters_init(Waiters *waiters);

/* Takes the receipt, which knows its number, if it is still owed. @expires_usec: when the message's
 * ttl ends; USEC_INFINITY: never, or somebody else looks after it. */
void waiters_add(Waiters *waiters, Receipt *take_receipt, uint64_t expires_usec);

/* Tells all who wait for this message. */
void waiters_progress(Waiters *waiters, uint64_t seq, LocalAck state);
void waiters_fail(Waiters *waiters, uint64_t seq, LocalError code, const char *text);

/* Tells everybody whose message @keep does not know. NULL: everybody. */
void waiters_fail_others(Waiters *waiters,
                         bool (*keep)(void *userdata, uint64_t seq),
                         void *userdata,
                         LocalError code,
                         const char *text);

/* Those of a session that is gone. */
void waiters_forget(Waiters *waiters, const LocalSession *session);

/* The number of a message whose ttl has ended; each once. False when there is none (any more). */
bool waiters_next_expired(Waiters *waiters, uint64_t now_usec, uint64_t *ret_seq);
