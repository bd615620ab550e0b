/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Session
 *
 * One connected program: its bytes in, decoded to requests for the handler; its replies and
 * messages out, encoded. Loop thread only. A session that closes stays valid for those who hold a
 * reference; what is sent to it then goes nowhere.
 *
 * Sending never blocks and never calls the handler: what is sent is queued and written when the
 * loop comes round, and a session that must be dropped is closed (handler->closed) then, too.
 *
 * When a program shuts down its sending side ("printf ... | socat"), everything that it sent is
 * handled, a last line without a newline included. The session then stays until all its output is
 * written and nobody holds it (local_session_hold). The bridge holds it for each reply that it
 * owes and for each subscription or watch, so that a program which only listens may close its
 * sending side. A session ends at once when the program closes its socket.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "message/message.h"
#include "util/macro.h"

typedef struct LocalSession LocalSession;

#define LOCAL_ID_BYTES_MAX 64U

/* The "id" of a request, echoed in its reply: an integer, a string, or absent. */
typedef struct LocalId {
        enum { LOCAL_ID_NONE, LOCAL_ID_INTEGER, LOCAL_ID_STRING } kind;
        int64_t integer;
        char string[LOCAL_ID_BYTES_MAX + 1];
} LocalId;

/* What the reply to a publish shall mean (docs/PROTOCOL.md, "wait"). */
typedef enum LocalWait {
        LOCAL_WAIT_DEFAULT, /* sent for QoS 0, stored for QoS 1 */
        LOCAL_WAIT_SENT,
        LOCAL_WAIT_STORED,
        LOCAL_WAIT_DELIVERED,
} LocalWait;

typedef struct LocalPublish {
        const LocalId *id;
        Message *message; /* under its local topic; borrowed */
        LocalWait wait;
        uint32_t ttl_sec; /* 0: no limit */
} LocalPublish;

typedef struct LocalSubscribe {
        const LocalId *id;
        const char *filter;
        int qos;
        bool durable;
} LocalSubscribe;

/* At most this many messages are listed at a time; and when the program doesn't say how many. */
#define LOCAL_SPOOL_PAGE_MAX 1000U
#define LOCAL_SPOOL_PAGE     100U

typedef struct LocalSpool {
        const LocalId *id;
        enum { LOCAL_SPOOL_LIST, LOCAL_SPOOL_DROP } action;
        const char *filter; /* of remote names; NULL: all (list), or the receipt says which (drop)
                             */
        uint64_t after;     /* list: receipts greater than this */
        uint32_t limit;     /* list: 1 to LOCAL_SPOOL_PAGE_MAX */
        uint64_t receipt;   /* drop: 0 when there is a filter */
} LocalSpool;

/* A message that waits on disk. */
typedef struct LocalSpooled {
        uint64_t receipt;
        const char *topic; /* remote */
        size_t size;
        uint64_t accepted_sec;  /* since 1970 */
        int64_t expires_in_sec; /* < 0: never */
} LocalSpooled;

/* Who the handler is: the bridge. Everything borrowed is valid only during the call. */
typedef struct LocalHandler {
        void (*hello)(void *userdata, LocalSession *session, const LocalId *id);
        void (*publish)(void *userdata, LocalSession *session, const LocalPublish *publish);
        void (*subscribe)(void *userdata, LocalSession *session, const LocalSubscribe *subscribe);
        void (*unsubscribe)(void *userdata,
                            LocalSession *session,
                            const LocalId *id,
                            const char *filter);
        void (*done)(void *userdata, LocalSession *session, uint64_t mid);
        void (*status)(void *userdata, LocalSession *session, const LocalId *id);
        void (*watch)(void *userdata, LocalSession *session, const LocalId *id);
        /* @wait is LOCAL_WAIT_STORED or LOCAL_WAIT_DELIVERED. */
        void (*receipt)(void *userdata,
                        LocalSession *session,
                        const LocalId *id,
                        uint64_t receipt,
                        LocalWait wait);
        void (*spool)(void *userdata, LocalSession *session, const LocalSpool *request);
        /* The last call for this session, also when the server is freed. */
        void (*closed)(void *userdata, LocalSession *session);
} LocalHandler;

