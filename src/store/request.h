/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Request
 *
 * What is asked of the store, on its way to the thread that owns the database and back.
 */

#include "store/clients.h"
#include "store/incoming.h"
#include "store/spool.h"
#include "store/store.h"
#include "store/subscriptions.h"
#include "store/topics.h"

typedef enum RequestKind {
        REQUEST_PUT,
        REQUEST_DELETE,
        REQUEST_GIVE_UP,
        REQUEST_READ,
        REQUEST_PEEK,
        REQUEST_ASK,
        REQUEST_READ_TOPICS,
        REQUEST_KEEP,
        REQUEST_ASSIGN,
        REQUEST_FINISH,
        REQUEST_DISCARD,
        REQUEST_READ_INCOMING,
        REQUEST_SUBSCRIBE,
        REQUEST_UNSUBSCRIBE,
        REQUEST_READ_SUBSCRIPTIONS,
        REQUEST_TOUCH,
        REQUEST_FORGET,

        /* Not asked, but said by the thread: */
        REQUEST_REPLACED,      /* the database is a new one */
        REQUEST_UNREADABLE,    /* of the spool, from ->seq to ->last_seq */
        REQUEST_INBOX_DROPPED, /* ->counts */
} RequestKind;

/* What the requests of one store have in common. */
typedef struct Terms {
        StoreLimits limits;
        uint64_t handed_seq; /* up to here the spool was read */
} Terms;

typedef struct Request Request;

struct Request {
        Request *next;
        RequestKind kind;
        uint64_t queued_usec;

        StoreRecord record; /* put, keep: holds a reference to the message */
        uint64_t seq;       /* assign, finish, ask; read: after this one; keep: what it got */
        uint64_t last_seq;
        uint64_t *seqs;   /* delete, give up, discard */
        size_t n;         /* of seqs or names */
        size_t max;       /* read */
        size_t max_bytes; /* read */
        StoreFate fate;   /* give up; ask: the answer */
        char *client;     /* finish, read incoming (NULL: nobody), (un)subscribe, touch */
        char *filter;     /* (un)subscribe */
        int qos;          /* subscribe */
        char *names;      /* assign: strings one behind the other */
        size_t names_size;

        int r;
        Page page;
        StoreIncoming *incoming; /* the page's messages, in the form of the inbox */
        TopicList topics;
        Subscriptions subscriptions;
        SeqList dropped;     /* put: to make room */
        ClientCounts counts; /* keep: the same */
        Forgetting forgetting;
        uint8_t n_failed; /* owed: how often it has failed by itself */
        StoreInfo *info;  /* replaced */

        union {
                StoreDoneFunc done;
                StoreReadFunc read;
                StoreIncomingFunc incoming;
                StoreFateFunc fate;
                StoreTopicsFunc topics;
                StoreForgottenFunc forgotten;
        } func;
        void *userdata;
        bool waited; /* by a thread, which also frees it */
        bool finished;
};

_warn_unused_ int request_new(Request **ret, RequestKind kind);
Request *request_free(Request *request);

/* Needs no answer and can wait; undone by a crash, it only causes duplicates. */
bool request_is_lazy(const Request *request);
/* Changes nothing and wants everything before it to be committed. */
bool request_is_read(const Request *request);
/* The memory that it holds. */
size_t request_footprint(const Request *request);

/* Does it, in the transaction under way if it is not a read. The result is also in ->r. */
int request_execute(Request *request, Database *db, const Terms *terms);
/* Calls who asked, if anyone wants to be called. */
void request_answer(Request *request);

/* A queue. A zeroed struct is an empty one. */
typedef struct Requests {
        Request *first, *last;
        size_t n, bytes;
} Requests;

void requests_append(Requests *list, Request *take);
/* Moves all of @take behind @list. */
void requests_join(Requests *list, Requests *take);
Request *requests_take_first(Requests *list);
/* Takes it out and frees it. */
void requests_remove(Requests *list, Request *request);
void requests_done(Requests *list);

DEFINE_CLEANUP(Request *, request_free);
