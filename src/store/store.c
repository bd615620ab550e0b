/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <string.h>

#include "store/store-with.h"
#include "store/worker.h"
#include "util/clock.h"

#define RETRY_USEC USEC_PER_SEC

struct Store {
        Worker *worker;
        TtlClock clock;
        StoreReplacedFunc replaced;
        void *userdata;
};

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

static void answer(Store *store, Requests *answers) {
        Request *q;

        while ((q = requests_take_first(answers))) {
                if (q->kind == REQUEST_REPLACED) {
                        if (store->replaced)
                                store->replaced(q->info, store->userdata);
                } else {
                        request_answer(q);
                }
                (void)request_free(q);
        }
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
        store->replaced = func;
        store->userdata = userdata;
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

/* What SQLite's integers hold. */
static bool seq_is_valid(uint64_t seq) {
        return seq > 0 && seq < INT64_MAX;
}

static int push(Store *store, Request **request) {
        int r = worker_push(store->worker, *request);

        if (r == 0)
                *request = NULL;
        return r;
}

static int copy(char **ret, const char *s) {
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

int store_put(Store *store, const StoreRecord *record, StoreDoneFunc func, void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (!seq_is_valid(record->seq) || record->expires_msec > INT64_MAX)
                return -EINVAL;
        r = request_new(&q, REQUEST_PUT);
        if (r < 0)
                return r;
        q->record = *record;
        q->record.message = message_ref(record->message);
        q->func.done = func;
        q->userdata = userdata;
        return push(store, &q);
}

int store_delete(Store *store, const uint64_t *seqs, size_t n) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (n == 0)
                return 0;
        r = request_new(&q, REQUEST_DELETE);
        if (r < 0)
                return r;
        q->seqs = reallocarray(NULL, n, sizeof(*seqs));
        if (!q->seqs)
                return -ENOMEM;
        memcpy(q->seqs, seqs, n * sizeof(*seqs));
        q->n = n;
        return push(store, &q);
}

int store_read(Store *store,
               uint64_t after,
               size_t max,
               size_t max_bytes,
               StoreReadFunc func,
               void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (after > INT64_MAX || max == 0)
                return -EINVAL;
        r = request_new(&q, REQUEST_READ);
        if (r < 0)
                return r;
        q->seq = after;
        q->max = max > INT32_MAX ? INT32_MAX : max;
        q->max_bytes = max_bytes;
        q->func.read = func;
        q->userdata = userdata;
        return push(store, &q);
}

int store_keep_incoming(Store *store, Message *message, uint64_t *ret_seq) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        r = request_new(&q, REQUEST_KEEP);
        if (r < 0)
                return r;
        q->record.message = message_ref(message);
        worker_call(store->worker, q);
        if (q->r < 0)
                return q->r;
        *ret_seq = q->seq;
        return 0;
}

int store_assign(Store *store, uint64_t seq, const char *const *clients, size_t n_clients) {
        _cleanup_(request_freep) Request *q = NULL;
        size_t size = 0;
        char *name;
        int r;

        for (size_t i = 0; i < n_clients; i++) {
                if (clients[i][0] == '\0')
                        return -EINVAL;
                size += strlen(clients[i]) + 1;
        }
        r = request_new(&q, REQUEST_ASSIGN);
        if (r < 0)
                return r;
        q->seq = seq;
        q->n = n_clients;
        q->names = name = malloc(size + 1);
        if (!name)
                return -ENOMEM;
        for (size_t i = 0; i < n_clients; i++)
                name = stpcpy(name, clients[i]) + 1;
        return push(store, &q);
}

int store_finish(Store *store, uint64_t seq, const char *client) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (client[0] == '\0')
                return -EINVAL;
        r = request_new(&q, REQUEST_FINISH);
        if (r == 0)
                r = copy(&q->client, client);
        if (r < 0)
                return r;
        q->seq = seq;
        return push(store, &q);
}

