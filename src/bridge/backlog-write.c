/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "bridge/backlog-internal.h"
#include "util/log.h"

/* A message on its way to the disk. */
typedef struct Put {
        Backlog *backlog;
        Lane *lane;     /* of the copy */
        Rising *copied; /* stays in the lane; NULL: finished meanwhile, or on disk only */
        Rising *only;   /* is on disk only: ours until it is there */
        size_t bytes;
} Put;

static LocalError explain_refusal(int r, const char **ret_text) {
        switch (r) {
        case -ENOSPC:
                *ret_text = "the store is full; try again when some of it has been delivered";
                return LOCAL_ERROR_FULL;
        case -ENOBUFS:
                *ret_text = "more waits for the disk than it can write; try again later";
                return LOCAL_ERROR_FULL;
        case -ENOMEM:
                *ret_text = "out of memory";
                return LOCAL_ERROR_INTERNAL;
        default:
                *ret_text = "the message can't be stored; see the daemon's log";
                return LOCAL_ERROR_INTERNAL;
        }
}

/* Others may wait for it, too, if there was a copy on disk before. */
static void refuse(Backlog *backlog, Rising *rising, int r) {
        const char *text = NULL;
        LocalError code = explain_refusal(r, &text);

        backlog->refused++;
        receipt_fail(&rising->receipt, code, text);
        waiters_fail(&backlog->waiters, rising->token, code, text);
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
                          "refused until this is over. Check the disk's room and health, and "
                          "store.max_mebibytes and store.max_messages",
                          strerror_r(-r, words, sizeof(words)));
        backlog->failing = true;
}

static void copy_done(const Put *put, int r) {
        Rising *rising = put->copied;

        rising->put = NULL;
        if (r < 0) {
                /* Its PUBACK may still come. */
                rising->storage = RISING_UNSTORABLE;
                return;
        }
        lane_stored(put->lane, rising);
        receipt_progress(&rising->receipt, LOCAL_ACK_STORED, 1);
        waiters_progress(&put->backlog->waiters, rising->token, LOCAL_ACK_STORED);
}

/* There is only what we have in memory. */
static void only_failed(Backlog *backlog, Rising *take, int r) {
        /* A new file does not take what an old one had: that was promised. */
        if (!take->receipt.session && !backlog->dead) {
                take->storage = RISING_UNSTORABLE;
                lane_insert(&backlog->old, take);
                return;
        }
        refuse(backlog, take, r);
        rising_free(take);
}

static void only_done(Backlog *backlog, Rising *take, int r) {
        backlog->n_puts_old--;
        if (r < 0) {
                only_failed(backlog, take, r);
                return;
        }
        receipt_progress(&take->receipt, LOCAL_ACK_STORED, 1);
        waiters_progress(&backlog->waiters, take->token, LOCAL_ACK_STORED);
        if (backlog->dead)
                receipt_fail(&take->receipt, LOCAL_ERROR_OFFLINE, BACKLOG_STOPPING);
        else
                waiters_add(&backlog->waiters, &take->receipt, take->expires_usec);
        rising_free(take);
}

static void on_put_done(int r, void *userdata) {
        Put *put = userdata;
        Backlog *backlog = put->backlog;

        backlog->n_puts--;
        backlog->bytes -= put->bytes;
        say_failure(backlog, r);
        if (put->only)
                only_done(backlog, put->only, r);
        else if (put->copied)
                copy_done(put, r);
        free(put);
        (void)backlog_called(backlog);
}

/* The store's time for a monotonic one. */
static uint64_t to_store_msec(const Backlog *backlog, uint64_t usec) {
        uint64_t now = clock_now_usec();

        if (usec == USEC_INFINITY)
                return 0;
        return store_clock_msec(backlog->store) + (usec > now ? usec - now : 0) / USEC_PER_MSEC;
}

static StoreRecord record_of(const Backlog *backlog, const Rising *rising) {
        static const StorePolicy policies[_ROUTE_WHEN_FULL_MAX] = {
                        [ROUTE_REFUSE] = STORE_REFUSE,
                        [ROUTE_DROP_OLDEST] = STORE_DROP_OLDEST,
                        [ROUTE_KEEP_LATEST] = STORE_KEEP_LATEST,
        };
        uint64_t now = clock_now_usec();
        uint64_t age = now > rising->accepted_usec ? now - rising->accepted_usec : 0;

        return (StoreRecord){.seq = rising->token,
                             .message = rising->message,
                             .expires_msec = to_store_msec(backlog, rising->expires_usec),
                             .route = rising->route,
                             .when_full = policies[rising->when_full],
                             .accepted_wall_msec = clock_wall_msec() - age / USEC_PER_MSEC};
}

static int start_put(Backlog *backlog, const Rising *rising, Put **ret) {
        const StoreRecord record = record_of(backlog, rising);
        _cleanup_(freep) Put *put = calloc(1, sizeof(*put));
        int r;

        if (!put)
                return -ENOMEM;
        *put = (Put){.backlog = backlog, .bytes = rising_footprint(rising)};
        r = store_put(backlog->store, &record, on_put_done, put);
        if (r < 0)
                return r;
        backlog->n_puts++;
        backlog->n_calls++;
        backlog->bytes += put->bytes;
        *ret = TAKE_PTR(put);
        return 0;
}

int backlog_put_copy(Backlog *backlog, Lane *lane, Rising *rising) {
        int r;

        r = start_put(backlog, rising, &rising->put);
        if (r < 0)
                return r;
        rising->put->lane = lane;
        rising->put->copied = rising;
        rising->storage = RISING_WRITING;
        return 0;
}

void backlog_put_only(Backlog *backlog, Rising *take_rising) {
        Put *put = NULL;
        int r;

        r = start_put(backlog, take_rising, &put);
        if (r < 0) {
                only_failed(backlog, take_rising, r);
                return;
        }
        put->only = take_rising;
        backlog->n_puts_old++;
}

void backlog_leave_to_disk(Backlog *backlog, Rising *take_rising) {
        Put *put = TAKE_PTR(take_rising->put);

        if (put) {
                put->copied = NULL;
                put->only = take_rising;
                backlog->n_puts_old++;
        } else if (take_rising->storage == RISING_STORED) {
                waiters_add(&backlog->waiters, &take_rising->receipt, take_rising->expires_usec);
                rising_free(take_rising);
        } else {
                backlog_put_only(backlog, take_rising);
        }
}

void backlog_detach(Rising *rising) {
        Put *put = TAKE_PTR(rising->put);

        if (put)
                put->copied = NULL;
}
