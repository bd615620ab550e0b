/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the store of durable clients, and what the store says of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "bridge/durable-internal.h"
#include "util/clock.h"
#include "util/log.h"

#define AGAIN_USEC (10 * USEC_PER_SEC)

/* When the absent are forgotten: not before those who start with the machine have had their time.
 */
#define FORGET_FIRST_USEC (60 * 60 * USEC_PER_SEC)
#define FORGET_USEC       (6 * 60 * 60 * USEC_PER_SEC)

/* What was dropped for one client is said at once, and then summed up. */
#define DROPPED_LINES_USEC (60 * 60 * USEC_PER_SEC)

static void on_probed(int r, void *userdata) {
        Durables *d = userdata;

        if (!durables_released(d))
                d->probed(r, d->probed_userdata);
}

int durables_probe(Durables *d, StoreDoneFunc func, void *userdata) {
        int r = d->loaded ? -ENOENT : -EAGAIN;

        d->probed = func;
        d->probed_userdata = userdata;
        for (const Durable *durable = d->first; durable && r == -ENOENT; durable = durable->next)
                for (const DurableFilter *f = durable->filters; f && r == -ENOENT; f = f->next)
                        if (f->on_disk && !f->ending)
                                r = store_subscribe(d->store, durable->key, f->subscription->filter,
                                                    1, on_probed, d);
        if (r == 0)
                d->n_pending++;
        return r;
}

/* What is in the store */

/* "1000:meter": 0 or -EBADMSG. */
static int parse_key(const char *key, uid_t *ret_uid, const char **ret_name) {
        char *end;
        unsigned long uid = strtoul(key, &end, 10);

        if (end == key || *end != ':' || end[1] == '\0')
                return -EBADMSG;
        *ret_uid = (uid_t)uid;
        *ret_name = end + 1;
        return 0;
}

const char *durable_why_unusable(int r, const char *problem) {
        switch (r) {
        case 0:
                return "no route in the configuration brings it down";
        case -EBADMSG:
                return problem ? problem : "it is not one of ours";
        case -EOPNOTSUPP:
                return "the routes bring it down with QoS 0";
        default:
                return "there are as many subscriptions as allowed already";
        }
}

/* Returns as subscription_new(). */
static int load_one(Durables *d, const char *key, const char *filter, const char **ret_problem) {
        const LocalId none = {.kind = LOCAL_ID_NONE};
        const LocalSubscribe request = {.id = &none, .filter = filter, .qos = 1, .durable = true};
        Durable *durable = durable_find_key(d, key);
        DurableFilter *f = NULL;
        const char *name;
        uid_t uid;
        int r;

        if (!durable) {
                r = parse_key(key, &uid, &name);
                if (r == 0)
                        r = durable_new(&durable, d, uid, name);
                if (r < 0)
                        return r;
                mailbox_set_seen(durable->mailbox, UINT64_MAX);
        }
        if (durable_filter_find(durable, filter))
                return 1; /* the reading was interrupted once */
        r = durable_filter_new(&f, durable, &request, ret_problem);
        if (r > 0)
                f->on_disk = f->established = f->subscription->answered = true;
        else if (durable->n_filters == 0)
                durable_free(durable);
        return r;
}

static int on_subscription(const char *key, const char *filter, int qos, void *userdata) {
        const char *problem = NULL;
        int r = load_one(userdata, key, filter, &problem);

        (void)qos; /* always 1 */
        if (r == -ENOMEM)
                return r;
        if (r <= 0)
                log_warning("The durable subscription of '%s' to '%s' is not made: %s. Its messages "
                            "are not received until the configuration allows it again",
                            key, filter, durable_why_unusable(r, problem));
        return 0;
}

static void on_dropped(const char *key, uint64_t n, void *userdata) {
        Durables *d = userdata;
        Durable *durable = key ? durable_find_key(d, key) : NULL;
        const LogField fields[] = {{"CLIENT", durable ? durable->name : NULL}};
        uint64_t now = clock_now_usec();

        d->dropped += n;
        if (!durable)
                return;
        durable->n_dropped_unsaid += n;
        if (durable->dropped_said_usec > 0 && now - durable->dropped_said_usec < DROPPED_LINES_USEC)
                return;
        log_event(LOG_EVENT_INBOX_DROPPED, fields, ARRAY_SIZE(fields),
                  "The inbox is full: dropped the oldest messages for the durable client '%s', "
                  "%" PRIu64 " since this was last said. Is the program still there?",
                  durable->name, durable->n_dropped_unsaid);
        durable->n_dropped_unsaid = 0;
        durable->dropped_said_usec = now;
}

