/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/backlog.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "bridge/store-log.h"
#include "util/log.h"

/* How long the end of the daemon may wait for the disk. */
#define END_USEC (2 * USEC_PER_SEC)

/* Messages that came before there was a store are numbered from here: they are never stored, and
 * their numbers must not be those of messages that are found in it. */
#define SEQ_WITHOUT_STORE (UINT64_C(1) << 63)

/* How long to let a disk alone that could not be read. */
#define READ_AGAIN_USEC (10 * USEC_PER_SEC)

static const char stopping[] =
                "the daemon is stopping; the message is stored and will be delivered";

/* A message on its way to the disk. */
typedef struct Put {
        Backlog *backlog;
        Lane *lane;     /* NULL: it is for the disk only */
        Rising *rising; /* of the lane; NULL: finished meanwhile */
        uint64_t seq;
        size_t bytes;
        Receipt receipt; /* of what is on disk only */
} Put;

/* A program that waits for the delivery of a message that is on disk only. */
typedef struct Waiter {
        struct Waiter *next;
        uint64_t seq;
        Receipt receipt;
} Waiter;

struct Backlog {
        Store *store;
        BacklogHandler handler;
        uint64_t next_seq;
        uint64_t read_seq; /* everything up to here has been in the lane */
        bool follows, reading;
        size_t n_puts, n_puts_disk_only, bytes;
        Waiter *first_waiter, *last_waiter; /* in order of seq */
        bool failing;                       /* the last write failed; said once */
        bool dead;                          /* freed, but the store will still call */
        uint64_t read_again_usec;           /* not before that, after a failure */
        uint64_t refused;                   /* not taken by the disk */
};

int backlog_new(Backlog **ret, const BacklogHandler *handler) {
        Backlog *backlog = calloc(1, sizeof(*backlog));

        if (!backlog)
                return -ENOMEM;
        backlog->handler = *handler;
        backlog->next_seq = SEQ_WITHOUT_STORE;
        *ret = backlog;
        return 0;
}

static void fail_waiters(Backlog *backlog, LocalError code, const char *text) {
        while (backlog->first_waiter) {
                Receipt receipt = backlog_claim(backlog, backlog->first_waiter->seq);

                receipt_fail(&receipt, code, text);
        }
}

/* When the file was damaged in mid-run, the store has begun a new one without what was in it. */
static void on_replaced(const StoreInfo *info, void *userdata) {
        Backlog *backlog = userdata;

        log_store_set_aside(info);
        if (info->next_seq > backlog->next_seq)
                backlog->next_seq = info->next_seq;
        fail_waiters(backlog, LOCAL_ERROR_INTERNAL,
                     "the message was stored, but the store turned out damaged: it may be lost");
        backlog->handler.replaced(backlog->handler.userdata);
}

void backlog_set_store(Backlog *backlog, Store *store, const StoreInfo *info) {
        backlog->store = store;
        backlog->next_seq = info->next_seq;
        backlog->follows = info->n_spooled > 0;
        store_on_replaced(store, on_replaced, backlog);
}

bool backlog_has_store(const Backlog *backlog) {
        return backlog->store;
}

const char *backlog_store_state(const Backlog *backlog) {
        if (!backlog->store)
                return "unusable";
        return backlog->failing ? "failing" : "good";
}

bool backlog_follows(const Backlog *backlog) {
        return backlog->follows;
}

uint64_t backlog_clock_msec(const Backlog *backlog) {
        return backlog->store ? store_clock_msec(backlog->store) : 0;
}

uint64_t backlog_next_seq(Backlog *backlog) {
        return backlog->next_seq++;
}

/* Waiters */

static void add_waiter(Backlog *backlog, uint64_t seq, Receipt *take_receipt) {
        Waiter *waiter = calloc(1, sizeof(*waiter));

        if (!waiter) {
                receipt_fail(take_receipt, LOCAL_ERROR_INTERNAL,
                             "the message is stored and will be delivered, but there is no memory "
                             "to tell when");
                return;
        }
        *waiter = (Waiter){.seq = seq, .receipt = receipt_take(take_receipt)};
        if (backlog->last_waiter)
                backlog->last_waiter->next = waiter;
        else
                backlog->first_waiter = waiter;
        backlog->last_waiter = waiter;
}

