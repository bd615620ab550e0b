/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's filter, carried through the routes, becomes any number of remote filters; programs
 * that need the same one share it. A subscription is answered when all its remote filters are
 * settled. While offline nothing can be settled: then the answer says "pending", and a refusal
 * that comes later is told with an error that names the filter.
 */
#include "bridge/downlink.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/log.h"

/* In the cloud, where it has no limit of its own; and for one program. */
#define REMOTES_MAX       4096U
#define SUBSCRIPTIONS_MAX 256U

#define SUBACK_REFUSED 0x80

struct RemoteFilter {
        RemoteFilter *next;
        char *filter;
        int qos;    /* the highest that anyone wants */
        int answer; /* the SUBACK's code on this connection; -1: none yet */
        uint64_t token;
        unsigned n_users;
};

struct Downlink {
        Link *link;
        Clients *clients;
        DownlinkConfig config;
        RemoteFilter *remotes;
        size_t n_remotes;
        uint64_t last_token;
        Meter received;
        uint64_t unwanted;
};

int downlink_new(Downlink **ret, Link *link, Clients *clients, const DownlinkConfig *config) {
        Downlink *downlink = calloc(1, sizeof(*downlink));

        if (!downlink)
                return -ENOMEM;
        downlink->link = link;
        downlink->clients = clients;
        downlink_set_config(downlink, config);
        *ret = downlink;
        return 0;
}

void downlink_set_config(Downlink *downlink, const DownlinkConfig *config) {
        downlink->config = *config;
        if (downlink->config.max_subscriptions == 0)
                downlink->config.max_subscriptions = REMOTES_MAX;
}

Downlink *downlink_free(Downlink *downlink) {
        if (!downlink)
                return NULL;
        /* Clients hold the remote filters: they go first. */
        assert(!downlink->remotes);
        free(downlink);
        return NULL;
}

/* Remote filters */

static void ask(Downlink *downlink, RemoteFilter *remote) {
        remote->answer = -1;
        remote->token = ++downlink->last_token;
        /* Offline, the next connection asks; without memory, only a new connection can. */
        if (link_is_online(downlink->link) &&
            link_subscribe(downlink->link, remote->token, remote->filter, remote->qos) < 0)
                remote->token = 0;
}

static RemoteFilter *find_remote(const Downlink *downlink, const char *filter) {
        RemoteFilter *remote = downlink->remotes;

        while (remote && strcmp(remote->filter, filter) != 0)
                remote = remote->next;
        return remote;
}

static int take_remote(Downlink *downlink, const char *filter, int qos, RemoteFilter **ret) {
        RemoteFilter *remote = find_remote(downlink, filter);

        if (!remote) {
                if (downlink->n_remotes >= downlink->config.max_subscriptions)
                        return -EDQUOT;
                remote = calloc(1, sizeof(*remote));
                if (!remote)
                        return -ENOMEM;
                remote->filter = strdup(filter);
                if (!remote->filter) {
                        free(remote);
                        return -ENOMEM;
                }
                remote->qos = -1;
                remote->next = downlink->remotes;
                downlink->remotes = remote;
                downlink->n_remotes++;
        }
        remote->n_users++;
        if (qos > remote->qos) {
                remote->qos = qos;
                ask(downlink, remote);
        }
        *ret = remote;
        return 0;
}

static void drop_remote(Downlink *downlink, RemoteFilter *remote) {
        RemoteFilter **place = &downlink->remotes;

        if (--remote->n_users > 0)
                return;
        while (*place != remote)
                place = &(*place)->next;
        *place = remote->next;
        downlink->n_remotes--;
        /* If it can't be told, its messages come unwanted until the next connection. */
        if (link_is_online(downlink->link) && remote->answer != SUBACK_REFUSED)
                (void)(link_unsubscribe(downlink->link, ++downlink->last_token, remote->filter) <
                       0);
        free(remote->filter);
        free(remote);
}

/* Subscriptions */

static void subscription_free(Downlink *downlink, Subscription *subscription) {
        for (size_t i = 0; i < subscription->n_remotes; i++)
                drop_remote(downlink, subscription->remotes[i]);
        free(subscription->remotes);
        free(subscription->filter);
        free(subscription);
}

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

