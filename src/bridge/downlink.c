/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscription is answered when all its remote filters are settled. While offline nothing can be
 * settled: then the answer says "pending", and a refusal that comes later is told with an error
 * that names the filter.
 */
#include "bridge/downlink.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/holdback.h"
#include "bridge/subscription.h"
#include "util/clock.h"
#include "util/log.h"

struct Downlink {
        Link *link;
        Clients *clients;
        DownlinkConfig config;
        SubscriptionWorld world;
        Durables *durables;
        Holdback holdback;
        Meter received;
        uint64_t unwanted;
};

static void use_config(Downlink *downlink, const DownlinkConfig *config) {
        downlink->config = *config;
        downlink->world.routes = config->routes;
        downlink->world.topics = config->topics;
        remotes_set_max(&downlink->world.remotes, config->max_subscriptions);
        durables_set_config(downlink->durables, &config->durable);
}

int downlink_new(Downlink **ret,
                 Link *link,
                 Clients *clients,
                 Guard *guard,
                 const DownlinkConfig *config) {
        _cleanup_(freep) Downlink *downlink = calloc(1, sizeof(*downlink));
        int r;

        if (!downlink)
                return -ENOMEM;
        downlink->link = link;
        downlink->clients = clients;
        downlink->world.guard = guard;
        remotes_init(&downlink->world.remotes, link);
        r = durables_new(&downlink->durables, &downlink->world);
        if (r < 0)
                return r;
        holdback_init(&downlink->holdback, link, downlink->durables);
        use_config(downlink, config);
        *ret = TAKE_PTR(downlink);
        return 0;
}

Downlink *downlink_free(Downlink *downlink) {
        if (!downlink)
                return NULL;
        guard_shut(downlink->world.guard);
        durables_free(downlink->durables);
        /* Clients hold the remote filters: they go first. */
        assert(!downlink->world.remotes.first);
        free(downlink);
        return NULL;
}

/* Subscriptions */

/* Takes it out of the client's list; NULL if there is none for this filter. */
static Subscription *detach(Client *client, const char *filter) {
        for (Subscription **place = &client->subscriptions; *place; place = &(*place)->next) {
                Subscription *found = *place;

                if (strcmp(found->filter, filter) == 0) {
                        *place = found->next;
                        client->n_subscriptions--;
                        return found;
                }
        }
        return NULL;
}

static void discard(Downlink *downlink, Client *client, Subscription *take_subscription) {
        subscription_free(&downlink->world, take_subscription);
        local_session_release(client->session);
}

/* The old one for this filter, if there is one, makes way for its successor. */
static void replace(Downlink *downlink, Client *client, Subscription *take_old) {
        if (!take_old)
                return;
        subscription_answer(take_old, client->session, take_old->qos, true);
        discard(downlink, client, take_old);
}

void downlink_subscribe(Downlink *downlink, Client *client, const LocalSubscribe *subscribe) {
        Subscription *subscription = NULL, *old;
        const char *problem = NULL;
        int r;

        if (subscribe->durable) {
                if (durables_subscribe(downlink->durables, client, subscribe))
                        replace(downlink, client, detach(client, subscribe->filter));
                return;
        }
        /* The same filter again replaces the old subscription, after the new one is made, so that
         * remote filters which both use stay subscribed. */
        old = detach(client, subscribe->filter);
        if (!old && client->n_subscriptions >= SUBSCRIPTIONS_MAX)
                r = -EDQUOT;
        else
                r = subscription_new(&subscription, &downlink->world, subscribe, &problem);
        replace(downlink, client, old);
        if (r <= 0) {
                subscription_explain(client->session, subscribe, r, problem);
                return;
        }
        local_session_hold(client->session);
        subscription->next = client->subscriptions;
        client->subscriptions = subscription;
        client->n_subscriptions++;
        subscription_settle(&downlink->world, subscription, client->session);
}

