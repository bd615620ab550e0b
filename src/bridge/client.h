/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Client
 *
 * What the bridge remembers of one session: its subscriptions, how much of it is on the way up.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/session.h"

typedef struct Durable Durable;           /* durable.h */
typedef struct Subscription Subscription; /* subscription.h */

typedef struct Client {
        struct Client *prev, *next;
        LocalSession *session;
        Subscription *subscriptions;
        size_t n_subscriptions;
        Durable *durable; /* whose messages it gets; NULL: no one's */
        uint64_t last_mid;
        size_t n_rising; /* publishes not finished yet */
        bool paused;
        bool watching;
} Client;

/* All clients, newest first. */
typedef struct Clients {
        Client *first;
        size_t n;
} Clients;

/* The session's client, made at its first use; NULL without memory. */
Client *client_of(Clients *clients, LocalSession *session);

/* The session's client if it has one. */
Client *client_peek(const LocalSession *session);

/* Forgets the client; its subscriptions must be gone. */
void client_remove(Clients *clients, Client *client);
