/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Backlog
 *
 * The old stream: QoS 1 messages that could not go up when they came. They are on disk, in order
 * of their numbers; the first of them are read back, page by page, into the old lane, from where
 * they are sent. Beside it there is the live lane, of messages that came while the cloud could take
 * them: those are in memory, and are written only as copies, when their PUBACK takes too long.
 *
 * Order is kept by topic, with two rules. A message may be live only if nothing of its topic is
 * left in the old stream (backlog_is_clear()). And the first of the old lane may be sent only when
 * nothing older waits in the live lane; numbers tell what is older. When a connection ends, whoever
 * was live becomes part of the old stream, so that what is fresh after it is sent without delay.
 *
 * Works without a store too: then nothing is stored and there is no old stream.
 */

#include "bridge/lane.h"
#include "store/store.h"

typedef struct Backlog Backlog;

typedef struct BacklogHandler {
        /* The store was full: @n messages of that route have given way. */
        void (*dropped)(void *userdata, uint32_t route, size_t n);
        void *userdata;
} BacklogHandler;

/* @live is borrowed. */
_warn_unused_ int backlog_new(Backlog **ret, Lane *live, const BacklogHandler *handler);

/* From now on there is a store, with what @info says in it; both are borrowed, @info for the call.
 * Once. */
void backlog_set_store(Backlog *backlog, Store *store, const StoreInfo *info);

/* The store has started anew (store_on_replaced(), which backlog_set_store() sets to this). */
void backlog_on_replaced(Backlog *backlog, const StoreInfo *info);

/* For the end of the daemon: writes what is in memory only and waits a moment for it. */
void backlog_wait(Backlog *backlog);

/* The next run shall know when this one ended. */
void backlog_note_end(Backlog *backlog);

/* Tells everyone who still waits that their messages are stored. */
Backlog *backlog_free(Backlog *backlog);

bool backlog_has_store(const Backlog *backlog);

/* Whether the last write has succeeded. */
bool backlog_can_store(const Backlog *backlog);

/* "good"; "failing" since writing failed last; "unusable" without a store. */
const char *backlog_store_state(const Backlog *backlog);

/* A number for the next message; grows, and is never used twice, not by a later run either. */
uint64_t backlog_next_seq(Backlog *backlog);

/* What was read back and is to be sent. */
Lane *backlog_lane(Backlog *backlog);

/* A message is taken out of memory; what is being written of it goes on. */
void backlog_detach(Rising *rising);

/* Whether nothing of this topic (a remote name) is left in the old stream. */
bool backlog_is_clear(Backlog *backlog, const char *topic);

/* Writes copies of all that is in memory only and was accepted by @before_usec. False when memory
 * or the store's queue has no room for some: they stay where they are, and nobody is told more. */
bool backlog_store_live(Backlog *backlog, uint64_t before_usec);

/* Takes @rising to the end of the old stream, whatever comes of it is told through its receipt. */
void backlog_add(Backlog *backlog, Rising *take_rising);

/* The connection has ended: all that is in memory goes to the disk, as far as there is one. */
void backlog_on_offline(Backlog *backlog);

/* A message that was taken out of its lane has been acknowledged: tells who asked for it, and
 * nothing of it is needed any more. Frees @rising. */
void backlog_finish(Backlog *backlog, Rising *rising);

/* The same for a message that is given up because its ttl has ended. */
void backlog_expire(Backlog *backlog, Rising *rising);

/* Gives up those on disk whose ttl has ended while somebody waits for them; says how many. */
size_t backlog_expire_waiting(Backlog *backlog, uint64_t now_usec);

/* Gives up messages that are on disk, in the lanes too, because an administrator says so. 0 or
 * -errno. */
_warn_unused_ int backlog_drop(Backlog *backlog, const uint64_t *seqs, size_t n);

/* Answers @take_receipt, which has the number of a message, when its fate is known. */
void backlog_ask(Backlog *backlog, Receipt *take_receipt);

/* Nobody needs to answer this session any more. */
void backlog_forget(Backlog *backlog, const LocalSession *session);

/* Reads the next page, if there is one and none is being read. */
void backlog_load(Backlog *backlog, size_t max, size_t max_bytes, uint64_t now_usec);

/* When a page may be read; USEC_INFINITY: none is wanted, or one is being read. */
uint64_t backlog_deadline_usec(const Backlog *backlog);

/* When backlog_expire_waiting() has something to do. */
uint64_t backlog_expiry_usec(const Backlog *backlog);

typedef struct BacklogCounters {
        uint64_t n_on_disk; /* and in no lane */
        uint64_t bytes;     /* on disk, copies included */
        uint64_t refused;   /* not taken by the disk */
} BacklogCounters;

/* In memory: the old lane, and what is on its way to the disk. */
size_t backlog_bytes(const Backlog *backlog);

void backlog_counters(const Backlog *backlog, BacklogCounters *ret);

DEFINE_CLEANUP(Backlog *, backlog_free);
