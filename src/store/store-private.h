/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the parts of the store's interface share: store.c, store-spool.c, store-inbox.c.
 */

#include "store/request.h"
#include "store/store.h"
#include "store/ttl-clock.h"
#include "store/worker.h"

/* Each may be NULL. */
typedef struct StoreCallbacks {
        StoreReplacedFunc replaced;
        void *replaced_userdata;
        StoreDroppedFunc dropped;
        void *dropped_userdata;
        StoreUnreadableFunc unreadable;
        void *unreadable_userdata;
        StoreInboxDroppedFunc inbox_dropped;
        void *inbox_dropped_userdata;
} StoreCallbacks;

struct Store {
        Worker *worker;
        TtlClock clock;
        StoreCallbacks callbacks;
};

/* Takes the request if it succeeds. */
_warn_unused_ int store_push(Store *store, Request **request);