void downlink_unsubscribe(Downlink *downlink,
                          Client *client,
                          const LocalId *id,
                          const char *filter) {
        Subscription *subscription = detach(client, filter);

        replace(downlink, client, subscription);
        /* The same filter may be durable, too: then the answer waits for the disk. */
        if (durables_unsubscribe(downlink->durables, client, id, filter))
                return;
        if (subscription)
                local_session_ack(client->session, id, LOCAL_ACK_UNSUBSCRIBED, -1, false);
        else
                local_session_error(client->session, id, LOCAL_ERROR_BAD_REQUEST, filter,
                                    "'%s' is not subscribed", filter);
}

void downlink_forget(Downlink *downlink, Client *client) {
        while (client->subscriptions) {
                Subscription *subscription = client->subscriptions;

                client->subscriptions = subscription->next;
                client->n_subscriptions--;
                discard(downlink, client, subscription);
        }
        durables_leave(client);
}

void downlink_done(Downlink *downlink, Client *client, uint64_t mid) {
        (void)downlink;
        durables_done(client, mid);
}

void downlink_set_store(Downlink *downlink, Store *store) {
        durables_set_store(downlink->durables, store);
}

void downlink_on_store_replaced(Downlink *downlink) {
        durables_on_replaced(downlink->durables);
}

void downlink_forget_absent(Downlink *downlink, uint64_t max_age_msec) {
        durables_forget(downlink->durables, max_age_msec);
}

/* The link's news */

static void settle_all(Downlink *downlink) {
        for (Client *client = downlink->clients->first; client; client = client->next)
                for (Subscription *s = client->subscriptions; s; s = s->next)
                        subscription_settle(&downlink->world, s, client->session);
        durables_settle(downlink->durables);
}

void downlink_on_online(Downlink *downlink, uint64_t now_usec) {
        remotes_on_online(&downlink->world.remotes);
        holdback_on_online(&downlink->holdback, now_usec);
}

void downlink_on_offline(Downlink *downlink) {
        remotes_on_offline(&downlink->world.remotes);
        holdback_on_offline(&downlink->holdback);
        settle_all(downlink);
}

/* Other routes */

static void reroute_add(Downlink *downlink, Client *client, Subscription *s) {
        const LocalSubscribe request = {.id = s->answered ? NULL : &s->id, .filter = s->filter};
        const char *problem = NULL;
        int r = subscription_reroute_add(&downlink->world, s, &problem);

        if (r > 0)
                return;
        subscription_explain(client->session, &request, r, problem);
        discard(downlink, client, detach(client, s->filter));
}

void downlink_set_config(Downlink *downlink, const DownlinkConfig *config) {
        use_config(downlink, config);
        for (Client *client = downlink->clients->first; client; client = client->next)
                for (Subscription *s = client->subscriptions; s; s = s->next)
                        subscription_reroute_keep(&downlink->world, s);
        durables_reroute_keep(downlink->durables);
        remotes_sweep(&downlink->world.remotes);
        for (Client *client = downlink->clients->first; client; client = client->next)
                for (Subscription *s = client->subscriptions, *next; s; s = next) {
                        next = s->next;
                        reroute_add(downlink, client, s);
                }
        durables_reroute_add(downlink->durables);
        settle_all(downlink);
}

/* The cloud does not let us have @remote: whoever needs it is told and loses the subscription. */
static void refused(Downlink *downlink, Client *client, const char *remote, const Subscription *s) {
        Subscription *detached;

        local_session_error(client->session, s->answered ? NULL : &s->id, LOCAL_ERROR_REJECTED,
                            s->filter,
                            "the cloud refused to subscribe '%s': check the topic's rights in the "
                            "console",
                            remote);
        detached = detach(client, s->filter);
        assert(detached == s);
        discard(downlink, client, detached);
}

static void on_refused(Downlink *downlink, RemoteFilter *remote) {
        const LogField fields[] = {{"TOPIC", remote->filter}, {"REASON", "suback-refused"}};
        Client *next;

        log_event(LOG_EVENT_SUBSCRIPTION_REFUSED, fields, ARRAY_SIZE(fields),
                  "The cloud refused the subscription to '%s'. Check that the topic exists for "
                  "this device and that it may subscribe to it",
                  remote->filter);
        /* Kept until the last user is gone, whom this loop lets go. */
        remote->n_users++;
        for (Client *client = downlink->clients->first; client; client = next) {
                Subscription *s = client->subscriptions, *following;

                next = client->next;
                for (; s; s = following) {
                        following = s->next;
                        if (subscription_uses(s, remote))
                                refused(downlink, client, remote->filter, s);
                }
        }
        durables_on_refused(downlink->durables, remote);
        remotes_drop(&downlink->world.remotes, remote);
}

