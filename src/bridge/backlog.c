/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "bridge/backlog-internal.h"
#include "bridge/store-log.h"
#include "util/log.h"

/* How long the end of the daemon may wait for the disk. */
#define END_USEC (2 * USEC_PER_SEC)

/* Messages that came before there was a store are numbered from here: they are never stored, and
 * their numbers must not be those of messages that are found in it. */
#define SEQ_WITHOUT_STORE (UINT64_C(1) << 63)

int backlog_new(Backlog **ret, Lane *live, const BacklogHandler *handler) {
        Backlog *backlog = calloc(1, sizeof(*backlog));

        if (!backlog)
                return -ENOMEM;
        backlog->live = live;
        backlog->handler = *handler;
        backlog->next_seq = SEQ_WITHOUT_STORE;
        waiters_init(&backlog->waiters);
        *ret = backlog;
        return 0;
}

bool backlog_called(Backlog *backlog) {
        backlog->n_calls--;
        if (!backlog->dead || backlog->n_calls > 0)
                return false;
        free(backlog);
        return true;
}

bool backlog_has_store(const Backlog *backlog) {
        return backlog->store;
}

bool backlog_can_store(const Backlog *backlog) {
        return backlog->store && !backlog->failing;
}

const char *backlog_store_state(const Backlog *backlog) {
        if (!backlog->store)
                return "unusable";
        return backlog->failing ? "failing" : "good";
}

uint64_t backlog_next_seq(Backlog *backlog) {
        return backlog->next_seq++;
}

Lane *backlog_lane(Backlog *backlog) {
        return &backlog->old;
}

static Rising *find(const Backlog *backlog, uint64_t seq) {
        Rising *rising = lane_find(backlog->live, seq);

        return rising ? rising : lane_find(&backlog->old, seq);
}

/* What the store says by itself */

static bool is_in_memory(void *userdata, uint64_t seq) {
        return find(userdata, seq) != NULL;
}

/* When the file was damaged in mid-run, the store has begun a new one without what was in it. What
 * memory still has goes there. */
void backlog_on_replaced(Backlog *backlog, const StoreInfo *info) {
        log_store_set_aside(info);
        if (info->next_seq > backlog->next_seq)
                backlog->next_seq = info->next_seq;
        waiters_fail_others(&backlog->waiters, is_in_memory, backlog, LOCAL_ERROR_INTERNAL,
                            "the message was stored, but the store turned out damaged: it may be "
                            "lost");
        lane_forget_stored(backlog->live);
        lane_forget_stored(&backlog->old);
        (void)backlog_store_live(backlog, USEC_INFINITY);
        /* If the reading that found the damage fails, this is not the new file's fault. */
        backlog->replaced = backlog->reading;
        backlog->read_again_usec = 0;
        if (info->n_spooled == 0)
                return;
        backlog_read_again_from(backlog, info->first_seq);
        backlog_learn_topics(backlog, info->last_seq);
}

static void on_replaced(const StoreInfo *info, void *userdata) {
        backlog_on_replaced(userdata, info);
}

static void on_dropped(uint32_t route, const uint64_t *seqs, size_t n, void *userdata) {
        Backlog *backlog = userdata;
        size_t lost = 0;

        for (size_t i = 0; i < n; i++) {
                Lane *lane = backlog->live;
                Rising *rising = lane_find(lane, seqs[i]);

                if (!rising) {
                        lane = &backlog->old;
                        rising = lane_find(lane, seqs[i]);
                }
                if (rising && rising->storage == RISING_STORED) {
                        lane_unstored(lane, rising); /* memory has it still */
                        continue;
                }
                waiters_fail(&backlog->waiters, seqs[i], LOCAL_ERROR_FULL,
                             "the store was full, and the message has given way to newer ones, as "
                             "its route says");
                lost++;
        }
        if (lost > 0)
                backlog->handler.dropped(backlog->handler.userdata, route, lost);
}

