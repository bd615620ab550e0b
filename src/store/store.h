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

/* What becomes of a message that comes while the spool is full. */
typedef enum StorePolicy {
        STORE_REFUSE,      /* it is refused */
        STORE_DROP_OLDEST, /* the oldest of its route go */
        STORE_KEEP_LATEST, /* those of its route go that a newer one of their topic follows */
} StorePolicy;

/* The same for the inbox: the oldest go, whoever they are for, or the new one is refused. */
typedef enum StoreInboxPolicy {
        STORE_INBOX_DROP_OLDEST,
        STORE_INBOX_REFUSE,
} StoreInboxPolicy;

/* Spool and inbox may each fill half of this. 0: no limit. */
typedef struct StoreLimits {
        uint64_t max_bytes; /* of payloads and topics */
        uint64_t max_messages;
        StoreInboxPolicy inbox_full;
} StoreLimits;

/* What was found at start, or when the store had to start anew in mid-run. */
typedef struct StoreInfo {
        uint64_t n_spooled, spooled_bytes;
        uint64_t n_incoming, incoming_bytes;
        uint64_t first_seq, last_seq; /* of the spool; 0 when it is empty */
        uint64_t next_seq;            /* the first that no message has ever had */
        uint64_t idle_msec;           /* since it was last known to be in use; UINT64_MAX: never */
        bool set_aside;               /* the old file can't be used */
        char set_aside_as[64];        /* its new name in the directory; empty: it has vanished */
        char problem[160];            /* why: SQLite's words */
        bool lost_known;              /* how many messages were in it: */
        uint64_t lost_spooled, lost_incoming;
} StoreInfo;

