/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Subscription
 *
 * A program's filter. Carried through the routes it becomes any number of remote filters, which are
 * shared with other subscriptions; it is settled when the cloud has answered for all of them.
 */

#include "bridge/guard.h"
#include "bridge/remotes.h"
#include "local/session.h"
#include "message/route.h"
#include "message/topic.h"

/* Of one program. */
#define SUBSCRIPTIONS_MAX 256U

typedef struct RemoteUse {
        RemoteFilter *remote;
        int qos; /* the most that comes this way, if the cloud grants it */
} RemoteUse;

typedef struct Subscription Subscription;

struct Subscription {
        Subscription *next;
        char *filter; /* local */
        int qos;
        bool durable;
        LocalId id;    /* of the request, until it is answered */
        bool answered; /* the program has had its ack */
        RemoteUse *uses;
        size_t n_uses;
};

/* What subscriptions are made of. */
typedef struct SubscriptionWorld {
        const RouteTable *routes;
        TopicLimits topics;
        Remotes remotes;
        Guard *guard;
} SubscriptionWorld;

/*
 * Makes one and asks the cloud for what it needs. Returns 1; 0 when no route brings anything down
 * that matches; -EBADMSG when the filter is not possible in the cloud, with a phrase in
 * @ret_problem that says why; -EOPNOTSUPP when it is durable and its routes let no QoS 1 through;
 * -EDQUOT; -ENOMEM.
 */
_warn_unused_ int subscription_new(Subscription **ret,
                                   SubscriptionWorld *world,
                                   const LocalSubscribe *request,
                                   const char **ret_problem);
Subscription *subscription_free(SubscriptionWorld *world, Subscription *subscription);

/*
 * Carries it through the world's routes once more, after these have changed. In two steps, each for
 * all subscriptions, with remotes_sweep() between them: the first keeps what is subscribed already,
 * the second asks for the rest. So the cloud hears only of the difference, and never has more than
 * before or after. The second returns as subscription_new(); in the end it has what it could get.
 */
void subscription_reroute_keep(SubscriptionWorld *world, Subscription *subscription);
_warn_unused_ int subscription_reroute_add(SubscriptionWorld *world,
                                           Subscription *subscription,
                                           const char **ret_problem);

/* Tells a program why subscription_new() has failed. */
void subscription_explain(LocalSession *session,
                          const LocalSubscribe *request,
                          int r,
                          const char *problem);

bool subscription_uses(const Subscription *subscription, const RemoteFilter *remote);

/* The most that messages will come with; -1: the cloud has not answered for everything. */
int subscription_granted(const Subscription *subscription);

/* Whether the cloud's answer will come without another connection or try. */
bool subscription_is_asked(const SubscriptionWorld *world, const Subscription *subscription);

/* Sends the ack that is still owed, if it is. */
void subscription_answer(Subscription *subscription, LocalSession *session, int qos, bool pending);

/* The same, once the cloud has answered or can't be asked now. */
void subscription_settle(const SubscriptionWorld *world,
                         Subscription *subscription,
                         LocalSession *session);