typedef struct Range {
        uint64_t first, last;
} Range;

static bool is_outside(void *userdata, uint64_t seq) {
        const Range *range = userdata;

        return seq < range->first || seq > range->last;
}

static void on_unreadable(uint64_t first_seq, uint64_t last_seq, void *userdata) {
        Backlog *backlog = userdata;
        Range range = {first_seq, last_seq};

        log_warning("Stored messages can't be read: those with the receipts %" PRIu64 " to %" PRIu64
                    ", which are not delivered. Check the disk",
                    first_seq, last_seq);
        waiters_fail_others(&backlog->waiters, is_outside, &range, LOCAL_ERROR_INTERNAL,
                            "the message was stored, but the disk does not give it back");
}

void backlog_set_store(Backlog *backlog, Store *store, const StoreInfo *info) {
        backlog->store = store;
        backlog->next_seq = info->next_seq;
        store_on_replaced(store, on_replaced, backlog);
        store_on_dropped(store, on_dropped, backlog);
        store_on_unreadable(store, on_unreadable, backlog);
        if (info->n_spooled == 0)
                return;
        backlog->follows = true;
        backlog_learn_topics(backlog, info->last_seq);
}

void backlog_note_end(Backlog *backlog) {
        if (backlog->store)
                store_note_end(backlog->store);
}

/* To the disk */

static bool store_lane(Backlog *backlog, Lane *lane, uint64_t before_usec) {
        Rising *rising;

        while ((rising = lane_next_unstored(lane, before_usec)))
                if (backlog_put_copy(backlog, lane, rising) < 0)
                        return false;
        return true;
}

bool backlog_store_live(Backlog *backlog, uint64_t before_usec) {
        bool all;

        if (!backlog->store)
                return true;
        all = store_lane(backlog, &backlog->old, before_usec);
        return store_lane(backlog, backlog->live, before_usec) && all;
}

void backlog_add(Backlog *backlog, Rising *take_rising) {
        backlog_note_old(backlog, take_rising->token, message_topic(take_rising->message));
        backlog_put_only(backlog, take_rising);
}

/* The first of a lane that can be stored. */
static const Rising *first_numbered(const Lane *lane) {
        const Rising *rising = lane->first;

        while (rising && rising->storage == RISING_UNNUMBERED)
                rising = rising->next;
        return rising;
}

static void leave_lane_to_disk(Backlog *backlog, Lane *lane) {
        Lane taken = *lane;
        Rising *rising;

        *lane = (Lane){0};
        while ((rising = lane_take_first(&taken))) {
                if (rising->storage == RISING_UNNUMBERED) {
                        lane_append(lane, rising);
                        continue;
                }
                topic_table_add(&backlog->topics, store_topic_hash(message_topic(rising->message)),
                                rising->token, backlog_oldest(backlog));
                backlog_leave_to_disk(backlog, rising);
        }
}

void backlog_on_offline(Backlog *backlog) {
        const Rising *old = first_numbered(&backlog->old), *live = first_numbered(backlog->live);

        if (!backlog->store || (!old && !live)) {
                lane_reset(backlog->live);
                return;
        }
        backlog_read_again_from(backlog, !live || (old && old->token < live->token) ? old->token
                                                                                    : live->token);
        leave_lane_to_disk(backlog, &backlog->old);
        leave_lane_to_disk(backlog, backlog->live);
}

/* Fates */

static bool has_row(const Rising *rising) {
        return rising->storage == RISING_STORED || rising->storage == RISING_WRITING;
}

void backlog_finish(Backlog *backlog, Rising *rising) {
        waiters_progress(&backlog->waiters, rising->token, LOCAL_ACK_DELIVERED);
        backlog_detach(rising);
        /* The deletion is queued behind the writing. If it fails, the message is sent twice. */
        if (has_row(rising)) {
                backlog_note_gone(backlog, rising->token);
                if (store_delete(backlog->store, &rising->token, 1) < 0)
                        log_warning("A delivered message stays in the store: out of memory");
        }
        rising_free(rising);
}