Receipt backlog_claim(Backlog *backlog, uint64_t seq) {
        Waiter *waiter = backlog->first_waiter;
        Receipt receipt;

        /* Messages are read in the order in which they were written, so it is the first or none. */
        if (!waiter || waiter->seq != seq)
                return (Receipt){0};
        receipt = receipt_take(&waiter->receipt);
        backlog->first_waiter = waiter->next;
        if (!waiter->next)
                backlog->last_waiter = NULL;
        free(waiter);
        return receipt;
}

/* Writing */

void backlog_refuse(Backlog *backlog, Receipt *receipt, int r) {
        backlog->refused++;
        if (r == -ENOSPC)
                receipt_fail(receipt, LOCAL_ERROR_FULL,
                             "the store is full; try again when some of it has been delivered");
        else if (r == -ENOBUFS)
                receipt_fail(receipt, LOCAL_ERROR_FULL,
                             "more waits for the disk than it can write; try again later");
        else if (r == -ENOMEM)
                receipt_fail(receipt, LOCAL_ERROR_INTERNAL, "out of memory");
        else
                receipt_fail(receipt, LOCAL_ERROR_INTERNAL,
                             "the message can't be stored; see the daemon's log");
}

static void say_failure(Backlog *backlog, int r) {
        char words[96];

        if (r == 0) {
                if (backlog->failing)
                        log_info("Messages can be stored again");
                backlog->failing = false;
                return;
        }
        if (!backlog->failing)
                log_event(LOG_EVENT_STORE_UNUSABLE, NULL, 0,
                          "Cannot store messages: %s. Those that nobody has acknowledged yet are "
                          "refused until this is over. Check the disk's room and health",
                          strerror_r(-r, words, sizeof(words)));
        backlog->failing = true;
}

/* The store calls back for every request, also after the backlog's end. */
static void free_if_unused(Backlog *backlog) {
        if (backlog->dead && backlog->n_puts == 0 && !backlog->reading)
                free(backlog);
}

static void on_lane_done(Backlog *backlog, const Put *put, int r) {
        Rising *rising = put->rising;

        rising->put = NULL;
        if (r < 0) {
                rising->storage = RISING_UNSTORABLE;
                backlog->handler.unstorable(backlog->handler.userdata, rising, r);
                return;
        }
        lane_stored(put->lane, rising);
        receipt_progress(&rising->receipt, LOCAL_ACK_STORED, 1);
}

static void on_disk_only_done(Backlog *backlog, Put *put, int r) {
        backlog->n_puts_disk_only--;
        if (r < 0) {
                backlog_refuse(backlog, &put->receipt, r);
                return;
        }
        receipt_progress(&put->receipt, LOCAL_ACK_STORED, 1);
        if (put->receipt.session && !backlog->dead)
                add_waiter(backlog, put->seq, &put->receipt);
        else
                receipt_fail(&put->receipt, LOCAL_ERROR_OFFLINE, stopping);
}

static void on_put_done(int r, void *userdata) {
        Put *put = userdata;
        Backlog *backlog = put->backlog;

        backlog->n_puts--;
        backlog->bytes -= put->bytes;
        say_failure(backlog, r);
        if (!put->lane)
                on_disk_only_done(backlog, put, r);
        else if (put->rising)
                on_lane_done(backlog, put, r);
        free(put);
        free_if_unused(backlog);
}

static int start_put(Backlog *backlog, Put *put, Message *message, uint64_t expires_msec) {
        const StoreRecord record = {.seq = put->seq,
                                    .message = message,
                                    .expires_msec = expires_msec,
                                    .accepted_wall_msec = clock_wall_msec()};
        int r;

        put->backlog = backlog;
        put->bytes = message_footprint(message);
        r = store_put(backlog->store, &record, on_put_done, put);
        if (r < 0)
                return r;
        backlog->n_puts++;
        backlog->bytes += put->bytes;
        return 0;
}

/* The store's time for a monotonic one. */
static uint64_t to_store_msec(const Backlog *backlog, uint64_t usec) {
        uint64_t now = clock_now_usec();

        if (usec == USEC_INFINITY)
                return 0;
        return backlog_clock_msec(backlog) + (usec > now ? usec - now : 0) / USEC_PER_MSEC;
}