static int read_all(Durables *d) {
        return store_each_subscription(d->store, on_subscription, d);
}

static void load(Durables *d) {
        int r = read_all(d);

        if (r < 0) {
                (void)log_error_errno(r, "Cannot read the durable subscriptions, trying again");
                return;
        }
        d->loaded = true;
        guard_set_store(d->world->guard, d->store);
        store_on_inbox_dropped(d->store, on_dropped, d);
        sorter_set_store(d->sorter, d->store);
}

void durables_set_store(Durables *d, Store *store) {
        d->store = store;
        load(d);
}

static void rewrite(Durable *durable) {
        for (DurableFilter *f = durable->filters; f; f = f->next)
                if (!f->ending && durable_filter_make(f) < 0)
                        log_error("The durable subscription of '%s' to '%s' could not be written to "
                                  "the store again: out of memory",
                                  durable->name, f->subscription->filter);
}

void durables_on_replaced(Durables *d) {
        if (!d->loaded)
                return;
        for (Durable *durable = d->first; durable; durable = durable->next) {
                rewrite(durable);
                if (durable->client)
                        mailbox_open(durable->mailbox, durable->client);
        }
        sorter_restart(d->sorter);
}

/* Forgetting */

static void on_forgotten(int r, const char *key, uint64_t n_messages, void *userdata) {
        Durables *d = userdata;
        Durable *durable = key && !d->dead ? durable_find_key(d, key) : NULL;
        const LogField fields[] = {{"CLIENT", durable ? durable->name : NULL}};

        if (!key) {
                if (!durables_released(d) && r < 0)
                        (void)log_error_errno(r, "Cannot look for durable clients that stay away");
                return;
        }
        if (!durable)
                return;
        if (durable->client || durable->recent) {
                rewrite(durable); /* it has just come back, and was told that it is subscribed */
                return;
        }
        log_event(LOG_EVENT_CLIENT_FORGOTTEN, fields, ARRAY_SIZE(fields),
                  "The durable client '%s' has stayed away for too long: ended its subscriptions, "
                  "with %" PRIu64 " messages that waited for it",
                  durable->name, n_messages);
        durable_free(durable);
}

void durables_forget(Durables *d, uint64_t max_age_msec) {
        for (Durable *durable = d->first; durable; durable = durable->next) {
                durable->recent = false;
                if (durable->client)
                        durable_touch(durable);
        }
        if (store_forget_absent(d->store, max_age_msec, on_forgotten, d) == 0)
                d->n_pending++;
}

void durables_pump_store(Durables *d, uint64_t now_usec) {
        if (!d->loaded && d->again_usec == USEC_INFINITY)
                d->again_usec = now_usec + AGAIN_USEC;
        if (now_usec >= d->again_usec) {
                d->again_usec = USEC_INFINITY;
                load(d);
        }
        if (d->forget_usec == USEC_INFINITY && d->config.forget_msec > 0)
                d->forget_usec = now_usec + FORGET_FIRST_USEC;
        if (now_usec >= d->forget_usec) {
                d->forget_usec = now_usec + FORGET_USEC;
                durables_forget(d, d->config.forget_msec);
        }
}

/* Other routes */

void durables_reroute_keep(Durables *d) {
        for (Durable *durable = d->first; durable; durable = durable->next)
                for (DurableFilter *f = durable->filters; f; f = f->next)
                        subscription_reroute_keep(d->world, f->subscription);
}

void durables_reroute_add(Durables *d) {
        for (Durable *durable = d->first; durable; durable = durable->next)
                for (DurableFilter *f = durable->filters; f; f = f->next)
                        durable_filter_reroute(f);
        /* Those that the routes did not allow when the store was read. */
        if (d->loaded && read_all(d) < 0)
                log_warning("Cannot read the durable subscriptions; those that could not be made "
                            "at the start are made at the next");
}
