/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>

#include "store/store-private.h"
#include "store/store-with.h"
#include "util/clock.h"

#define RETRY_USEC USEC_PER_SEC

int store_open_with(Store **ret,
                    const char *directory,
                    const StoreLimits *limits,
                    const char *vfs,
                    uint64_t retry_usec,
                    StoreInfo *ret_info) {
        _cleanup_(freep) Store *store = calloc(1, sizeof(*store));
        Keeper keeper;
        int r;

        if (!store)
                return -ENOMEM;
        r = keeper_init(&keeper, directory, limits, vfs, retry_usec, ret_info);
        if (r < 0)
                return r;
        r = worker_new(&store->worker, &keeper);
        if (r < 0) {
                keeper_done(&keeper);
                return r;
        }
        store->clock = keeper.place.clock;
        *ret = TAKE_PTR(store);
        return 0;
}

int store_open(Store **ret, const char *directory, const StoreLimits *limits, StoreInfo *ret_info) {
        return store_open_with(ret, directory, limits, NULL, RETRY_USEC, ret_info);
}

/* What nobody asked for, but someone may want to know. */
static void tell(const Store *store, const Request *q) {
        const StoreCallbacks *c = &store->callbacks;

        if (q->kind == REQUEST_REPLACED && q->info && c->replaced)
                c->replaced(q->info, c->replaced_userdata);
        if (q->kind == REQUEST_UNREADABLE && c->unreadable)
                c->unreadable(q->seq, q->last_seq, c->unreadable_userdata);
        if (q->kind == REQUEST_PUT && q->r == 0 && q->dropped.n > 0 && c->dropped)
                c->dropped(q->record.route, q->dropped.seqs, q->dropped.n, c->dropped_userdata);
        for (size_t i = 0; q->kind == REQUEST_INBOX_DROPPED && i < q->counts.n; i++) {
                const char *client = q->counts.items[i].client;

                if (c->inbox_dropped)
                        c->inbox_dropped(client[0] ? client : NULL, q->counts.items[i].n,
                                         c->inbox_dropped_userdata);
        }
}

static void answer(const Store *store, Requests *answers) {
        Request *q;

        while ((q = requests_take_first(answers))) {
                tell(store, q);
                request_answer(q);
                (void)request_free(q);
        }
}

void store_set_limits(Store *store, const StoreLimits *limits) {
        worker_set_limits(store->worker, limits);
}

void store_note_end(Store *store) {
        worker_note_end(store->worker);
}

Store *store_close(Store *store) {
        Requests answers = {0};

        if (!store)
                return NULL;
        worker_stop(store->worker, &answers);
        answer(store, &answers);
        (void)worker_free(store->worker);
        free(store);
        return NULL;
}

void store_on_replaced(Store *store, StoreReplacedFunc func, void *userdata) {
        store->callbacks.replaced = func;
        store->callbacks.replaced_userdata = userdata;
}

void store_on_dropped(Store *store, StoreDroppedFunc func, void *userdata) {
        store->callbacks.dropped = func;
        store->callbacks.dropped_userdata = userdata;
}

void store_on_unreadable(Store *store, StoreUnreadableFunc func, void *userdata) {
        store->callbacks.unreadable = func;
        store->callbacks.unreadable_userdata = userdata;
}

void store_on_inbox_dropped(Store *store, StoreInboxDroppedFunc func, void *userdata) {
        store->callbacks.inbox_dropped = func;
        store->callbacks.inbox_dropped_userdata = userdata;
}

uint64_t store_clock_msec(const Store *store) {
        return ttl_clock_msec(&store->clock);
}

int store_fd(const Store *store) {
        return worker_fd(store->worker);
}

void store_dispatch(Store *store) {
        Requests answers = {0};

        worker_answers(store->worker, &answers);
        answer(store, &answers);
}

int store_push(Store *store, Request **request) {
        int r = worker_push(store->worker, *request);

        if (r == 0)
                *request = NULL;
        return r;
}

void store_counters(Store *store, StoreCounters *ret) {
        worker_counters(store->worker, ret);
}
