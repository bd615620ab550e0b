/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Guard
 *
 * What must be on the disk before the cloud hears that it has arrived: QoS 1 messages that a
 * durable subscription wants. The transport asks on a thread of its own, so the filters stand here
 * a second time, behind a lock. Where there are no durable ones, asking costs only that lock.
 *
 * Until the store has told which durable subscriptions there are, or that it is new, nobody knows:
 * what nobody else has subscribed to is not acknowledged then. And when one message could not be
 * kept, none after it is in the same connection, so that they come again in their order.
 */

#include "cloud/transport.h"
#include "store/store.h"

typedef struct Guard Guard;

_warn_unused_ int guard_new(Guard **ret);
/* The transport must have ended. */
Guard *guard_free(Guard *guard);

/* From now on nothing is kept, and nothing acknowledged. Waits for the disk, if it is at it. */
void guard_shut(Guard *guard);

/* For the transport. */
TransportKeeper guard_keeper(Guard *guard);

/* Remote filters are added and removed in pairs. Returns 0 or -ENOMEM. */
_warn_unused_ int guard_add(Guard *guard, const char *filter, bool durable);
void guard_remove(Guard *guard, const char *filter, bool durable);

/* There can't be durable subscriptions yet: there has never been a store. */
void guard_set_empty(Guard *guard);

/* The durable filters are complete; @store keeps their messages from now on. */
void guard_set_store(Guard *guard, Store *store);

DEFINE_CLEANUP(Guard *, guard_free);
