/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Subscriptions
 *
 * The table of durable subscriptions: few, and read whole. Results as in spool.h.
 */

#include "store/database.h"

typedef struct Subscription {
        char *client, *filter;
        int qos;
} Subscription;

typedef struct Subscriptions {
        Subscription *items;
        size_t n;
} Subscriptions;

void subscriptions_done(Subscriptions *list);

_warn_unused_ int subscriptions_put(Database *db, const char *client, const char *filter, int qos);
_warn_unused_ int subscriptions_delete(Database *db, const char *client, const char *filter);
/* All of the client's. */
_warn_unused_ int subscriptions_clear(Database *db, const char *client);
_warn_unused_ int subscriptions_read(Database *db, Subscriptions *ret);
