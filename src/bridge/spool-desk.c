/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is a job. The first of the queue gets a page of the store, then goes to the queue's
 * end, until a page shows that there is nothing more for it. For a drop this last page comes after
 * the deletion in the store's queue, so that the answer is given when it is done.
 */
#include "bridge/spool-desk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "message/topic.h"
#include "util/clock.h"
#include "util/log.h"

/* Pages that are read from the disk; payloads are read with them. */
#define PAGE_MESSAGES 256U
#define PAGE_BYTES    ((size_t)256 * 1024)

/* Names of one answer, together: the message after which it is full. */
#define LIST_BYTES ((size_t)256 * 1024)

typedef struct Job {
        struct Job *next;
        LocalSession *session; /* a reference, and held */
        bool forgotten;        /* nobody waits for the answer any more */
        LocalId id;
        bool drops;
        char *filter; /* NULL: all */
        uint64_t after, until;

        /* list */
        LocalSpooled *items;
        char **topics; /* of the items */
        size_t n_items, max_items, topic_bytes;

        uint64_t receipt, n_dropped; /* drop */
} Job;

struct SpoolDesk {
        SpoolDeskHandler handler;
        Store *store;
        Job *first, **end; /* whose turn it is; a page for the first is being read, or nothing is */
        bool dead;         /* freed, but the store will still call */
};

static void next_page(SpoolDesk *desk);

int spool_desk_new(SpoolDesk **ret, const SpoolDeskHandler *handler) {
        SpoolDesk *desk = calloc(1, sizeof(*desk));

        if (!desk)
                return -ENOMEM;
        desk->handler = *handler;
        desk->end = &desk->first;
        *ret = desk;
        return 0;
}

void spool_desk_set_store(SpoolDesk *desk, Store *store) {
        desk->store = store;
}

/* Jobs */

static void job_free(Job *job) {
        for (size_t i = 0; i < job->n_items; i++)
                free(job->topics[i]);
        free(job->topics);
        free(job->items);
        free(job->filter);
        if (!job->forgotten)
                local_session_release(job->session);
        local_session_unref(job->session);
        free(job);
}

static Job *take_first(SpoolDesk *desk) {
        Job *job = desk->first;

        desk->first = job->next;
        if (!desk->first)
                desk->end = &desk->first;
        job->next = NULL;
        return job;
}

static void append(SpoolDesk *desk, Job *job) {
        *desk->end = job;
        desk->end = &job->next;
}

static int job_new(Job **ret, LocalSession *session, const LocalSpool *request, uint64_t until) {
        Job *job = calloc(1, sizeof(*job));
        bool all = !request->filter || strcmp(request->filter, "#") == 0;

        if (!job)
                return -ENOMEM;
        *job = (Job){.id = *request->id,
                     .drops = request->action == LOCAL_SPOOL_DROP,
                     .after = request->after,
                     .until = until,
                     .max_items = request->limit,
                     .receipt = request->receipt};
        /* As a filter "#" leaves out names that begin with '$'; here it is everything. */
        if (!all)
                job->filter = strdup(request->filter);
        if (!job->drops) {
                job->items = calloc(job->max_items, sizeof(*job->items));
                job->topics = calloc(job->max_items, sizeof(*job->topics));
        }
        if ((!all && !job->filter) || (!job->drops && (!job->items || !job->topics))) {
                free(job->filter);
                free(job->topics);
                free(job->items);
                free(job);
                return -ENOMEM;
        }
        if (job->receipt > 0) {
                job->after = job->receipt - 1;
                job->until = job->receipt + 1;
        }
        job->session = local_session_ref(session);
        local_session_hold(session);
        *ret = job;
        return 0;
}

/* Who did it is for the journal, also when it did not come to its end. */
static void log_drop(const Job *job) {
        const LocalSession *session = job->session;
        const char *filter = job->receipt > 0 ? NULL : job->filter ? job->filter : "#";
        char uid[24], pid[24], count[24], what[300];

        if (filter)
                (void)snprintf(what, sizeof(what), "for '%.250s'", filter);
        else
                (void)snprintf(what, sizeof(what), "with receipt %" PRIu64, job->receipt);
        (void)snprintf(uid, sizeof(uid), "%ju", (uintmax_t)local_session_uid(session));
        (void)snprintf(pid, sizeof(pid), "%jd", (intmax_t)local_session_pid(session));
        (void)snprintf(count, sizeof(count), "%" PRIu64, job->n_dropped);
        log_event(LOG_EVENT_SPOOL_CLEARED,
                  (const LogField[]){{"CLIENT", local_session_client(session)},
                                     {"CLIENT_PID", pid},
                                     {"CLIENT_UID", uid},
                                     {"FILTER", filter},
                                     {"MESSAGES", count}},
                  5,
                  "Program '%s' (pid %s, uid %s) dropped stored messages %s: %s will not be sent",
                  local_session_name(session), pid, uid, what, count);
}

static void finish(Job *job, LocalError error, const char *why) {
        if (job->drops && job->n_dropped > 0)
                log_drop(job);
        if (why && job->n_dropped > 0)
                local_session_error(job->session, &job->id, error, NULL,
                                    "%" PRIu64 " messages were dropped, then it ended: %s",
                                    job->n_dropped, why);
        else if (why)
                local_session_error(job->session, &job->id, error, NULL, "%s", why);
        else if (job->drops)
                local_session_dropped(job->session, &job->id, job->n_dropped);
        job_free(job);
}

static void finish_list(Job *job, bool more) {
        local_session_spool(job->session, &job->id, job->items, job->n_items,
                            more ? job->items[job->n_items - 1].receipt : 0);
        job_free(job);
}