/* The states of an "ack" and the codes of an "error", as docs/PROTOCOL.md has them. */
typedef enum LocalAck {
        LOCAL_ACK_SENT,
        LOCAL_ACK_STORED,
        LOCAL_ACK_DELIVERED,
        LOCAL_ACK_SUBSCRIBED,
        LOCAL_ACK_UNSUBSCRIBED,
        LOCAL_ACK_DROPPED,
        _LOCAL_ACK_MAX,
} LocalAck;

typedef enum LocalError {
        LOCAL_ERROR_BAD_REQUEST,
        LOCAL_ERROR_TOO_LARGE,
        LOCAL_ERROR_BAD_TOPIC,
        LOCAL_ERROR_UNSUPPORTED,
        LOCAL_ERROR_DENIED,
        LOCAL_ERROR_QUOTA,
        LOCAL_ERROR_FULL,
        LOCAL_ERROR_OFFLINE,
        LOCAL_ERROR_EXPIRED,
        LOCAL_ERROR_REJECTED,
        LOCAL_ERROR_INTERNAL,
        _LOCAL_ERROR_MAX,
} LocalError;

/* One named value of a status, state or hello object. */
typedef struct LocalFact {
        const char *name;
        enum { LOCAL_FACT_STRING, LOCAL_FACT_INTEGER, LOCAL_FACT_BOOL } kind;
        const char *string; /* NULL: the member is left out */
        int64_t integer;    /* also the bool */
} LocalFact;

LocalSession *local_session_ref(LocalSession *session);
LocalSession *local_session_unref(LocalSession *session);

/* The handler's own pointer for this session; NULL at first. */
void local_session_set_userdata(LocalSession *session, void *userdata);
void *local_session_userdata(const LocalSession *session);

/* For log lines: the name from "hello", or "pid 123"; with the kernel's word on who it is. */
const char *local_session_name(const LocalSession *session);
/* The name from "hello", NULL without one: what durable subscriptions need. */
const char *local_session_client(const LocalSession *session);
uid_t local_session_uid(const LocalSession *session);
pid_t local_session_pid(const LocalSession *session);

/* {"op":"ack",...}. @qos < 0 leaves "qos" out; @pending adds "pending":true. */
void local_session_ack(
                LocalSession *session, const LocalId *id, LocalAck state, int qos, bool pending);

/* The same with "receipt": what the program can ask for later. 0 leaves it out. */
void local_session_ack_receipt(LocalSession *session,
                               const LocalId *id,
                               LocalAck state,
                               int qos,
                               uint64_t receipt);

/* {"op":"ack","state":"dropped",...}, the answer to a drop. */
void local_session_dropped(LocalSession *session, const LocalId *id, uint64_t count);

/* {"op":"spool",...}, the answer to a list. @after: where to go on; 0: there are no more. */
void local_session_spool(LocalSession *session,
                         const LocalId *id,
                         const LocalSpooled *items,
                         size_t n_items,
                         uint64_t after);

/* {"op":"error",...}. @filter, when not NULL, adds "filter". */
void local_session_error(LocalSession *session,
                         const LocalId *id,
                         LocalError code,
                         const char *filter,
                         const char *format,
                         ...) _printf_(5, 6);

/* {"op":"msg",...} under the local name @topic. @mid 0 leaves "mid" out, @redelivered false
 * "redelivered". */
void local_session_message(LocalSession *session,
                           const char *topic,
                           const Message *message,
                           int qos,
                           uint64_t mid,
                           bool redelivered);

/* {"op":@op, "id":..., facts...} for hello, status and state. */
void local_session_facts(LocalSession *session,
                         const char *op,
                         const LocalId *id,
                         const LocalFact *facts,
                         size_t n_facts);

/* Keeps a session whose program has shut down its sending side; see above. Calls are counted. A
 * hold left over when the session closes needs no release. */
void local_session_hold(LocalSession *session);
void local_session_release(LocalSession *session);

/* Stops and resumes reading from this session: the bridge's way to say "not so fast". */
void local_session_set_paused(LocalSession *session, bool paused);

DEFINE_CLEANUP(LocalSession *, local_session_unref);
