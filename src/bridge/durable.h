/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Durable
 *
 * Durable subscriptions. They belong to a name that a program gave with "hello", stand in the store
 * and hold while no program is there; so do the messages that match them, until the program says
 * that it is done. A name belongs to the user who used it first (and to root), as the kernel says;
 * of several programs under one name the newest gets the messages.
 */

#include "bridge/client.h"
#include "bridge/subscription.h"
#include "store/store.h"

typedef struct Durables Durables;

typedef struct DurablesConfig {
        size_t window_bytes;  /* of messages that one program has been sent and has not done */
        uint64_t forget_msec; /* clients that stay away for longer; 0: none are forgotten */
} DurablesConfig;

typedef struct DurablesCounters {
        size_t n_clients;
        uint64_t n_messages, bytes; /* in the inbox */
        uint64_t dropped;           /* for want of room there */
        int error;                  /* 0, or why the store's last change failed */
} DurablesCounters;

_warn_unused_ int durables_new(Durables **ret, SubscriptionWorld *world);
Durables *durables_free(Durables *durables);

void durables_set_config(Durables *durables, const DurablesConfig *config);

/* The routes have changed: see subscription_reroute_keep(). */
void durables_reroute_keep(Durables *durables);
void durables_reroute_add(Durables *durables);

/* From now on there can be durable subscriptions; makes those that are in the store. @store must
 * outlive the link. */
void durables_set_store(Durables *durables, Store *store);

/* The store is another file: the subscriptions are written into it once more, and what is in it
 * comes. */
void durables_on_replaced(Durables *durables);

/* A program's requests; answered here. Returns whether it was made, or will be. */
bool durables_subscribe(Durables *durables, Client *client, const LocalSubscribe *request);
/* Returns whether it was taken, and will be answered: false when there is no such subscription. */
bool durables_unsubscribe(Durables *durables,
                          Client *client,
                          const LocalId *id,
                          const char *filter);
void durables_done(Client *client, uint64_t mid);

/* The program goes away. */
void durables_leave(Client *client);

/* Whether messages of this local name are for the client. */
bool durable_wants(const Durable *durable, const char *name);

/* A message has come that was kept as @seq. */
void durables_on_kept(Durables *durables, uint64_t seq, Message *message);

/* The cloud has answered for a remote filter, or can't be asked any more. */
void durables_settle(Durables *durables);
void durables_on_refused(Durables *durables, const RemoteFilter *remote);

/* Ends the subscriptions of clients that stayed away for longer. */
void durables_forget(Durables *durables, uint64_t max_age_msec);

/* Writes something that is there already, to see whether the disk takes it. Returns 0, and @func is
 * called; -ENOENT when there are no durable subscriptions; or -errno. One at a time. */
_warn_unused_ int durables_probe(Durables *durables, StoreDoneFunc func, void *userdata);

/* Goes on after failures, forgets from time to time. */
void durables_pump(Durables *durables, uint64_t now_usec);
/* When that is due; USEC_INFINITY when it is not. After durables_pump(). */
uint64_t durables_deadline_usec(const Durables *durables);

void durables_counters(const Durables *durables, DurablesCounters *ret);

DEFINE_CLEANUP(Durables *, durables_free);