/* Pages */

static bool is_wanted(const Job *job, const StoreRecord *record) {
        if (job->receipt > 0)
                return record->seq == job->receipt;
        return !job->filter || topic_matches(job->filter, message_topic(record->message));
}

static int add_item(Job *job, const StoreRecord *record, uint64_t now_msec) {
        char *topic = strdup(message_topic(record->message));
        LocalSpooled item = {.receipt = record->seq,
                             .topic = topic,
                             .size = message_payload_size(record->message),
                             .accepted_sec = record->accepted_wall_msec / 1000,
                             .expires_in_sec = -1};

        if (!topic)
                return -ENOMEM;
        if (record->expires_msec > now_msec)
                item.expires_in_sec = (int64_t)((record->expires_msec - now_msec + 999) / 1000);
        else if (record->expires_msec > 0)
                item.expires_in_sec = 0;
        job->topics[job->n_items] = topic;
        job->items[job->n_items++] = item;
        job->topic_bytes += strlen(topic);
        return 0;
}

/* Returns > 0 if the answer is full and there is more, 0 if the page was used up, or -errno. */
static int list_page(Job *job, const StoreRecord *records, size_t n, uint64_t now_msec) {
        for (size_t i = 0; i < n && records[i].seq < job->until; i++) {
                int r;

                if (!is_wanted(job, &records[i]))
                        continue;
                if (job->n_items == job->max_items || job->topic_bytes >= LIST_BYTES)
                        return 1;
                r = add_item(job, &records[i], now_msec);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int drop_page(SpoolDesk *desk, Job *job, const StoreRecord *records, size_t n) {
        uint64_t seqs[PAGE_MESSAGES];
        size_t n_seqs = 0;
        int r = 0;

        for (size_t i = 0; i < n && records[i].seq < job->until; i++)
                if (is_wanted(job, &records[i]))
                        seqs[n_seqs++] = records[i].seq;
        if (n_seqs > 0)
                r = desk->handler.drop(desk->handler.userdata, seqs, n_seqs);
        if (r == 0)
                job->n_dropped += n_seqs;
        return r;
}

static void on_job_page(SpoolDesk *desk, Job *job, int r, const StoreRecord *records, size_t n) {
        bool last = r == 0 && (n == 0 || records[0].seq >= job->until);

        if (job->forgotten && !job->drops) {
                job_free(job);
                return;
        }
        if (r == 0)
                r = job->drops ? drop_page(desk, job, records, n)
                               : list_page(job, records, n, store_clock_msec(desk->store));
        if (r < 0)
                finish(job, LOCAL_ERROR_INTERNAL,
                       r == -ENOMEM ? "out of memory"
                                    : "the store can't be used now; see the daemon's log");
        else if (!job->drops && (last || r > 0))
                finish_list(job, r > 0);
        else if (last)
                finish(job, 0, NULL);
        else {
                job->after = records[n - 1].seq;
                append(desk, job);
        }
}

static void on_page(int r, StoreRecord *records, size_t n, void *userdata) {
        SpoolDesk *desk = userdata;

        if (!desk->dead)
                on_job_page(desk, take_first(desk), r, records, n);
        for (size_t i = 0; r == 0 && i < n; i++)
                message_unref(records[i].message);
        if (desk->dead)
                free(desk);
        else
                next_page(desk);
}

static void next_page(SpoolDesk *desk) {
        while (desk->first) {
                int r = store_peek(desk->store, desk->first->after, PAGE_MESSAGES, PAGE_BYTES,
                                   on_page, desk);

                if (r == 0)
                        return;
                finish(take_first(desk), LOCAL_ERROR_FULL,
                       "more waits for the disk than it can do; try again later");
        }
}

/* Requests */

static bool has_job(const SpoolDesk *desk, const LocalSession *session) {
        for (const Job *job = desk->first; job; job = job->next)
                if (job->session == session)
                        return true;
        return false;
}

static bool may_drop(const LocalSession *session) {
        uid_t uid = local_session_uid(session);

        return uid == 0 || uid == geteuid();
}

void spool_desk_request(SpoolDesk *desk, LocalSession *session, const LocalSpool *request) {
        bool idle = !desk->first;
        Job *job = NULL;

        if (request->action == LOCAL_SPOOL_DROP && !may_drop(session))
                local_session_error(session, request->id, LOCAL_ERROR_DENIED, NULL,
                                    "only root, and the user that the daemon runs as, may drop "
                                    "stored messages");
        else if (!desk->store)
                local_session_error(session, request->id, LOCAL_ERROR_INTERNAL, NULL,
                                    "there is no store now, so nothing is stored; the daemon's "
                                    "log says why");
        else if (has_job(desk, session))
                local_session_error(session, request->id, LOCAL_ERROR_QUOTA, NULL,
                                    "the request before this one is not answered yet");
        else if (job_new(&job, session, request, desk->handler.next_seq(desk->handler.userdata)) <
                 0)
                local_session_error(session, request->id, LOCAL_ERROR_INTERNAL, NULL,
                                    "out of memory");
        else
                append(desk, job);
        if (idle)
                next_page(desk);
}

void spool_desk_forget(SpoolDesk *desk, const LocalSession *session) {
        for (Job *job = desk->first; job; job = job->next)
                if (job->session == session)
                        job->forgotten = true;
}

SpoolDesk *spool_desk_free(SpoolDesk *desk) {
        bool reading;

        if (!desk)
                return NULL;
        reading = desk->first;
        while (desk->first)
                finish(take_first(desk), LOCAL_ERROR_OFFLINE, "the daemon is stopping");
        desk->dead = true;
        if (!reading)
                free(desk);
        return NULL;
}