int store_read_incoming(Store *store,
                        const char *client,
                        uint64_t after,
                        size_t max,
                        StoreIncomingFunc func,
                        void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (after > INT64_MAX || max == 0)
                return -EINVAL;
        r = request_new(&q, REQUEST_READ_INCOMING);
        if (r == 0 && client)
                r = copy(&q->client, client);
        if (r < 0)
                return r;
        q->seq = after;
        q->max = max > INT32_MAX ? INT32_MAX : max;
        q->func.incoming = func;
        q->userdata = userdata;
        return push(store, &q);
}

int store_each_subscription(Store *store, StoreSubscriptionFunc func, void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        r = request_new(&q, REQUEST_READ_SUBSCRIPTIONS);
        if (r < 0)
                return r;
        worker_call(store->worker, q);
        r = q->r;
        for (size_t i = 0; r >= 0 && i < q->subscriptions.n; i++) {
                const Subscription *s = &q->subscriptions.items[i];

                r = func(s->client, s->filter, s->qos, userdata);
        }
        return r < 0 ? r : 0;
}

static int change_subscription(Store *store,
                               Request *take,
                               const char *client,
                               const char *filter) {
        _cleanup_(request_freep) Request *q = take;
        int r;

        if (client[0] == '\0')
                return -EINVAL;
        r = copy(&q->client, client);
        if (r == 0)
                r = copy(&q->filter, filter);
        return r < 0 ? r : push(store, &q);
}

int store_subscribe(Store *store,
                    const char *client,
                    const char *filter,
                    int qos,
                    StoreDoneFunc func,
                    void *userdata) {
        Request *q = NULL;
        int r;

        r = request_new(&q, REQUEST_SUBSCRIBE);
        if (r < 0)
                return r;
        q->qos = qos;
        q->func.done = func;
        q->userdata = userdata;
        return change_subscription(store, q, client, filter);
}

int store_unsubscribe(Store *store,
                      const char *client,
                      const char *filter,
                      StoreDoneFunc func,
                      void *userdata) {
        Request *q = NULL;
        int r;

        r = request_new(&q, REQUEST_UNSUBSCRIBE);
        if (r < 0)
                return r;
        q->func.done = func;
        q->userdata = userdata;
        return change_subscription(store, q, client, filter);
}

void store_counters(Store *store, StoreCounters *ret) {
        worker_counters(store->worker, ret);
}

/* Being written */

void store_on_dropped(Store *store, StoreDroppedFunc func, void *userdata) {
        (void)store, (void)func, (void)userdata;
}

void store_on_unreadable(Store *store, StoreUnreadableFunc func, void *userdata) {
        (void)store, (void)func, (void)userdata;
}

void store_on_inbox_dropped(Store *store, StoreInboxDroppedFunc func, void *userdata) {
        (void)store, (void)func, (void)userdata;
}

int store_peek(Store *store,
               uint64_t after,
               size_t max,
               size_t max_bytes,
               StoreReadFunc func,
               void *userdata) {
        return store_read(store, after, max, max_bytes, func, userdata);
}

int store_give_up(Store *store, const uint64_t *seqs, size_t n, StoreFate why) {
        (void)why;
        return store_delete(store, seqs, n);
}

int store_ask(Store *store, uint64_t seq, StoreFateFunc func, void *userdata) {
        (void)store, (void)seq, (void)func, (void)userdata;
        return -EOPNOTSUPP;
}

int store_read_topics(Store *store, size_t max, StoreTopicsFunc func, void *userdata) {
        (void)store, (void)max, (void)func, (void)userdata;
        return -EOPNOTSUPP;
}

int store_touch(Store *store, const char *client) {
        (void)store, (void)client;
        return 0;
}

int store_forget_absent(Store *store,
                        uint64_t max_age_msec,
                        StoreForgottenFunc func,
                        void *userdata) {
        (void)store, (void)max_age_msec, (void)func, (void)userdata;
        return -EOPNOTSUPP;
}
