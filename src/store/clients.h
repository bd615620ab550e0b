/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Clients
 *
 * When durable subscribers were last here. Results as in spool.h.
 */

#include "store/database.h"

/* How many messages of which client. A zeroed struct is an empty list. */
typedef struct ClientCount {
        char *client;
        uint64_t n;
} ClientCount;

typedef struct ClientCounts {
        ClientCount *items;
        size_t n;
} ClientCounts;

_warn_unused_ int client_counts_add(ClientCounts *counts, const char *client, uint64_t n);
/* Leaves the first @n. */
void client_counts_shorten(ClientCounts *counts, size_t n);
void client_counts_done(ClientCounts *counts);

/* It is here now, by the database's clock. */
_warn_unused_ int clients_touch(Database *db, const char *client);
/* There is something for it: if nobody has seen it before, it has been absent from now on. */
_warn_unused_ int clients_note(Database *db, const char *client);

/* The way of forgetting those who are absent, step by step. */
typedef struct Forgetting {
        uint64_t max_age_msec;
        ClientCounts done; /* who is forgotten, with how many messages */
        uint64_t n;        /* messages of the one who is being forgotten */
        size_t n_sure;     /* of @done: committed in earlier steps */
        bool more;         /* another step is needed, in another transaction */
} Forgetting;

_warn_unused_ int clients_forget_step(Database *db, Forgetting *forgetting);