static void discard(Downlink *downlink, Client *client, Subscription *subscription) {
        subscription_free(downlink, subscription);
        local_session_release(client->session);
}

static void answer(Client *client, Subscription *subscription, int qos, bool pending) {
        if (subscription->answered)
                return;
        subscription->answered = true;
        local_session_ack(client->session, &subscription->id, LOCAL_ACK_SUBSCRIBED, qos, pending);
}

/* Answers a subscription whose remote filters are all settled. */
static void settle(Client *client, Subscription *subscription) {
        int qos = subscription->qos;

        for (size_t i = 0; i < subscription->n_remotes; i++) {
                int granted = subscription->remotes[i]->answer;

                if (granted < 0)
                        return;
                if (granted < qos)
                        qos = granted;
        }
        answer(client, subscription, qos, false);
}

static bool uses(const Subscription *subscription, const RemoteFilter *remote) {
        for (size_t i = 0; i < subscription->n_remotes; i++)
                if (subscription->remotes[i] == remote)
                        return true;
        return false;
}

/* Making one */

typedef struct Making {
        Downlink *downlink;
        Subscription *subscription;
        const char *problem; /* with a remote name */
} Making;

static int add_remote(const char *name, int route_qos, void *userdata) {
        Making *making = userdata;
        Subscription *subscription = making->subscription;
        RemoteFilter **remotes, *remote = NULL;
        int qos = subscription->qos < route_qos ? subscription->qos : route_qos, r;

        making->problem = topic_filter_problem(name, &making->downlink->config.topics);
        if (making->problem)
                return -EBADMSG;
        remotes = reallocarray(subscription->remotes, subscription->n_remotes + 1,
                               sizeof(RemoteFilter *));
        if (!remotes)
                return -ENOMEM;
        subscription->remotes = remotes;
        r = take_remote(making->downlink, name, qos, &remote);
        if (r < 0)
                return r;
        remotes[subscription->n_remotes++] = remote;
        return 0;
}

static void refuse(Client *client, const LocalId *id, int r, const char *filter, const char *why) {
        if (r == 0)
                local_session_error(client->session, id, LOCAL_ERROR_BAD_TOPIC, filter,
                                    "no route in the configuration brings anything down that "
                                    "matches '%s'",
                                    filter);
        else if (r == -EBADMSG)
                local_session_error(client->session, id, LOCAL_ERROR_BAD_TOPIC, filter,
                                    "in the cloud, the filter '%s' %s", filter, why);
        else if (r == -EDQUOT)
                local_session_error(client->session, id, LOCAL_ERROR_QUOTA, filter,
                                    "there are as many subscriptions as allowed already");
        else
                local_session_error(client->session, id, LOCAL_ERROR_INTERNAL, filter,
                                    "out of memory");
}

static int make(Downlink *downlink,
                const LocalSubscribe *request,
                Subscription **ret,
                const char **ret_problem) {
        Making making = {.downlink = downlink};
        Subscription *subscription = calloc(1, sizeof(*subscription));
        int r;

        if (!subscription)
                return -ENOMEM;
        making.subscription = subscription;
        subscription->qos = request->qos;
        subscription->id = *request->id;
        subscription->filter = strdup(request->filter);
        if (subscription->filter)
                r = route_filter_down(downlink->config.routes, request->filter, add_remote,
                                      &making);
        else
                r = -ENOMEM;
        if (r <= 0) {
                *ret_problem = making.problem;
                subscription_free(downlink, subscription);
                return r;
        }
        *ret = subscription;
        return 1;
}

void downlink_subscribe(Downlink *downlink, Client *client, const LocalSubscribe *subscribe) {
        Subscription *subscription = NULL, *old;
        const char *problem = NULL;
        int r;

        /* The same filter again replaces the old subscription, after the new one is made, so that
         * remote filters which both use stay subscribed. */
        old = detach(client, subscribe->filter);
        if (!old && client->n_subscriptions >= SUBSCRIPTIONS_MAX)
                r = -EDQUOT;
        else
                r = make(downlink, subscribe, &subscription, &problem);
        if (old) {
                answer(client, old, old->qos, true);
                discard(downlink, client, old);
        }
        if (r <= 0) {
                refuse(client, subscribe->id, r, subscribe->filter, problem);
                return;
        }
        local_session_hold(client->session);
        subscription->next = client->subscriptions;
        client->subscriptions = subscription;
        client->n_subscriptions++;
        if (link_is_online(downlink->link))
                settle(client, subscription);
        else
                answer(client, subscription, subscription->qos, true);
}

