/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscription is acknowledged when it is on the disk and the cloud has answered, and its end
 * when that is on the disk. Programs may ask for the one while the other is being written: what was
 * asked last counts, and everyone gets an answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/durable-internal.h"
#include "util/log.h"

/* What the store was asked to write. */
typedef struct Write {
        Durables *durables;
        DurableFilter *filter;
        bool ends;
        LocalSession *session; /* who waits for the end; NULL: nobody */
        LocalId id;
} Write;

int durable_filter_new(DurableFilter **ret,
                       Durable *durable,
                       const LocalSubscribe *request,
                       const char **ret_problem) {
        _cleanup_(freep) DurableFilter *f = calloc(1, sizeof(*f));
        int r;

        if (!f)
                return -ENOMEM;
        r = subscription_new(&f->subscription, durable->durables->world, request, ret_problem);
        if (r <= 0)
                return r;
        f->durable = durable;
        f->next = durable->filters;
        durable->filters = f;
        durable->n_filters++;
        *ret = TAKE_PTR(f);
        return 1;
}

void durable_filter_free(DurableFilter *f) {
        DurableFilter **place = &f->durable->filters;

        while (*place != f)
                place = &(*place)->next;
        *place = f->next;
        f->durable->n_filters--;
        subscription_free(f->durable->durables->world, f->subscription);
        free(f);
}

DurableFilter *durable_filter_find(const Durable *durable, const char *filter) {
        DurableFilter *f = durable->filters;

        while (f && strcmp(f->subscription->filter, filter) != 0)
                f = f->next;
        return f;
}

static void end(DurableFilter *f) {
        Durable *durable = f->durable;

        durable_filter_free(f);
        if (durable->n_filters == 0)
                durable_retire(durable);
}

/* Writing */

static void tell_unwritten(LocalSession *session, const LocalId *id, const char *filter, int r) {
        char words[96];

        local_session_error(session, id, r == -ENOSPC ? LOCAL_ERROR_FULL : LOCAL_ERROR_INTERNAL,
                            filter, "the durable subscription could not be written to the disk: %s",
                            strerror_r(-r, words, sizeof(words)));
}

static void on_made(DurableFilter *f, int r) {
        Subscription *s = f->subscription;

        if (r == 0)
                f->on_disk = true;
        if (f->on_disk) {
                durable_filter_settle(f);
                return;
        }
        if (f->n_writes > 0)
                return; /* what was asked last counts */
        if (!s->answered && f->durable->client)
                tell_unwritten(f->durable->client->session, &s->id, s->filter, r);
        end(f);
}

static void on_ended(DurableFilter *f, const Write *write, int r) {
        if (write->session && r < 0)
                tell_unwritten(write->session, &write->id, f->subscription->filter, r);
        else if (write->session)
                local_session_ack(write->session, &write->id, LOCAL_ACK_UNSUBSCRIBED, -1, false);
        if (r == 0)
                f->on_disk = false;
        else if (f->n_writes == 0) /* what was asked last counts */
                f->ending = false;
        if (f->ending && f->n_writes == 0)
                end(f);
}

static void write_free(Write *write) {
        if (write->session) {
                local_session_release(write->session);
                local_session_unref(write->session);
        }
        free(write);
}

static void on_written(int r, void *userdata) {
        Write *write = userdata;

        if (!durables_released(write->durables)) {
                DurableFilter *f = write->filter;

                f->n_writes--;
                if (write->ends)
                        on_ended(f, write, r);
                else
                        on_made(f, r);
        }
        write_free(write);
}

static int submit(DurableFilter *f, bool ends, LocalSession *session, const LocalId *id) {
        Durables *durables = f->durable->durables;
        const char *key = f->durable->key, *filter = f->subscription->filter;
        Write *write = calloc(1, sizeof(*write));
        int r;

        if (!write)
                return -ENOMEM;
        *write = (Write){.durables = durables, .filter = f, .ends = ends};
        if (session) {
                write->session = local_session_ref(session);
                write->id = *id;
                local_session_hold(session);
        }
        r = ends ? store_unsubscribe(durables->store, key, filter, on_written, write)
                 : store_subscribe(durables->store, key, filter, 1, on_written, write);
        if (r < 0) {
                write_free(write);
                return r;
        }
        f->n_writes++;
        f->durable->recent = true;
        durables->n_pending++;
        return 0;
}

int durable_filter_make(DurableFilter *f) {
        f->ending = false;
        return submit(f, false, NULL, NULL);
}

int durable_filter_end(DurableFilter *f, LocalSession *session, const LocalId *id) {
        int r = submit(f, true, session, id);

        if (r == 0)
                f->ending = true;
        return r;
}

/* The cloud's answer */

void durable_filter_settle(DurableFilter *f) {
        Durable *durable = f->durable;

        if (!f->on_disk || f->n_writes > 0 || f->ending || f->subscription->answered ||
            !durable->client)
                return;
        subscription_settle(durable->durables->world, f->subscription, durable->client->session);
        f->established = f->established || f->subscription->answered;
}

/* One that was asked for now is not made. One that was there before stays: its messages would be
 * lost for a mistake in the cloud's console that somebody mends tomorrow. */
void durable_filter_refused(DurableFilter *f, const char *remote) {
        Subscription *s = f->subscription;
        const LocalId *id = s->answered ? NULL : &s->id;

        if (f->durable->client)
                local_session_error(f->durable->client->session, id, LOCAL_ERROR_REJECTED,
                                    s->filter,
                                    "the cloud refused to subscribe '%s': check the topic's rights "
                                    "in the console%s",
                                    remote,
                                    f->established ? "; the durable subscription stays, and is "
                                                     "tried again with each connection"
                                                   : "");
        s->answered = true;
        if (f->established || f->ending)
                return;
        if (durable_filter_end(f, NULL, NULL) < 0)
                log_warning("The durable subscription of '%s' to '%s' could not be taken back; it "
                            "is tried again with each connection",
                            f->durable->name, s->filter);
}

/* Other routes */

void durable_filter_reroute(DurableFilter *f) {
        const Subscription *s = f->subscription;
        const char *problem = NULL;
        int r = subscription_reroute_add(f->durable->durables->world, f->subscription, &problem);

        /* It stays, as at a start: its messages would be lost for a mistake in a file. */
        if (r <= 0)
                log_warning("The durable subscription of '%s' to '%s' gets no messages by the "
                            "configuration as it is now: %s",
                            f->durable->name, s->filter, durable_why_unusable(r, problem));
}
