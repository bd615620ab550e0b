/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of the old stream. A page may also hold copies of live messages: those that are live still,
 * and those that were finished while it was being read, are left out. A deletion is queued behind
 * the reading, so what was finished before is not in it.
 */
#include <errno.h>
#include <stdlib.h>

#include "bridge/backlog-internal.h"
#include "util/log.h"

/* How long to let a disk alone that could not be read. */
#define READ_AGAIN_USEC (10 * USEC_PER_SEC)

/* The same where there is no memory, or too much waits for the disk already. */
#define QUEUE_AGAIN_USEC (100 * USEC_PER_MSEC)

uint64_t backlog_oldest(const Backlog *backlog) {
        uint64_t read = backlog->old.first ? backlog->old.first->token : UINT64_MAX;
        uint64_t unread = backlog->follows ? backlog->read_seq + 1 : UINT64_MAX;

        return read < unread ? read : unread;
}

bool backlog_is_clear(Backlog *backlog, const char *topic) {
        uint64_t oldest = backlog_oldest(backlog);

        if (oldest == UINT64_MAX) {
                topic_table_done(&backlog->topics);
                return true;
        }
        return topic_table_is_clear(&backlog->topics, store_topic_hash(topic), oldest);
}

void backlog_note_old(Backlog *backlog, uint64_t seq, const char *topic) {
        /* What came before is in the lanes, though it may have a row on the disk too. */
        if (!backlog->follows)
                backlog->read_seq = seq - 1;
        backlog->follows = true;
        topic_table_add(&backlog->topics, store_topic_hash(topic), seq, backlog_oldest(backlog));
}

static void on_handed_back(int r, StoreRecord *records, size_t n, void *userdata) {
        for (size_t i = 0; r == 0 && i < n; i++)
                message_unref(records[i].message);
        (void)backlog_called(userdata);
}

/* The store keeps what it has handed out from giving way, until an earlier page is read. */
static void hand_back(Backlog *backlog) {
        if (store_read(backlog->store, backlog->read_seq, 1, 1, on_handed_back, backlog) == 0)
                backlog->n_calls++;
}

void backlog_read_again_from(Backlog *backlog, uint64_t seq) {
        if (!backlog->follows || backlog->read_seq >= seq)
                backlog->read_seq = seq - 1;
        backlog->follows = true;
        backlog->stale = backlog->reading;
        hand_back(backlog);
}

void backlog_note_gone(Backlog *backlog, uint64_t seq) {
        if (!backlog->reading || seq <= backlog->read_seq)
                return;
        if (backlog->n_gone == backlog->size_gone) {
                size_t size = backlog->size_gone == 0 ? 64 : backlog->size_gone * 2;
                uint64_t *gone = reallocarray(backlog->gone, size, sizeof(*gone));

                if (!gone) {
                        backlog->stale = true; /* the next page does not have it */
                        return;
                }
                backlog->gone = gone;
                backlog->size_gone = size;
        }
        backlog->gone[backlog->n_gone++] = seq;
}

static int compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static bool is_gone(const Backlog *backlog, uint64_t seq) {
        return backlog->n_gone > 0 && bsearch(&seq, backlog->gone, backlog->n_gone,
                                              sizeof(*backlog->gone), compare) != NULL;
}

/* After another file has come into its place, a page may have what is in the old lane already. */
static bool is_read(const Backlog *backlog, uint64_t seq) {
        const Lane *old = &backlog->old;

        return old->last && seq <= old->last->token && lane_find(old, seq);
}

/* Whether @seq is live. @at goes along the live lane, as the numbers of a page grow. */
static bool is_live(const Rising **at, uint64_t seq) {
        while (*at && ((*at)->storage == RISING_UNNUMBERED || (*at)->token < seq))
                *at = (*at)->next;
        return *at && (*at)->token == seq;
}