void downlink_unsubscribe(Downlink *downlink,
                          Client *client,
                          const LocalId *id,
                          const char *filter) {
        Subscription *subscription = detach(client, filter);

        if (!subscription) {
                local_session_error(client->session, id, LOCAL_ERROR_BAD_REQUEST, filter,
                                    "'%s' is not subscribed", filter);
                return;
        }
        answer(client, subscription, subscription->qos, true);
        local_session_ack(client->session, id, LOCAL_ACK_UNSUBSCRIBED, -1, false);
        discard(downlink, client, subscription);
}

void downlink_forget(Downlink *downlink, Client *client) {
        while (client->subscriptions) {
                Subscription *subscription = client->subscriptions;

                client->subscriptions = subscription->next;
                client->n_subscriptions--;
                discard(downlink, client, subscription);
        }
}

/* The link's news */

void downlink_on_online(Downlink *downlink) {
        for (RemoteFilter *remote = downlink->remotes; remote; remote = remote->next)
                ask(downlink, remote);
}

void downlink_on_offline(Downlink *downlink) {
        for (RemoteFilter *remote = downlink->remotes; remote; remote = remote->next)
                remote->answer = -1;
        for (Client *client = downlink->clients->first; client; client = client->next)
                for (Subscription *s = client->subscriptions; s; s = s->next)
                        answer(client, s, s->qos, true);
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
                        if (uses(s, remote))
                                refused(downlink, client, remote->filter, s);
                }
        }
        drop_remote(downlink, remote);
}

void downlink_on_subscribed(Downlink *downlink, uint64_t token, int code) {
        RemoteFilter *remote = downlink->remotes;

        /* A filter that was dropped, or asked for again with more, waits for no older answer. */
        while (remote && remote->token != token)
                remote = remote->next;
        if (!remote)
                return;
        remote->answer = code;
        if (code >= SUBACK_REFUSED) {
                on_refused(downlink, remote);
                return;
        }
        for (Client *client = downlink->clients->first; client; client = client->next)
                for (Subscription *s = client->subscriptions; s; s = s->next)
                        if (uses(s, remote))
                                settle(client, s);
}

/* Messages */

typedef struct Delivery {
        Downlink *downlink;
        const Message *message;
        size_t n_receivers;
} Delivery;

static int best_qos(const Client *client, const char *topic) {
        int best = -1;

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
                if (best > qos)
                        best = qos;
                delivery->n_receivers++;
                local_session_message(client->session, topic, delivery->message, best,
                                      best > 0 ? ++client->last_mid : 0, false);
        }
        return 0;
}

void downlink_on_message(Downlink *downlink, const Message *message, uint64_t now_usec) {
        Delivery delivery = {.downlink = downlink, .message = message};
        int r;

        meter_add(&downlink->received, 1, now_usec);
        if (message_payload_size(message) > downlink->config.max_payload_bytes) {
                log_warning("Dropped a message of %zu bytes from the cloud on '%s': at most %zu "
                            "are passed on",
                            message_payload_size(message), message_topic(message),
                            downlink->config.max_payload_bytes);
                return;
        }
        r = route_down(downlink->config.routes, message_topic(message), deliver, &delivery);
        if (r < 0)
                log_error("Dropped a message from the cloud on '%s': out of memory",
                          message_topic(message));
        else if (delivery.n_receivers == 0)
                downlink->unwanted++;
}

void downlink_counters(const Downlink *downlink, DownlinkCounters *ret) {
        *ret = (DownlinkCounters){
                        .n_filters = downlink->n_remotes,
                        .received = downlink->received,
                        .unwanted = downlink->unwanted,
        };
}
