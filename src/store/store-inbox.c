/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "store/store-private.h"

static int copy(char **ret, const char *s) {
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
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
        q->names_size = size;
        q->names = name = malloc(size + 1);
        if (!name)
                return -ENOMEM;
        for (size_t i = 0; i < n_clients; i++)
                name = stpcpy(name, clients[i]) + 1;
        return store_push(store, &q);
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
        return store_push(store, &q);
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
        return store_push(store, &q);
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
        return r < 0 ? r : store_push(store, &q);
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

int store_touch(Store *store, const char *client) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        if (client[0] == '\0')
                return -EINVAL;
        r = request_new(&q, REQUEST_TOUCH);
        if (r == 0)
                r = copy(&q->client, client);
        return r < 0 ? r : store_push(store, &q);
}

int store_forget_absent(Store *store,
                        uint64_t max_age_msec,
                        StoreForgottenFunc func,
                        void *userdata) {
        _cleanup_(request_freep) Request *q = NULL;
        int r;

        r = request_new(&q, REQUEST_FORGET);
        if (r < 0)
                return r;
        q->forgetting.max_age_msec = max_age_msec;
        q->func.forgotten = func;
        q->userdata = userdata;
        return store_push(store, &q);
}
