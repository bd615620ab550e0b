/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Store
 *
 * Messages on disk: the spool of those that wait for the cloud, and the inbox of those that wait
 * for durable subscribers. SQLite in WAL mode with synchronous=FULL; what a success reports is on
 * the disk. A thread of its own owns the database: requests are queued, answered in order, and as
 * many as have gathered share one commit.
 *
 * Every message has a 64-bit sequence number, given by the caller for the spool and by the store
 * for the inbox, that grows and is never used twice, not even by a later run.
 *
 * Loop thread only, but for store_keep_incoming().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message/message.h"
#include "util/macro.h"

typedef struct Store Store;

/* Spool and inbox may each fill half of this. 0: no limit. */
typedef struct StoreLimits {
        uint64_t max_bytes; /* of payloads and topics */
        uint64_t max_messages;
} StoreLimits;

/* What was found at start, or when the store had to start anew in mid-run. */
typedef struct StoreInfo {
        uint64_t n_spooled, spooled_bytes;
        uint64_t n_incoming, incoming_bytes;
        uint64_t first_seq, last_seq; /* of the spool; 0 when it is empty */
        uint64_t next_seq;            /* the first that no message has ever had */
        bool set_aside;               /* the old file can't be used */
        char set_aside_as[64];        /* its new name in the directory; empty: it has vanished */
        char problem[160];            /* why: SQLite's words */
        bool lost_known;              /* how many messages were in it: */
        uint64_t lost_spooled, lost_incoming;
} StoreInfo;

/* A message in the spool. */
typedef struct StoreRecord {
        uint64_t seq;
        Message *message;           /* remote name, QoS 1 */
        uint64_t expires_wall_msec; /* 0: never */
        uint32_t route;             /* the index of its route, for limits by route */
} StoreRecord;

/*
 * Opens or makes the database DIRECTORY/spool.db (mode 0600). A file that is corrupt is renamed and
 * a new one is made; the info says so. Fails when the directory is missing, read-only or full:
 * then the daemon goes on without a store. Takes well under a second however much is stored.
 */
_warn_unused_ int store_open(Store **ret,
                             const char *directory,
                             const StoreLimits *limits,
                             StoreInfo *ret_info);

/* Finishes what is queued, calls who still waits for an answer, then closes. */
Store *store_close(Store *store);

/* Readable when store_dispatch() has answers. Everyone whose request was taken (0 was returned) is
 * called exactly once; -ENOBUFS says that too much is queued already. The functions that are called
 * may ask for more, but not close the store. */
int store_fd(const Store *store);
void store_dispatch(Store *store);

/*
 * Called, between answers, when the file turned out damaged or vanished in mid-run and the store
 * has started anew: @info is as from store_open(). What was in the old file is out of reach but for
 * the subscriptions, which were taken over as far as they could be read.
 */
typedef void (*StoreReplacedFunc)(const StoreInfo *info, void *userdata);
void store_on_replaced(Store *store, StoreReplacedFunc func, void *userdata);

/* Called from store_dispatch(), in the order of the requests; @r is 0 or -errno (-ENOSPC: disk or
 * quota full; -EIO; -EROFS). After a failure nothing of the request is on the disk. */
typedef void (*StoreDoneFunc)(int r, void *userdata);

/* Writes one message to the spool. @record->message is referenced, not copied. -EEXIST when there
 * is one of the same number. */
_warn_unused_ int store_put(Store *store,
                            const StoreRecord *record,
                            StoreDoneFunc func,
                            void *userdata);

/* Deletes messages of the spool whose PUBACK has come. Committed lazily: a crash before that only
 * sends them again. */
_warn_unused_ int store_delete(Store *store, const uint64_t *seqs, size_t n);

/* Reads up to @max messages with seq > @after, in order, and no more than @max_bytes together (but
 * at least one). @records are the receiver's to unref. */
typedef void (*StoreReadFunc)(int r, StoreRecord *records, size_t n, void *userdata);
_warn_unused_ int store_read(Store *store,
                             uint64_t after,
                             size_t max,
                             size_t max_bytes,
                             StoreReadFunc func,
                             void *userdata);

/* The inbox */

/* A durable subscriber's unfinished message. */
typedef struct StoreIncoming {
        uint64_t seq;
        Message *message; /* remote name */
} StoreIncoming;

/*
 * Puts a message into the inbox and waits until it is on the disk. From any thread (the library's
 * callback: what it returns for decides whether the cloud gets its PUBACK). Returns 0 with its seq,
 * or -errno (-ENOSPC when over the limit or the disk is full).
 */
_warn_unused_ int store_keep_incoming(Store *store, Message *message, uint64_t *ret_seq);

/* Says which clients the message is for; until then it counts as new at the next start. With none
 * it is gone. To be said once; lazy, as store_finish() is. */
_warn_unused_ int store_assign(Store *store,
                               uint64_t seq,
                               const char *const *clients,
                               size_t n_clients);

/* @client has finished with it; with the last client it is gone. */
_warn_unused_ int store_finish(Store *store, uint64_t seq, const char *client);

/* Reads up to @max unfinished messages of @client with seq > @after (NULL: of nobody yet), and no
 * more than a mebibyte together (but at least one). */
typedef void (*StoreIncomingFunc)(int r, StoreIncoming *messages, size_t n, void *userdata);
_warn_unused_ int store_read_incoming(Store *store,
                                      const char *client,
                                      uint64_t after,
                                      size_t max,
                                      StoreIncomingFunc func,
                                      void *userdata);

/* Durable subscriptions; written through, read whole at start. The first waits for the disk. */
typedef int (*StoreSubscriptionFunc)(const char *client,
                                     const char *filter,
                                     int qos,
                                     void *userdata);
_warn_unused_ int store_each_subscription(Store *store, StoreSubscriptionFunc func, void *userdata);
_warn_unused_ int store_subscribe(Store *store,
                                  const char *client,
                                  const char *filter,
                                  int qos,
                                  StoreDoneFunc func,
                                  void *userdata);
_warn_unused_ int store_unsubscribe(Store *store,
                                    const char *client,
                                    const char *filter,
                                    StoreDoneFunc func,
                                    void *userdata);

/* Counters for status and metrics. */
typedef struct StoreCounters {
        uint64_t n_spooled, spooled_bytes, n_incoming, incoming_bytes;
        uint64_t commits, failures;
        int error; /* 0, or the -errno of the last change when it failed */
        uint64_t file_bytes;
} StoreCounters;

void store_counters(Store *store, StoreCounters *ret);

DEFINE_CLEANUP(Store *, store_close);