void downlink_on_subscribed(Downlink *downlink, uint64_t token, int code) {
        RemoteFilter *remote = remotes_on_answer(&downlink->world.remotes, token, code);

        if (remote && code >= SUBACK_REFUSED)
                on_refused(downlink, remote);
        else if (remote)
                settle_all(downlink);
}

void downlink_on_withheld(Downlink *downlink, int r, uint64_t now_usec) {
        holdback_on_withheld(&downlink->holdback, r, now_usec);
}

/* Messages */

typedef struct Delivery {
        Downlink *downlink;
        const Message *message;
        bool kept;
        size_t n_receivers;
} Delivery;

/* The highest QoS that the client has asked for; -1: it doesn't want it. */
static int best_qos(const Client *client, const char *topic) {
        int best = client->durable && durable_wants(client->durable, topic) ? 1 : -1;

        for (const Subscription *s = client->subscriptions; s; s = s->next)
                if (s->qos > best && topic_matches(s->filter, topic))
                        best = s->qos;
        return best;
}

static int deliver(const char *topic, int route_qos, void *userdata) {
        Delivery *delivery = userdata;
        int qos = message_qos(delivery->message);
        Client *next;

        if (route_qos < qos)
                qos = route_qos;
        for (Client *client = delivery->downlink->clients->first; client; client = next) {
                int best = best_qos(client, topic);

                next = client->next; /* a client too slow for this one is gone after the call */
                if (best < 0)
                        continue;
                if (delivery->kept && qos > 0 && client->durable &&
                    durable_wants(client->durable, topic))
                        continue; /* comes from its mailbox */
                if (best > qos)
                        best = qos;
                delivery->n_receivers++;
                local_session_message(client->session, topic, delivery->message, best,
                                      best > 0 ? ++client->last_mid : 0, false);
        }
        return 0;
}

void downlink_on_message(Downlink *downlink, Message *message, uint64_t kept, uint64_t now_usec) {
        Delivery delivery = {.downlink = downlink, .message = message, .kept = kept > 0};
        int r;

        meter_add(&downlink->received, 1, now_usec);
        if (kept > 0)
                holdback_on_kept(&downlink->holdback);
        if (message_payload_size(message) > downlink->config.max_payload_bytes) {
                log_warning("Dropped a message of %zu bytes from the cloud on '%s': at most %zu "
                            "are passed on",
                            message_payload_size(message), message_topic(message),
                            downlink->config.max_payload_bytes);
                return;
        }
        r = route_down(downlink->config.routes, message_topic(message), deliver, &delivery);
        if (kept > 0)
                durables_on_kept(downlink->durables, kept, message);
        else if (r < 0)
                log_error("Dropped a message from the cloud on '%s': out of memory",
                          message_topic(message));
        else if (delivery.n_receivers == 0)
                downlink->unwanted++;
}

/* Time */

void downlink_pump(Downlink *downlink, uint64_t now_usec) {
        remotes_pump(&downlink->world.remotes, now_usec);
        durables_pump(downlink->durables, now_usec);
        holdback_pump(&downlink->holdback, now_usec);
}

static uint64_t min_usec(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

uint64_t downlink_deadline_usec(const Downlink *downlink) {
        return min_usec(downlink->world.remotes.again_usec,
                        min_usec(durables_deadline_usec(downlink->durables),
                                 holdback_deadline_usec(&downlink->holdback)));
}

void downlink_counters(const Downlink *downlink, DownlinkCounters *ret) {
        *ret = (DownlinkCounters){
                        .n_filters = downlink->world.remotes.n,
                        .received = downlink->received,
                        .unwanted = downlink->unwanted,
                        .held_back = downlink->holdback.total,
        };
        durables_counters(downlink->durables, &ret->durable);
}
