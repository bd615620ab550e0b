/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "message/topic.h"

typedef struct GuardFilter {
        char *filter;
        unsigned n_durable, n_others;
} GuardFilter;

struct Guard {
        pthread_mutex_t lock; /* of all the rest */
        Store *store;         /* NULL: none yet */
        bool known;           /* which are durable */
        GuardFilter *filters;
        size_t n_filters, size;
        size_t n_durable;       /* of the filters */
        uint64_t refused_epoch; /* in which a message was not kept */
        pthread_cond_t idle;
        bool keeping, shut;
};

int guard_new(Guard **ret) {
        Guard *guard = calloc(1, sizeof(*guard));

        if (!guard)
                return -ENOMEM;
        (void)pthread_mutex_init(&guard->lock, NULL);
        (void)pthread_cond_init(&guard->idle, NULL);
        *ret = guard;
        return 0;
}

Guard *guard_free(Guard *guard) {
        if (!guard)
                return NULL;
        for (size_t i = 0; i < guard->n_filters; i++)
                free(guard->filters[i].filter);
        free(guard->filters);
        (void)pthread_cond_destroy(&guard->idle);
        (void)pthread_mutex_destroy(&guard->lock);
        free(guard);
        return NULL;
}

/* The transport's thread */

static bool is_wanted(const Guard *guard, const char *topic, bool by_durable) {
        for (size_t i = 0; i < guard->n_filters; i++) {
                const GuardFilter *f = &guard->filters[i];

                if ((by_durable ? f->n_durable : f->n_others) > 0 &&
                    topic_matches(f->filter, topic))
                        return true;
        }
        return false;
}

/* 0: not to be kept; 1: in *@ret_store; -errno: it must be, and can't. */
static int decide(Guard *guard, uint64_t epoch, const Message *message, Store **ret_store) {
        if (guard->shut)
                return -ESHUTDOWN;
        if (message_payload_size(message) > MESSAGE_PAYLOAD_MAX)
                return 0; /* nobody gets it */
        if (!guard->known)
                return is_wanted(guard, message_topic(message), false) ? 0 : -EUNATCH;
        if (guard->n_durable == 0 || !is_wanted(guard, message_topic(message), true))
                return 0;
        if (!guard->store)
                return -EUNATCH; /* the filters are just being read from it */
        *ret_store = guard->store;
        return guard->refused_epoch == epoch ? -EAGAIN : 1;
}

/* One message at a time: the transport has one thread for them. */
static int keep(void *userdata, uint64_t epoch, Message *message, uint64_t *ret_kept) {
        Guard *guard = userdata;
        Store *store = NULL;
        int r;

        (void)pthread_mutex_lock(&guard->lock);
        r = decide(guard, epoch, message, &store);
        if (r > 0) {
                guard->keeping = true;
                (void)pthread_mutex_unlock(&guard->lock);
                r = store_keep_incoming(store, message, ret_kept);
                r = r < 0 ? r : 1;
                (void)pthread_mutex_lock(&guard->lock);
                guard->keeping = false;
                (void)pthread_cond_signal(&guard->idle);
        }
        if (r < 0)
                guard->refused_epoch = epoch;
        (void)pthread_mutex_unlock(&guard->lock);
        return r;
}

TransportKeeper guard_keeper(Guard *guard) {
        return (TransportKeeper){.keep = keep, .userdata = guard};
}

/* The loop thread */

void guard_shut(Guard *guard) {
        (void)pthread_mutex_lock(&guard->lock);
        guard->shut = true;
        while (guard->keeping)
                (void)pthread_cond_wait(&guard->idle, &guard->lock);
        (void)pthread_mutex_unlock(&guard->lock);
}

static GuardFilter *find(const Guard *guard, const char *filter) {
        for (size_t i = 0; i < guard->n_filters; i++)
                if (strcmp(guard->filters[i].filter, filter) == 0)
                        return &guard->filters[i];
        return NULL;
}

static int find_or_add(Guard *guard, const char *filter, GuardFilter **ret) {
        GuardFilter *found = find(guard, filter);

        if (!found) {
                char *copy;

                if (guard->n_filters == guard->size) {
                        size_t size = guard->size > 0 ? guard->size * 2 : 16;
                        GuardFilter *filters = reallocarray(guard->filters, size, sizeof(*filters));

                        if (!filters)
                                return -ENOMEM;
                        guard->filters = filters;
                        guard->size = size;
                }
                copy = strdup(filter);
                if (!copy)
                        return -ENOMEM;
                found = &guard->filters[guard->n_filters++];
                *found = (GuardFilter){.filter = copy};
        }
        *ret = found;
        return 0;
}

int guard_add(Guard *guard, const char *filter, bool durable) {
        GuardFilter *found = NULL;
        int r;

        (void)pthread_mutex_lock(&guard->lock);
        r = find_or_add(guard, filter, &found);
        if (r == 0 && durable)
                guard->n_durable += found->n_durable++ == 0;
        else if (r == 0)
                found->n_others++;
        (void)pthread_mutex_unlock(&guard->lock);
        return r;
}

void guard_remove(Guard *guard, const char *filter, bool durable) {
        GuardFilter *found;

        (void)pthread_mutex_lock(&guard->lock);
        found = find(guard, filter);
        if (durable)
                guard->n_durable -= --found->n_durable == 0;
        else
                found->n_others--;
        if (found->n_durable == 0 && found->n_others == 0) {
                free(found->filter);
                *found = guard->filters[--guard->n_filters];
        }
        (void)pthread_mutex_unlock(&guard->lock);
}

void guard_set_empty(Guard *guard) {
        (void)pthread_mutex_lock(&guard->lock);
        guard->known = true;
        (void)pthread_mutex_unlock(&guard->lock);
}

void guard_set_store(Guard *guard, Store *store) {
        (void)pthread_mutex_lock(&guard->lock);
        guard->store = store;
        guard->known = true;
        (void)pthread_mutex_unlock(&guard->lock);
}
