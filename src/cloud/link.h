/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Link
 *
 * Keeps one connection to the cloud up for ever: when to try, with which credentials, how long to
 * wait after which kind of failure, how many CONNECTs a minute, when silence means death. Logs each
 * state change once. Loop thread only; time is given by the caller, waiting is the caller's too:
 * after any call, link_deadline_usec() says when link_tick() is due.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "cloud/link-status.h"
#include "cloud/transport.h"
#include "util/backoff.h"
#include "util/macro.h"

typedef struct Link Link;

/* A root to trust, and the port where the server's certificate comes from it (0: the endpoint's).
 */
typedef struct LinkRoot {
        const char *file;
        uint16_t port;
} LinkRoot;

/* Where the credentials of each attempt come from. */
typedef struct LinkSource {
        /*
         * Asks for fresh ones; @previous is how the last attempt or connection ended. Returns 1
         * and fills @ret; 0 when link_offer() or link_deny() will be called later, exactly once;
         * or -errno.
         */
        int (*get)(void *userdata, Reason previous, Credentials *ret);
        void *userdata;
        bool connects; /* asking for them takes a CONNECT, too, which the cloud counts */
        bool renews;   /* a refusal may only mean that they have ended: then new ones will do */
} LinkSource;

/* All of it is borrowed and must outlive the link, or the next link_set_config(). */
typedef struct LinkConfig {
        LinkSource source;
        const LinkRoot *roots; /* tried in turn while trust fails; the one that works is kept */
        size_t n_roots;        /* 0: TLS without roots of ours can't be; fine for plain TCP */
        const char *certificate_file, *key_file;
        unsigned keepalive_sec, connect_timeout_sec;
        unsigned connects_per_minute; /* 0: no limit */
        BackoffRange network;
} LinkConfig;

/* What the link tells its owner; all on the loop thread. */
typedef struct LinkHandler {
        /* Something in link_status() has changed. */
        void (*changed)(void *userdata);
        /* Answers to link_publish() and the others; none comes for what was asked before the
         * connection ended. @ok is false when the message could not be handed over. */
        void (*published)(void *userdata, uint64_t token, bool ok);
        void (*subscribed)(void *userdata, uint64_t token, int code); /* SUBACK's, 0x80 refuses */
        void (*unsubscribed)(void *userdata, uint64_t token);
        /* @message is borrowed; @kept is the keeper's number of it, 0 if it has none. */
        void (*message)(void *userdata, Message *message, uint64_t kept);
        /* The keeper could not keep a message, @r is why. The cloud has had no PUBACK for it and
         * sends it again on the next connection. */
        void (*withheld)(void *userdata, int r);
} LinkHandler;

/* @random gives 32 random bits. Takes the transport on success. */
_warn_unused_ int link_new(Link **ret,
                           Transport *take_transport,
                           const LinkConfig *config,
                           const LinkHandler *handler,
                           void *userdata,
                           uint32_t (*random)(void));
Link *link_free(Link *link);

/* Gives the transport back to who made it, for a constructor that fails halfway. */
void link_release_transport(Link *link);

/* Who keeps messages before they are acknowledged; copied. Before link_start(). */
void link_set_keeper(Link *link, const TransportKeeper *keeper);

void link_start(Link *link, uint64_t now_usec);

/*
 * Goes on with another configuration. @reconnect: source, roots or keepalive are others, so that
 * the connection or attempt is ended and the next one starts at once, within the budget; otherwise
 * whatever is under way goes on. The old configuration is not used any more. Returns 0, or -ENOMEM
 * when nothing has changed.
 */
_warn_unused_ int link_set_config(Link *link,
                                  const LinkConfig *config,
                                  bool reconnect,
                                  uint64_t now_usec);

/* The source's answer: credentials, which are moved out of @take; or why there are none. */
void link_offer(Link *link, Credentials *take, uint64_t now_usec);
void link_deny(Link *link, Reason reason, const char *detail, uint64_t now_usec);

/* Whether an attempt waits for the source's answer. */
bool link_awaits(const Link *link);

/* Disconnects and stays so; the state becomes LINK_STOPPED when that is done. */
void link_stop(Link *link);

/* Ends the connection for a reason that the owner has found, and goes on as after any loss. */
void link_abandon(Link *link, Reason reason, uint64_t now_usec);

/* Readable when link_dispatch() has work. */
int link_fd(const Link *link);

/* Handles up to a bounded number of the cloud's events. */
void link_dispatch(Link *link, uint64_t now_usec);

/* When link_tick() is due; USEC_INFINITY when nothing is. */
uint64_t link_deadline_usec(const Link *link);
void link_tick(Link *link, uint64_t now_usec);

/* For how long the thread that talks to the cloud has given no sign of life; each call asks for one
 * when none is asked for yet. 0: it has given the last. */
uint64_t link_stall_usec(Link *link);

void link_status(const Link *link, LinkStatus *ret);
bool link_is_online(const Link *link);

/* Only while online. 0 or -errno. */
_warn_unused_ int link_publish(Link *link, uint64_t token, Message *message, int qos);
_warn_unused_ int link_subscribe(Link *link, uint64_t token, const char *filter, int qos);
_warn_unused_ int link_unsubscribe(Link *link, uint64_t token, const char *filter);

DEFINE_CLEANUP(Link *, link_free);