/* A message in the spool. */
typedef struct StoreRecord {
        uint64_t seq;
        Message *message;      /* remote name, QoS 1 */
        uint64_t expires_msec; /* by store_clock_msec(); 0: never */
        uint32_t route;        /* its route's number, the same in every run */
        StorePolicy when_full;
        uint64_t accepted_wall_msec; /* for people */
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

/* For whatever is asked for from now on. What is stored beyond lower limits stays. */
void store_set_limits(Store *store, const StoreLimits *limits);

/* store_close() shall note the time, for the next run's idle_msec; it does so anyway when something
 * is stored. */
void store_note_end(Store *store);

/* Finishes what is queued, calls who still waits for an answer, then closes. */
Store *store_close(Store *store);

/* Readable when store_dispatch() has answers. Everyone whose request was taken (0 was returned) is
 * called exactly once; -ENOBUFS says that too much is queued already, -ESHUTDOWN that store_close()
 * is at work. The functions that are called may ask for more, but not close the store. */
int store_fd(const Store *store);
void store_dispatch(Store *store);

/*
 * The clock by which messages expire: it goes on while the daemon and the machine are down, and
 * never jumps when somebody sets the wall clock, nor runs backwards. Over a reboot it goes by the
 * wall clock, if that can be.
 */
uint64_t store_clock_msec(const Store *store);

/*
 * Called, between answers, when the file turned out damaged in mid-run and the store has started
 * anew: @info is as from store_open(). What was in the old file is out of reach but for the
 * subscriptions, which were taken over as far as they could be read.
 *
 * The same when someone has deleted the file or put another in its place. That is looked for at
 * every commit, before it counts: nothing is ever acknowledged as stored into a file that was not
 * in its place any more. While nothing is stored it is not noticed. Then the subscriptions are lost
 * too, and @info may tell of messages in the file that is there now.
 */
typedef void (*StoreReplacedFunc)(const StoreInfo *info, void *userdata);
void store_on_replaced(Store *store, StoreReplacedFunc func, void *userdata);

/* Called from store_dispatch(), in the order of the requests; @r is 0 or -errno (-ENOSPC: disk or
 * quota full; -EIO; -EROFS). After a failure nothing of the request is on the disk. */
typedef void (*StoreDoneFunc)(int r, void *userdata);

/*
 * Writes one message to the spool. @record->message is referenced, not copied. -EEXIST when there
 * is one of the same number.
 *
 * When the spool is full, @record->when_full says what makes room, never rows that store_read() has
 * handed out: with STORE_DROP_OLDEST the oldest of the route; with STORE_KEEP_LATEST first those of
 * the same topic, then the oldest of the route that a newer one of their topic follows. Both find
 * only messages that were put with the same policy: the others keep the promise they were accepted
 * with. When that does not make room: -ENOSPC, and nothing is dropped.
 */
_warn_unused_ int store_put(Store *store,
                            const StoreRecord *record,
                            StoreDoneFunc func,
                            void *userdata);

/* Called from store_dispatch(), before the answer to the put that @seqs had to make room for. */
typedef void (*StoreDroppedFunc)(uint32_t route, const uint64_t *seqs, size_t n, void *userdata);
void store_on_dropped(Store *store, StoreDroppedFunc func, void *userdata);

/* Deletes messages of the spool whose PUBACK has come. Committed lazily: a crash before that only
 * sends them again. */
_warn_unused_ int store_delete(Store *store, const uint64_t *seqs, size_t n);

/* Reads up to @max messages with seq > @after, in order, and no more than @max_bytes together (but
 * at least one). @records are the receiver's to unref. They and all before them count as handed out
 * until an earlier page is read again: then what follows that one does not any more. */
typedef void (*StoreReadFunc)(int r, StoreRecord *records, size_t n, void *userdata);
_warn_unused_ int store_read(Store *store,
                             uint64_t after,
                             size_t max,
                             size_t max_bytes,
                             StoreReadFunc func,
                             void *userdata);

/* The same for people to look at: nothing of it counts as handed out. */
_warn_unused_ int store_peek(Store *store,
                             uint64_t after,
                             size_t max,
                             size_t max_bytes,
                             StoreReadFunc func,
                             void *userdata);

/*
 * Called, between answers, for messages that could not be read, with the first and the last of
 * their numbers: a row that makes no sense, which is given up and gone; or rows where the disk has
 * failed several times, which stay, but are left out until the next start.
 */
typedef void (*StoreUnreadableFunc)(uint64_t first_seq, uint64_t last_seq, void *userdata);
void store_on_unreadable(Store *store, StoreUnreadableFunc func, void *userdata);

/* What has become of a message of the spool. */
typedef enum StoreFate {
        STORE_FATE_WAITING,
        STORE_FATE_DELIVERED,
        STORE_FATE_EXPIRED,
        STORE_FATE_DROPPED,
        STORE_FATE_UNKNOWN, /* no such number, or too long ago, or lost with its file */
} StoreFate;

/* Deletes messages that nobody will deliver, and remembers why: STORE_FATE_EXPIRED or _DROPPED.
 * Lazy, as store_delete() is. The newest 100,000 such are remembered. */
_warn_unused_ int store_give_up(Store *store, const uint64_t *seqs, size_t n, StoreFate why);

typedef void (*StoreFateFunc)(int r, StoreFate fate, void *userdata);
_warn_unused_ int store_ask(Store *store, uint64_t seq, StoreFateFunc func, void *userdata);

/* A topic of the spool. The same hash is, as good as certainly, the same topic. */
typedef struct StoreTopic {
        uint64_t hash;
        uint64_t last_seq; /* none of its messages has a higher number */
} StoreTopic;

uint64_t store_topic_hash(const char *topic);

/* All the topics of the spool, in order of their hashes; costs by topics, not by messages. The
 * answer is -E2BIG when there are more than @max. */
typedef void (*StoreTopicsFunc)(int r, const StoreTopic *topics, size_t n, void *userdata);
_warn_unused_ int store_read_topics(Store *store, size_t max, StoreTopicsFunc func, void *userdata);

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

/* Called, between answers, when @n unfinished messages of @client (NULL: of nobody yet) were
 * dropped to make room for new ones. */
typedef void (*StoreInboxDroppedFunc)(const char *client, uint64_t n, void *userdata);
void store_on_inbox_dropped(Store *store, StoreInboxDroppedFunc func, void *userdata);

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

/* The client is here now; store_subscribe() says it too. Lazy. */
_warn_unused_ int store_touch(Store *store, const char *client);

/*
 * Ends the subscriptions and the messages of clients that nobody has seen for @max_age_msec (touch
 * those that are here first). Calls @func for each, then with NULL and how it went: what was told
 * before is done in any case.
 */
typedef void (*StoreForgottenFunc)(int r, const char *client, uint64_t n_messages, void *userdata);
_warn_unused_ int store_forget_absent(Store *store,
                                      uint64_t max_age_msec,
                                      StoreForgottenFunc func,
                                      void *userdata);

/* Counters for status and metrics. */
typedef struct StoreCounters {
        uint64_t n_spooled, spooled_bytes, n_incoming, incoming_bytes;
        uint64_t commits, failures;
        uint64_t unreadable; /* rows, or stretches of them, since the start */
        int error;           /* 0, or the -errno of the last change when it failed */
        uint64_t file_bytes;
} StoreCounters;

void store_counters(Store *store, StoreCounters *ret);

DEFINE_CLEANUP(Store *, store_close);
