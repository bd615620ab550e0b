/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/durable.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/durable-internal.h"
#include "util/clock.h"

/* Of the gateway, and of one user. */
#define CLIENTS_MAX      1024U
#define CLIENTS_USER_MAX 256U

static int sort(void *userdata, uint64_t seq, Message *message);

int durables_new(Durables **ret, SubscriptionWorld *world) {
        _cleanup_(freep) Durables *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->world = world;
        d->again_usec = d->forget_usec = USEC_INFINITY;
        r = sorter_new(&d->sorter, sort, d);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

void durables_set_config(Durables *d, const DurablesConfig *config) {
        d->config = *config;
        if (config->forget_msec == 0)
                d->forget_usec = USEC_INFINITY;
}

void durable_free(Durable *durable) {
        Durable **place = &durable->durables->first;

        while (*place != durable)
                place = &(*place)->next;
        *place = durable->next;
        while (durable->filters)
                durable_filter_free(durable->filters);
        mailbox_free(durable->mailbox);
        free(durable->key);
        free(durable);
}

Durables *durables_free(Durables *d) {
        if (!d)
                return NULL;
        if (d->store)
                store_on_inbox_dropped(d->store, NULL, NULL);
        while (d->first)
                durable_free(d->first);
        sorter_free(d->sorter);
        if (d->n_pending > 0)
                d->dead = true;
        else
                free(d);
        return NULL;
}

bool durables_released(Durables *d) {
        d->n_pending--;
        if (!d->dead)
                return false;
        if (d->n_pending == 0)
                free(d);
        return true;
}

/* Clients */

bool durable_wants(const Durable *durable, const char *name) {
        for (const DurableFilter *f = durable->filters; f; f = f->next)
                if (!f->ending && topic_matches(f->subscription->filter, name))
                        return true;
        return false;
}

typedef struct Names {
        const Durable *durable;
        RouteNameFunc func;
        void *userdata;
        int n;
} Names;

static int each_wanted(const char *name, int qos, void *userdata) {
        Names *names = userdata;

        if (qos == 0 || !durable_wants(names->durable, name))
                return 0;
        names->n++;
        return names->func(name, 1, names->userdata);
}

static int names_of(void *userdata, const Message *message, RouteNameFunc func, void *func_data) {
        const Durable *durable = userdata;
        Names names = {.durable = durable, .func = func, .userdata = func_data};
        int r = route_down(durable->durables->world->routes, message_topic(message), each_wanted,
                           &names);

        return r < 0 ? r : names.n;
}

int durable_new(Durable **ret, Durables *d, uid_t uid, const char *name) {
        _cleanup_(freep) Durable *durable = calloc(1, sizeof(*durable));
        _cleanup_(freep) char *key = NULL;
        int r;

        if (!durable || asprintf(&key, "%ju:%s", (uintmax_t)uid, name) < 0) {
                key = NULL;
                return -ENOMEM;
        }
        *durable = (Durable){.durables = d, .uid = uid, .name = strchr(key, ':') + 1};
        r = mailbox_new(&durable->mailbox, d->store, key, d->config.window_bytes, names_of,
                        durable);
        if (r < 0)
                return r;
        durable->key = TAKE_PTR(key);
        durable->next = d->first;
        d->first = durable;
        *ret = TAKE_PTR(durable);
        return 0;
}

Durable *durable_find_key(const Durables *d, const char *key) {
        Durable *durable = d->first;

        while (durable && strcmp(durable->key, key) != 0)
                durable = durable->next;
        return durable;
}

/* Whose name it is, and if it is nobody's, who was the last of this user's. */
static Durable *find_name(const Durables *d, const char *name, uid_t uid) {
        Durable *last = NULL;

        for (Durable *durable = d->first; durable; durable = durable->next) {
                if (strcmp(durable->name, name) != 0)
                        continue;
                if (durable->n_filters > 0)
                        return durable;
                if (durable->uid == uid)
                        last = durable;
        }
        return last;
}

void durable_touch(const Durable *durable) {
        /* Lazy, and said again from time to time. */
        (void)(store_touch(durable->durables->store, durable->key) < 0);
}

/* No program gets its messages any more. */
static void unbind(Durable *durable) {
        Client *client = durable->client;

        if (!client)
                return;
        for (DurableFilter *f = durable->filters; f; f = f->next)
                f->subscription->answered = true; /* nobody is there to hear it */
        mailbox_close(durable->mailbox);
        durable_touch(durable);
        durable->client = NULL;
        client->durable = NULL;
        local_session_release(client->session);
}

static void take_over(Durable *durable) {
        LocalSession *session = durable->client->session;

        for (DurableFilter *f = durable->filters; f; f = f->next)
                local_session_error(session,
                                    f->subscription->answered ? NULL : &f->subscription->id,
                                    LOCAL_ERROR_DENIED, f->subscription->filter,
                                    "another connection has taken over the durable subscriptions "
                                    "of \"%s\"",
                                    durable->name);
        unbind(durable);
}

static void bind(Durable *durable, Client *client) {
        if (durable->client == client)
                return;
        if (durable->client)
                take_over(durable);
        durable->client = client;
        durable->recent = true;
        client->durable = durable;
        local_session_hold(client->session);
        durable_touch(durable);
        mailbox_open(durable->mailbox, client);
}

void durable_retire(Durable *durable) {
        unbind(durable);
        mailbox_drain(durable->mailbox);
}

void durables_leave(Client *client) {
        if (client->durable)
                unbind(client->durable);
}

/* What programs ask for */

/* Whose subscriptions this connection may deal with. Returns 1; 0 when there are none of that name;
 * or -errno, and the program was told. */
static int find_own(const Durables *d,
                    Client *client,
                    const LocalId *id,
                    const char *filter,
                    Durable **ret) {
        LocalSession *session = client->session;
        const char *name = local_session_client(session);
        uid_t uid = local_session_uid(session);
        Durable *durable;

        if (!d->loaded) {
                local_session_error(session, id, LOCAL_ERROR_INTERNAL, filter,
                                    "there is no store for durable subscriptions now; the journal "
                                    "says why");
                return -ENODEV;
        }
        durable = find_name(d, name, uid);
        if (!durable)
                return 0;
        if (durable->uid != uid && uid != 0) {
                local_session_error(session, id, LOCAL_ERROR_DENIED, filter,
                                    "the durable subscriptions of \"%s\" belong to another user "
                                    "(uid %ju)",
                                    name, (uintmax_t)durable->uid);
                return -EPERM;
        }
        *ret = durable;
        return 1;
}

static bool has_place(const Durables *d, uid_t uid) {
        size_t n = 0, n_user = 0;

        for (const Durable *durable = d->first; durable; durable = durable->next) {
                n++;
                n_user += durable->uid == uid;
        }
        return n < CLIENTS_MAX && n_user < CLIENTS_USER_MAX;
}

/* Returns 1, or as subscription_new(). */
static int find_or_make(Durables *d, Client *client, Durable **durable) {
        uid_t uid = local_session_uid(client->session);

        if (*durable)
                return (*durable)->n_filters < SUBSCRIPTIONS_MAX ? 1 : -EDQUOT;
        if (!has_place(d, uid))
                return -EDQUOT;
        return durable_new(durable, d, uid, local_session_client(client->session)) < 0 ? -ENOMEM
                                                                                       : 1;
}

static int subscribe_new(Durables *d,
                         Client *client,
                         Durable *durable,
                         const LocalSubscribe *request,
                         const char **ret_problem) {
        DurableFilter *f = NULL;
        int r;

        r = find_or_make(d, client, &durable);
        if (r <= 0)
                return r;
        r = durable_filter_new(&f, durable, request, ret_problem);
        if (r > 0) {
                int w = durable_filter_make(f);

                if (w < 0) {
                        durable_filter_free(f);
                        r = -ENOMEM;
                }
        }
        if (r > 0)
                bind(durable, client);
        else if (durable->n_filters == 0)
                durable_retire(durable);
        return r;
}

/* It is there already; whether it is on the disk, or about to end, shows. Returns 1 or -errno. */
static int subscribe_again(DurableFilter *f, Client *client, const LocalSubscribe *request) {
        Subscription *s = f->subscription;

        if (f->durable->client == client)
                subscription_answer(s, client->session, s->qos, true);
        bind(f->durable, client);
        s->id = *request->id;
        s->answered = false;
        for (size_t i = 0; i < s->n_uses; i++)
                remotes_retry(&f->durable->durables->world->remotes, s->uses[i].remote);
        if (f->ending && durable_filter_make(f) < 0)
                return -ENOMEM;
        durable_filter_settle(f);
        return 1;
}

bool durables_subscribe(Durables *d, Client *client, const LocalSubscribe *request) {
        LocalSession *session = client->session;
        const char *problem = NULL;
        Durable *durable = NULL;
        DurableFilter *f = NULL;
        int r;

        if (request->qos == 0 || !local_session_client(session)) {
                local_session_error(session, request->id, LOCAL_ERROR_BAD_REQUEST, request->filter,
                                    request->qos == 0 ? "only QoS 1 can be durable"
                                                      : "durable subscriptions need a name: say "
                                                        "\"hello\" with \"client\" first");
                return false;
        }
        if (find_own(d, client, request->id, request->filter, &durable) < 0)
                return false;
        if (durable)
                f = durable_filter_find(durable, request->filter);
        r = f ? subscribe_again(f, client, request)
              : subscribe_new(d, client, durable, request, &problem);
        if (r <= 0)
                subscription_explain(session, request, r, problem);
        return r > 0;
}

bool durables_unsubscribe(Durables *d, Client *client, const LocalId *id, const char *filter) {
        Durable *durable = NULL;
        DurableFilter *f;

        if (!local_session_client(client->session) || !d->loaded)
                return false;
        if (find_own(d, client, id, filter, &durable) < 0)
                return true;
        f = durable ? durable_filter_find(durable, filter) : NULL;
        if (!f || f->ending)
                return false;
        if (f->durable->client == client)
                subscription_answer(f->subscription, client->session, f->subscription->qos, true);
        if (durable_filter_end(f, client->session, id) < 0)
                local_session_error(client->session, id, LOCAL_ERROR_INTERNAL, filter,
                                    "out of memory");
        return true;
}

void durables_done(Client *client, uint64_t mid) {
        if (client->durable)
                (void)mailbox_done(client->durable->mailbox, mid);
}

/* Messages */

static int mark(const char *name, int qos, void *userdata) {
        Durables *d = userdata;

        for (Durable *durable = d->first; qos > 0 && durable; durable = durable->next)
                durable->marked = durable->marked || durable_wants(durable, name);
        return 0;
}

static int assign(Durables *d, uint64_t seq) {
        _cleanup_(freep) const char **keys = NULL;
        size_t n = 0, i = 0;

        for (const Durable *durable = d->first; durable; durable = durable->next)
                n += durable->marked;
        keys = reallocarray(NULL, n + 1, sizeof(*keys));
        if (!keys)
                return -ENOMEM;
        for (const Durable *durable = d->first; durable; durable = durable->next)
                if (durable->marked)
                        keys[i++] = durable->key;
        return store_assign(d->store, seq, keys, n);
}

static int sort(void *userdata, uint64_t seq, Message *message) {
        Durables *d = userdata;
        int r;

        for (Durable *durable = d->first; durable; durable = durable->next)
                durable->marked = false;
        r = route_down(d->world->routes, message_topic(message), mark, d);
        if (r >= 0)
                r = assign(d, seq);
        if (r < 0)
                return r;
        for (Durable *durable = d->first; durable; durable = durable->next)
                if (durable->marked)
                        mailbox_offer(durable->mailbox, seq, message);
        return 0;
}

void durables_on_kept(Durables *d, uint64_t seq, Message *message) {
        /* What an earlier run has kept may have been sent by it; from here on it can't. */
        if (!d->run_begun)
                for (Durable *durable = d->first; durable; durable = durable->next)
                        mailbox_set_seen(durable->mailbox, seq - 1);
        d->run_begun = true;
        sorter_take(d->sorter, seq, message);
}

void durables_settle(Durables *d) {
        for (Durable *durable = d->first; durable; durable = durable->next)
                for (DurableFilter *f = durable->filters; f; f = f->next)
                        durable_filter_settle(f);
}

void durables_on_refused(Durables *d, const RemoteFilter *remote) {
        for (Durable *durable = d->first; durable; durable = durable->next)
                for (DurableFilter *f = durable->filters; f; f = f->next)
                        if (subscription_uses(f->subscription, remote))
                                durable_filter_refused(f, remote->filter);
}

/* Time */

static void pump_clients(Durables *d, uint64_t now_usec) {
        Durable *next;

        for (Durable *durable = d->first; durable; durable = next) {
                next = durable->next;
                mailbox_pump(durable->mailbox, now_usec);
                if (durable->n_filters == 0 && mailbox_is_drained(durable->mailbox))
                        durable_free(durable);
        }
}

void durables_pump(Durables *d, uint64_t now_usec) {
        if (!d->store)
                return;
        durables_pump_store(d, now_usec);
        sorter_pump(d->sorter, now_usec);
        pump_clients(d, now_usec);
}

uint64_t durables_deadline_usec(const Durables *d) {
        uint64_t deadline = d->again_usec < d->forget_usec ? d->again_usec : d->forget_usec;
        uint64_t of_sorter = sorter_deadline_usec(d->sorter);

        if (of_sorter < deadline)
                deadline = of_sorter;
        for (const Durable *durable = d->first; durable; durable = durable->next) {
                uint64_t of_mailbox = mailbox_deadline_usec(durable->mailbox);

                if (of_mailbox < deadline)
                        deadline = of_mailbox;
        }
        return deadline;
}

void durables_counters(const Durables *d, DurablesCounters *ret) {
        StoreCounters store = {0};

        if (d->store)
                store_counters(d->store, &store);
        *ret = (DurablesCounters){.n_messages = store.n_incoming,
                                  .bytes = store.incoming_bytes,
                                  .dropped = d->dropped,
                                  .error = store.error};
        for (const Durable *durable = d->first; durable; durable = durable->next)
                ret->n_clients += durable->n_filters > 0;
}
