/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/subscription.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Making {
        SubscriptionWorld *world;
        Subscription *subscription;
        const char *problem; /* with a remote name */
        size_t n_kept;       /* uses that need not be added */
} Making;

static int min_int(int a, int b) {
        return a < b ? a : b;
}

static int max_int(int a, int b) {
        return a > b ? a : b;
}

static int add_use(const char *name, int route_qos, void *userdata) {
        Making *making = userdata;
        Subscription *subscription = making->subscription;
        RemoteUse *uses, use = {.qos = min_int(subscription->qos, route_qos)};
        int r;

        making->problem = topic_filter_problem(name, &making->world->topics);
        if (making->problem)
                return -EBADMSG;
        uses = reallocarray(subscription->uses, subscription->n_uses + 1, sizeof(*uses));
        if (!uses)
                return -ENOMEM;
        subscription->uses = uses;
        r = guard_add(making->world->guard, name, subscription->durable && use.qos > 0);
        if (r < 0)
                return r;
        r = remotes_take(&making->world->remotes, name, use.qos, &use.remote);
        if (r < 0) {
                guard_remove(making->world->guard, name, subscription->durable && use.qos > 0);
                return r;
        }
        uses[subscription->n_uses++] = use;
        return 0;
}

/* The most that its routes let through. */
static int best_qos(const Subscription *subscription) {
        int best = 0;

        for (size_t i = 0; i < subscription->n_uses; i++)
                best = max_int(best, subscription->uses[i].qos);
        return best;
}

int subscription_new(Subscription **ret,
                     SubscriptionWorld *world,
                     const LocalSubscribe *request,
                     const char **ret_problem) {
        Making making = {.world = world};
        Subscription *subscription = calloc(1, sizeof(*subscription));
        int r;

        if (!subscription)
                return -ENOMEM;
        making.subscription = subscription;
        subscription->qos = request->qos;
        subscription->durable = request->durable;
        subscription->id = *request->id;
        subscription->filter = strdup(request->filter);
        if (subscription->filter)
                r = route_filter_down(world->routes, request->filter, add_use, &making);
        else
                r = -ENOMEM;
        if (r > 0 && request->durable && best_qos(subscription) == 0)
                r = -EOPNOTSUPP;
        if (r <= 0) {
                *ret_problem = making.problem;
                subscription_free(world, subscription);
                return r;
        }
        *ret = subscription;
        return 1;
}

Subscription *subscription_free(SubscriptionWorld *world, Subscription *subscription) {
        if (!subscription)
                return NULL;
        for (size_t i = 0; i < subscription->n_uses; i++) {
                const RemoteUse *use = &subscription->uses[i];

                guard_remove(world->guard, use->remote->filter,
                             subscription->durable && use->qos > 0);
                remotes_drop(&world->remotes, use->remote);
        }
        free(subscription->uses);
        free(subscription->filter);
        free(subscription);
        return NULL;
}

static int keep_use(const char *name, int route_qos, void *userdata) {
        const Making *making = userdata;

        return remotes_has(&making->world->remotes, name) ? add_use(name, route_qos, userdata) : 0;
}

void subscription_reroute_keep(SubscriptionWorld *world, Subscription *subscription) {
        Making making = {.world = world, .subscription = subscription};
        RemoteUse *old = subscription->uses;
        size_t n_old = subscription->n_uses;

        subscription->uses = NULL;
        subscription->n_uses = 0;
        /* What fails here is tried again by the second step. */
        (void)(route_filter_down(world->routes, subscription->filter, keep_use, &making) < 0);
        /* Only now, so that the guard always knows what is durable. */
        for (size_t i = 0; i < n_old; i++) {
                guard_remove(world->guard, old[i].remote->filter,
                             subscription->durable && old[i].qos > 0);
                old[i].remote->n_users--;
        }
        free(old);
}

static int add_missing_use(const char *name, int route_qos, void *userdata) {
        const Making *making = userdata;

        for (size_t i = 0; i < making->n_kept; i++)
                if (strcmp(making->subscription->uses[i].remote->filter, name) == 0)
                        return 0;
        return add_use(name, route_qos, userdata);
}

int subscription_reroute_add(SubscriptionWorld *world,
                             Subscription *subscription,
                             const char **ret_problem) {
        Making making = {.world = world,
                         .subscription = subscription,
                         .n_kept = subscription->n_uses};
        int r = route_filter_down(world->routes, subscription->filter, add_missing_use, &making);

        if (r > 0 && subscription->durable && best_qos(subscription) == 0)
                r = -EOPNOTSUPP;
        if (r <= 0)
                *ret_problem = making.problem;
        return r > 0 ? 1 : r;
}

void subscription_explain(LocalSession *session,
                          const LocalSubscribe *request,
                          int r,
                          const char *problem) {
        const LocalId *id = request->id;
        const char *filter = request->filter;

        switch (r) {
        case 0:
                local_session_error(session, id, LOCAL_ERROR_BAD_TOPIC, filter,
                                    "no route in the configuration brings anything down that "
                                    "matches '%s'",
                                    filter);
                break;
        case -EBADMSG:
                local_session_error(session, id, LOCAL_ERROR_BAD_TOPIC, filter,
                                    "in the cloud, the filter '%s' %s", filter, problem);
                break;
        case -EOPNOTSUPP:
                local_session_error(session, id, LOCAL_ERROR_BAD_REQUEST, filter,
                                    "only QoS 1 can be durable, and the routes bring what matches "
                                    "'%s' down with QoS 0",
                                    filter);
                break;
        case -EDQUOT:
                local_session_error(session, id, LOCAL_ERROR_QUOTA, filter,
                                    "there are as many subscriptions as allowed already");
                break;
        default:
                local_session_error(session, id, LOCAL_ERROR_INTERNAL, filter, "out of memory");
        }
}

bool subscription_uses(const Subscription *subscription, const RemoteFilter *remote) {
        for (size_t i = 0; i < subscription->n_uses; i++)
                if (subscription->uses[i].remote == remote)
                        return true;
        return false;
}

int subscription_granted(const Subscription *subscription) {
        int best = 0;

        for (size_t i = 0; i < subscription->n_uses; i++) {
                const RemoteUse *use = &subscription->uses[i];

                if (use->remote->answer < 0)
                        return -1;
                if (use->remote->answer < SUBACK_REFUSED)
                        best = max_int(best, min_int(use->remote->answer, use->qos));
        }
        return best;
}

bool subscription_is_asked(const SubscriptionWorld *world, const Subscription *subscription) {
        for (size_t i = 0; i < subscription->n_uses; i++)
                if (!remotes_is_asked(&world->remotes, subscription->uses[i].remote))
                        return false;
        return true;
}

void subscription_answer(Subscription *subscription, LocalSession *session, int qos, bool pending) {
        if (subscription->answered)
                return;
        subscription->answered = true;
        local_session_ack(session, &subscription->id, LOCAL_ACK_SUBSCRIBED, qos, pending);
}

void subscription_settle(const SubscriptionWorld *world,
                         Subscription *subscription,
                         LocalSession *session) {
        int qos = subscription_granted(subscription);

        if (qos >= 0)
                subscription_answer(subscription, session, qos, false);
        else if (!subscription_is_asked(world, subscription))
                subscription_answer(subscription, session, subscription->qos, true);
}
