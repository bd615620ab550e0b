/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "store/store-private.h"

/* What SQLite's integers hold. */
static bool seq_is_valid(uint64_t seq) {
        return seq > 0 && seq < INT64_MAX;
}

int store_put(Store *store, const StoreRecord *record, StoreDoneFunc func, void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (!seq_is_valid(record->seq) || record->expires_msec > INT64_MAX ||
            record->accepted_wall_msec > INT64_MAX)
                return -EINVAL;
        r = request_new(&q, REQUEST_PUT);
        if (r < 0)
                return r;
        q->record = *record;
        q->record.message = message_ref(record->message);
        q->func.done = func;
        q->userdata = userdata;
        return store_push(store, &q);
}

static int push_seqs(
                Store *store, RequestKind kind, const uint64_t *seqs, size_t n, StoreFate fate) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (n == 0)
                return 0;
        r = request_new(&q, kind);
        if (r < 0)
                return r;
        q->seqs = reallocarray(NULL, n, sizeof(*seqs));
        if (!q->seqs)
                return -ENOMEM;
        memcpy(q->seqs, seqs, n * sizeof(*seqs));
        q->n = n;
        q->fate = fate;
        return store_push(store, &q);
}

int store_delete(Store *store, const uint64_t *seqs, size_t n) {
        return push_seqs(store, REQUEST_DELETE, seqs, n, STORE_FATE_DELIVERED);
}

int store_give_up(Store *store, const uint64_t *seqs, size_t n, StoreFate why) {
        if (why != STORE_FATE_EXPIRED && why != STORE_FATE_DROPPED)
                return -EINVAL;
        return push_seqs(store, REQUEST_GIVE_UP, seqs, n, why);
}

static int push_read(Store *store,
                     RequestKind kind,
                     uint64_t after,
                     size_t max,
                     size_t max_bytes,
                     StoreReadFunc func,
                     void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (after > INT64_MAX || max == 0)
                return -EINVAL;
        r = request_new(&q, kind);
        if (r < 0)
                return r;
        q->seq = after;
        q->max = max > INT32_MAX ? INT32_MAX : max;
        q->max_bytes = max_bytes;
        q->func.read = func;
        q->userdata = userdata;
        return store_push(store, &q);
}

int store_read(Store *store,
               uint64_t after,
               size_t max,
               size_t max_bytes,
               StoreReadFunc func,
               void *userdata) {
        return push_read(store, REQUEST_READ, after, max, max_bytes, func, userdata);
}

int store_peek(Store *store,
               uint64_t after,
               size_t max,
               size_t max_bytes,
               StoreReadFunc func,
               void *userdata) {
        return push_read(store, REQUEST_PEEK, after, max, max_bytes, func, userdata);
}

int store_ask(Store *store, uint64_t seq, StoreFateFunc func, void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        r = request_new(&q, REQUEST_ASK);
        if (r < 0)
                return r;
        /* What can't be stored was never given out either. */
        q->seq = seq_is_valid(seq) ? seq : INT64_MAX;
        q->func.fate = func;
        q->userdata = userdata;
        return store_push(store, &q);
}

int store_read_topics(Store *store, size_t max, StoreTopicsFunc func, void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        r = request_new(&q, REQUEST_READ_TOPICS);
        if (r < 0)
                return r;
        q->max = max;
        q->func.topics = func;
        q->userdata = userdata;
        return store_push(store, &q);
}
