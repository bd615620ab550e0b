/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/waiters.h"

#include "util/clock.h"

struct Waiter {
        Waiter *next; /* Waiters::buckets, in order of arrival */
        Receipt receipt;
        uint64_t expires_usec;
};

void waiters_init(Waiters *waiters) {
        *waiters = (Waiters){.expiry_usec = USEC_INFINITY};
}

void waiters_add(Waiters *waiters, Receipt *take_receipt, uint64_t expires_usec) {
        Waiter *waiter, **place = &waiters->buckets[take_receipt->seq % WAITERS_BUCKETS];

        if (!take_receipt->session)
                return;
        waiter = calloc(1, sizeof(*waiter));
        if (!waiter) {
                receipt_fail(take_receipt, LOCAL_ERROR_INTERNAL,
                             "the message is kept and will be delivered, but there is no memory to "
                             "tell when");
                return;
        }
        while (*place)
                place = &(*place)->next;
        *waiter = (Waiter){.receipt = receipt_take(take_receipt), .expires_usec = expires_usec};
        *place = waiter;
        waiters->n++;
        if (expires_usec < waiters->expiry_usec)
                waiters->expiry_usec = expires_usec;
}

/* Frees the one at @place, whose receipt is closed. */
static void drop(Waiters *waiters, Waiter **place) {
        Waiter *waiter = *place;

        *place = waiter->next;
        free(waiter);
        waiters->n--;
}

void waiters_progress(Waiters *waiters, uint64_t seq, LocalAck state) {
        Waiter **place = &waiters->buckets[seq % WAITERS_BUCKETS];

        while (*place) {
                Receipt *receipt = &(*place)->receipt;

                if (receipt->seq == seq)
                        receipt_progress(receipt, state, 1);
                if (receipt->session)
                        place = &(*place)->next;
                else
                        drop(waiters, place);
        }
}

void waiters_fail(Waiters *waiters, uint64_t seq, LocalError code, const char *text) {
        Waiter **place = &waiters->buckets[seq % WAITERS_BUCKETS];

        while (*place) {
                if ((*place)->receipt.seq != seq) {
                        place = &(*place)->next;
                        continue;
                }
                receipt_fail(&(*place)->receipt, code, text);
                drop(waiters, place);
        }
}

void waiters_fail_others(Waiters *waiters,
                         bool (*keep)(void *userdata, uint64_t seq),
                         void *userdata,
                         LocalError code,
                         const char *text) {
        for (size_t i = 0; i < WAITERS_BUCKETS && waiters->n > 0; i++)
                for (Waiter **place = &waiters->buckets[i]; *place;) {
                        if (keep && keep(userdata, (*place)->receipt.seq)) {
                                place = &(*place)->next;
                                continue;
                        }
                        receipt_fail(&(*place)->receipt, code, text);
                        drop(waiters, place);
                }
}

void waiters_forget(Waiters *waiters, const LocalSession *session) {
        for (size_t i = 0; i < WAITERS_BUCKETS && waiters->n > 0; i++)
                for (Waiter **place = &waiters->buckets[i]; *place;) {
                        if ((*place)->receipt.session != session) {
                                place = &(*place)->next;
                                continue;
                        }
                        receipt_close(&(*place)->receipt);
                        drop(waiters, place);
                }
}

bool waiters_next_expired(Waiters *waiters, uint64_t now_usec, uint64_t *ret_seq) {
        uint64_t next = USEC_INFINITY;

        if (now_usec < waiters->expiry_usec)
                return false;
        for (size_t i = 0; i < WAITERS_BUCKETS; i++)
                for (Waiter *waiter = waiters->buckets[i]; waiter; waiter = waiter->next) {
                        if (waiter->expires_usec <= now_usec) {
                                waiter->expires_usec = USEC_INFINITY;
                                *ret_seq = waiter->receipt.seq;
                                return true;
                        }
                        if (waiter->expires_usec < next)
                                next = waiter->expires_usec;
                }
        waiters->expiry_usec = next;
        return false;
}