static Rising *rising_of(const Backlog *backlog, const StoreRecord *record) {
        static const RouteWhenFull policies[] = {
                        [STORE_REFUSE] = ROUTE_REFUSE,
                        [STORE_DROP_OLDEST] = ROUTE_DROP_OLDEST,
                        [STORE_KEEP_LATEST] = ROUTE_KEEP_LATEST,
        };
        uint64_t now = clock_now_usec(), clock = store_clock_msec(backlog->store);
        uint64_t wall = clock_wall_msec(), age = 0;
        Rising *rising = calloc(1, sizeof(*rising));

        if (!rising)
                return NULL;
        if (wall > record->accepted_wall_msec)
                age = (wall - record->accepted_wall_msec) * USEC_PER_MSEC;
        *rising = (Rising){.message = record->message,
                           .token = record->seq,
                           .accepted_usec = age < now ? now - age : 0,
                           .expires_usec = USEC_INFINITY,
                           .storage = RISING_STORED,
                           .route = record->route,
                           .when_full = policies[record->when_full]};
        if (record->expires_msec > clock)
                rising->expires_usec = now + (record->expires_msec - clock) * USEC_PER_MSEC;
        else if (record->expires_msec > 0)
                rising->expires_usec = 0;
        return rising;
}

/* Returns how many of them need not be read again; their messages are taken. */
static size_t take_page(Backlog *backlog, const StoreRecord *records, size_t n) {
        const Rising *at = backlog->live->first;

        if (backlog->n_gone > 0)
                qsort(backlog->gone, backlog->n_gone, sizeof(*backlog->gone), compare);
        for (size_t i = 0; i < n; i++) {
                Rising *rising;

                if (is_live(&at, records[i].seq) || is_gone(backlog, records[i].seq) ||
                    is_read(backlog, records[i].seq)) {
                        message_unref(records[i].message);
                        continue;
                }
                rising = rising_of(backlog, &records[i]);
                if (!rising)
                        return i;
                lane_insert(&backlog->old, rising);
        }
        return n;
}

static void on_page(Backlog *backlog, int r, const StoreRecord *records, size_t n) {
        bool replaced = backlog->replaced, stale = backlog->stale;
        size_t taken = 0;

        backlog->reading = backlog->replaced = backlog->stale = false;
        if (r < 0 && !replaced) {
                (void)log_error_errno(r, "Cannot read stored messages; trying again");
                backlog->read_again_usec = clock_now_usec() + READ_AGAIN_USEC;
        } else if (r == 0 && n == 0 && !stale) {
                /* What is still being written has a higher number and is read the next time. */
                backlog->follows = backlog->n_puts_old > 0;
        } else if (r == 0 && !stale) {
                taken = take_page(backlog, records, n);
                if (taken > 0)
                        backlog->read_seq = records[taken - 1].seq;
        }
        for (size_t i = taken; r == 0 && i < n; i++)
                message_unref(records[i].message);
        backlog->n_gone = 0;
}

static void on_read(int r, StoreRecord *records, size_t n, void *userdata) {
        Backlog *backlog = userdata;

        if (!backlog->dead) {
                on_page(backlog, r, records, n);
        } else {
                for (size_t i = 0; r == 0 && i < n; i++)
                        message_unref(records[i].message);
        }
        (void)backlog_called(backlog);
}

void backlog_load(Backlog *backlog, size_t max, size_t max_bytes, uint64_t now_usec) {
        if (!backlog->follows || backlog->reading || now_usec < backlog->read_again_usec)
                return;
        if (store_read(backlog->store, backlog->read_seq, max, max_bytes, on_read, backlog) < 0) {
                backlog->read_again_usec = now_usec + QUEUE_AGAIN_USEC;
                return;
        }
        backlog->reading = true;
        backlog->n_calls++;
}

uint64_t backlog_deadline_usec(const Backlog *backlog) {
        return backlog->follows && !backlog->reading ? backlog->read_again_usec : USEC_INFINITY;
}

/* Topics */

typedef struct Lesson {
        Backlog *backlog;
        uint64_t last_seq;
} Lesson;

static void on_topics(int r, const StoreTopic *topics, size_t n, void *userdata) {
        Lesson *lesson = userdata;
        Backlog *backlog = lesson->backlog;

        /* Else they stay one until all that was found has been delivered. */
        if (r == 0 && !backlog->dead)
                topic_table_learn(&backlog->topics, topics, n, lesson->last_seq);
        free(lesson);
        (void)backlog_called(backlog);
}

void backlog_learn_topics(Backlog *backlog, uint64_t last_seq) {
        Lesson *lesson = calloc(1, sizeof(*lesson));

        topic_table_raise(&backlog->topics, last_seq);
        if (!lesson)
                return;
        *lesson = (Lesson){.backlog = backlog, .last_seq = last_seq};
        if (store_read_topics(backlog->store, TOPICS_MAX / 2, on_topics, lesson) < 0)
                free(lesson);
        else
                backlog->n_calls++;
}