static const char ttl_ended[] = "its ttl ended before it could be sent";

static void give_up(Backlog *backlog, uint64_t seq) {
        backlog_note_gone(backlog, seq);
        /* If this fails, it is found expired again when it is read. */
        if (store_give_up(backlog->store, &seq, 1, STORE_FATE_EXPIRED) < 0)
                log_warning("An expired message stays in the store: out of memory");
}

void backlog_expire(Backlog *backlog, Rising *rising) {
        receipt_fail(&rising->receipt, LOCAL_ERROR_EXPIRED, ttl_ended);
        waiters_fail(&backlog->waiters, rising->token, LOCAL_ERROR_EXPIRED, ttl_ended);
        backlog_detach(rising);
        if (has_row(rising))
                give_up(backlog, rising->token);
        rising_free(rising);
}

size_t backlog_expire_waiting(Backlog *backlog, uint64_t now_usec) {
        size_t n = 0;
        uint64_t seq;

        while (waiters_next_expired(&backlog->waiters, now_usec, &seq)) {
                if (find(backlog, seq))
                        continue; /* the lane looks after it */
                give_up(backlog, seq);
                waiters_fail(&backlog->waiters, seq, LOCAL_ERROR_EXPIRED, ttl_ended);
                n++;
        }
        return n;
}

uint64_t backlog_expiry_usec(const Backlog *backlog) {
        return backlog->waiters.expiry_usec;
}

/* Takes it out of the lane, wherever in it; NULL if it isn't there. */
static Rising *take_any(Lane *lane, uint64_t seq, bool *ret_was_sent) {
        Rising *rising = lane_take_sent(lane, seq);

        *ret_was_sent = rising;
        if (rising)
                return rising;
        rising = lane_find(lane, seq);
        return rising ? lane_take(lane, rising) : NULL;
}

static void drop_one(Backlog *backlog, uint64_t seq) {
        bool was_sent = false;
        Rising *rising = take_any(backlog->live, seq, &was_sent);
        const char *text;

        if (!rising)
                rising = take_any(&backlog->old, seq, &was_sent);
        text = was_sent ? "an administrator has dropped the message; it was being sent, and may "
                          "arrive all the same"
                        : "an administrator has dropped the message";
        backlog_note_gone(backlog, seq);
        if (rising) {
                receipt_fail(&rising->receipt, LOCAL_ERROR_FULL, text);
                backlog_detach(rising);
                rising_free(rising);
        }
        waiters_fail(&backlog->waiters, seq, LOCAL_ERROR_FULL, text);
}

int backlog_drop(Backlog *backlog, const uint64_t *seqs, size_t n) {
        int r = store_give_up(backlog->store, seqs, n, STORE_FATE_DROPPED);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                drop_one(backlog, seqs[i]);
        return 0;
}

/* Questions */

typedef struct Question {
        Backlog *backlog;
        uint64_t seq;
} Question;

static void answer(Backlog *backlog, uint64_t seq, StoreFate fate) {
        Waiters *waiters = &backlog->waiters;

        switch (fate) {
        case STORE_FATE_WAITING:
                waiters_progress(waiters, seq, LOCAL_ACK_STORED);
                break;
        case STORE_FATE_DELIVERED:
                waiters_progress(waiters, seq, LOCAL_ACK_DELIVERED);
                break;
        case STORE_FATE_EXPIRED:
                waiters_fail(waiters, seq, LOCAL_ERROR_EXPIRED, ttl_ended);
                break;
        case STORE_FATE_DROPPED:
                waiters_fail(waiters, seq, LOCAL_ERROR_FULL,
                             "the message was dropped: by an administrator, or because the store "
                             "was full and its route says so");
                break;
        case STORE_FATE_UNKNOWN:
        default:
                waiters_fail(waiters, seq, LOCAL_ERROR_BAD_REQUEST,
                             "there is no such receipt, or it is too old to know what became of "
                             "the message");
        }
}

