/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What durable.c (the clients), durable-filter.c (the subscriptions of one) and durable-store.c
 * (what the store has of them) share.
 */

#include "bridge/durable.h"
#include "bridge/mailbox.h"
#include "bridge/sorter.h"

typedef struct DurableFilter DurableFilter;

/* One subscription. It is freed when it has ended on the disk, too. */
struct DurableFilter {
        DurableFilter *next;
        Durable *durable;
        Subscription *subscription;
        bool on_disk;
        bool established; /* has been acknowledged: stays when the cloud refuses it for once */
        bool ending;      /* matches nothing any more */
        unsigned n_writes;
};

struct Durable {
        Durable *next;
        Durables *durables;
        char *key; /* in the store: "UID:NAME" */
        const char *name;
        uid_t uid;
        DurableFilter *filters; /* none: its messages are being drained */
        size_t n_filters;
        Mailbox *mailbox;
        Client *client; /* NULL: no program is there */
        bool marked;    /* the message at hand is for it */
        bool recent;    /* someone has dealt with it since the absent were last looked for */
        uint64_t n_dropped_unsaid, dropped_said_usec;
};

struct Durables {
        SubscriptionWorld *world;
        DurablesConfig config;
        Store *store; /* NULL: there is none yet */
        bool loaded;  /* what was in it is known */
        Sorter *sorter;
        Durable *first;
        bool run_begun; /* a message has been kept in this run */
        uint64_t dropped;
        uint64_t again_usec, forget_usec; /* when to read them again; to look for the absent */
        StoreDoneFunc probed;
        void *probed_userdata;
        size_t n_pending; /* calls of the store's to come */
        bool dead;
};

/* A call of the store's has come: frees what was only waiting for it. Returns whether it was. */
bool durables_released(Durables *durables);

/* 0 or -ENOMEM. */
_warn_unused_ int durable_new(Durable **ret, Durables *durables, uid_t uid, const char *name);
void durable_free(Durable *durable);
Durable *durable_find_key(const Durables *durables, const char *key);
/* Tells the store that the client is here. */
void durable_touch(const Durable *durable);

/* Why a subscription is not there in the cloud, for people; @r is subscription_new()'s. */
const char *durable_why_unusable(int r, const char *problem);

void durables_pump_store(Durables *durables, uint64_t now_usec);

/* For a program that is there, or at start for none. Returns as subscription_new(). */
_warn_unused_ int durable_filter_new(DurableFilter **ret,
                                     Durable *durable,
                                     const LocalSubscribe *request,
                                     const char **ret_problem);
/* Takes it out of its client's list. */
void durable_filter_free(DurableFilter *filter);
DurableFilter *durable_filter_find(const Durable *durable, const char *filter);

/* Says so to the store, and to the program what came of it. 0 or -errno. */
_warn_unused_ int durable_filter_make(DurableFilter *filter);
_warn_unused_ int durable_filter_end(DurableFilter *filter,
                                     LocalSession *session,
                                     const LocalId *id);

/* Answers the program when everything is settled. */
void durable_filter_settle(DurableFilter *filter);
/* Asks for what the routes bring, after subscription_reroute_keep(). It stays in any case. */
void durable_filter_reroute(DurableFilter *filter);
void durable_filter_refused(DurableFilter *filter, const char *remote);

/* The client has no subscription any more. */
void durable_retire(Durable *durable);
