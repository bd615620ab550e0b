/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spool
 *
 * The table of messages that wait for the cloud. Every function takes a Database and returns 0 or
 * -errno, DATABASE_CORRUPT among them; changes are made inside of a transaction.
 */

#include "store/database.h"
#include "store/store.h"

/* -ENOSPC when @limits don't allow it, -EEXIST when there is one of this number. */
_warn_unused_ int spool_put(Database *db, const StoreRecord *record, const StoreLimits *limits);
/* One that isn't there is fine. */
_warn_unused_ int spool_delete(Database *db, uint64_t seq);

typedef struct SpoolPage {
        StoreRecord *records;
        size_t n;
} SpoolPage;

_warn_unused_ int spool_read(
                Database *db, uint64_t after, size_t max, size_t max_bytes, SpoolPage *ret);
void spool_page_done(SpoolPage *page);

/* The lowest and the highest number in it; 0 when it is empty. */
_warn_unused_ int spool_ends(Database *db, uint64_t *ret_first, uint64_t *ret_last);