static void on_fate(int r, StoreFate fate, void *userdata) {
        Question *question = userdata;
        Backlog *backlog = question->backlog;
        uint64_t seq = question->seq;

        free(question);
        if (r < 0 && !backlog->dead)
                waiters_fail(&backlog->waiters, seq, LOCAL_ERROR_INTERNAL,
                             "the store can't be read; see the daemon's log");
        else if (!backlog->dead)
                answer(backlog, seq, fate);
        (void)backlog_called(backlog);
}

static int ask_store(Backlog *backlog, uint64_t seq) {
        _cleanup_(freep) Question *question = calloc(1, sizeof(*question));
        int r;

        if (!question)
                return -ENOMEM;
        *question = (Question){.backlog = backlog, .seq = seq};
        r = store_ask(backlog->store, seq, on_fate, question);
        if (r < 0)
                return r;
        (void)TAKE_PTR(question);
        backlog->n_calls++;
        return 0;
}

void backlog_ask(Backlog *backlog, Receipt *take_receipt) {
        uint64_t seq = take_receipt->seq;
        const Rising *rising = find(backlog, seq);

        if (!backlog->store || (!rising && ask_store(backlog, seq) < 0)) {
                receipt_fail(take_receipt, LOCAL_ERROR_INTERNAL,
                             "the store can't be asked now; see the daemon's log");
                return;
        }
        /* First of all it waits: the message may be delivered before the store has answered. */
        waiters_add(&backlog->waiters, take_receipt, USEC_INFINITY);
        if (rising && rising->storage == RISING_STORED)
                waiters_progress(&backlog->waiters, seq, LOCAL_ACK_STORED);
}

void backlog_forget(Backlog *backlog, const LocalSession *session) {
        waiters_forget(&backlog->waiters, session);
}

/* Numbers and the end */

size_t backlog_bytes(const Backlog *backlog) {
        return backlog->old.bytes + backlog->bytes;
}

void backlog_counters(const Backlog *backlog, BacklogCounters *ret) {
        const Lane *old = &backlog->old, *live = backlog->live;
        uint64_t in_lanes = old->n_stored + live->n_stored;
        StoreCounters counters = {0};

        if (backlog->store)
                store_counters(backlog->store, &counters);
        *ret = (BacklogCounters){
                        .n_on_disk = counters.n_spooled > in_lanes ? counters.n_spooled - in_lanes
                                                                   : 0,
                        .bytes = counters.spooled_bytes,
                        .refused = backlog->refused,
        };
}

void backlog_wait(Backlog *backlog) {
        uint64_t end = clock_now_usec() + END_USEC, now;

        (void)backlog_store_live(backlog, USEC_INFINITY);
        while (backlog->n_puts > 0 && (now = clock_now_usec()) < end) {
                struct pollfd pfd = {.fd = store_fd(backlog->store), .events = POLLIN};

                if (poll(&pfd, 1, (int)((end - now) / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
                        return;
                store_dispatch(backlog->store);
        }
}

Backlog *backlog_free(Backlog *backlog) {
        Rising *rising;

        if (!backlog)
                return NULL;
        while ((rising = lane_take_first(&backlog->old))) {
                backlog_detach(rising);
                rising_free(rising);
        }
        waiters_fail_others(&backlog->waiters, NULL, NULL, LOCAL_ERROR_OFFLINE, BACKLOG_STOPPING);
        if (backlog->store) {
                store_on_replaced(backlog->store, NULL, NULL);
                store_on_dropped(backlog->store, NULL, NULL);
                store_on_unreadable(backlog->store, NULL, NULL);
        }
        topic_table_done(&backlog->topics);
        free(TAKE_PTR(backlog->gone));
        backlog->dead = true;
        backlog->n_calls++;
        (void)backlog_called(backlog);
        return NULL;
}