void backlog_store_lane(Backlog *backlog, Lane *lane, uint64_t before_usec) {
        Rising *rising;

        if (!backlog->store)
                return;
        while ((rising = lane_next_unstored(lane, before_usec))) {
                Put *put = calloc(1, sizeof(*put));

                if (!put)
                        return; /* it stays in memory, and nobody is told more than that */
                *put = (Put){.lane = lane, .rising = rising, .seq = rising->token};
                if (start_put(backlog, put, rising->message,
                              to_store_msec(backlog, rising->expires_usec)) < 0) {
                        free(put);
                        return;
                }
                rising->put = put;
                rising->storage = RISING_WRITING;
        }
}

void backlog_add(Backlog *backlog, Message *message, Receipt *take_receipt, uint64_t expires_msec) {
        Put *put = calloc(1, sizeof(*put));
        int r = -ENOMEM;

        if (put) {
                put->seq = backlog_next_seq(backlog);
                r = start_put(backlog, put, message, expires_msec);
        }
        if (r < 0) {
                free(put);
                backlog_refuse(backlog, take_receipt, r);
                return;
        }
        put->receipt = receipt_take(take_receipt);
        backlog->n_puts_disk_only++;
        /* What came before is in the lane, though it may have a row on the disk too. */
        if (!backlog->follows)
                backlog->read_seq = put->seq - 1;
        backlog->follows = true;
}

void backlog_forget(Backlog *backlog, Rising *rising) {
        (void)backlog;
        rising->put->rising = NULL;
        rising->put = NULL;
}

void backlog_finish(Backlog *backlog, Rising *rising) {
        if (rising->put)
                rising->put->rising = NULL;
        /* The deletion is queued behind the writing. If it fails, the message is sent twice. */
        if (rising->storage == RISING_STORED || rising->storage == RISING_WRITING)
                if (store_delete(backlog->store, &rising->token, 1) < 0)
                        log_warning("A delivered message stays in the store: out of memory");
}

/* Reading */

static void on_read(int r, StoreRecord *records, size_t n, void *userdata) {
        Backlog *backlog = userdata;

        backlog->reading = false;
        if (backlog->dead) {
                for (size_t i = 0; r == 0 && i < n; i++)
                        message_unref(records[i].message);
                free_if_unused(backlog);
                return;
        }
        if (r < 0) {
                (void)log_error_errno(r, "Cannot read stored messages; trying again");
                backlog->read_again_usec = clock_now_usec() + READ_AGAIN_USEC;
                return;
        }
        if (n == 0) {
                /* What is still being written has a higher number and is read the next time. */
                backlog->follows = backlog->n_puts_disk_only > 0;
                return;
        }
        backlog->read_seq = records[n - 1].seq;
        backlog->handler.loaded(backlog->handler.userdata, records, n);
}

void backlog_load(Backlog *backlog, size_t max, size_t max_bytes, uint64_t now_usec) {
        if (!backlog->follows || backlog->reading || now_usec < backlog->read_again_usec)
                return;
        /* Without memory for it, the next turn tries again. */
        backlog->reading = store_read(backlog->store, backlog->read_seq, max, max_bytes, on_read,
                                      backlog) == 0;
}

uint64_t backlog_deadline_usec(const Backlog *backlog) {
        return backlog->follows && !backlog->reading ? backlog->read_again_usec : USEC_INFINITY;
}

/* Numbers and the end */

uint64_t backlog_size(const Backlog *backlog, const Lane *lane) {
        StoreCounters counters;

        if (!backlog->store)
                return 0;
        store_counters(backlog->store, &counters);
        return counters.n_spooled > lane->n_stored ? counters.n_spooled - lane->n_stored : 0;
}

size_t backlog_bytes(const Backlog *backlog) {
        return backlog->bytes;
}

uint64_t backlog_refused(const Backlog *backlog) {
        return backlog->refused;
}

void backlog_wait(Backlog *backlog) {
        uint64_t end = clock_now_usec() + END_USEC, now;

        while (backlog->n_puts > 0 && (now = clock_now_usec()) < end) {
                struct pollfd pfd = {.fd = store_fd(backlog->store), .events = POLLIN};

                if (poll(&pfd, 1, (int)((end - now) / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
                        return;
                store_dispatch(backlog->store);
        }
}

Backlog *backlog_free(Backlog *backlog) {
        if (!backlog)
                return NULL;
        fail_waiters(backlog, LOCAL_ERROR_OFFLINE, stopping);
        if (backlog->store)
                store_on_replaced(backlog->store, NULL, NULL);
        backlog->dead = true;
        free_if_unused(backlog);
        return NULL;
}
