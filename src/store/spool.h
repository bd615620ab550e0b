/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spool
 *
 * The table of messages that wait for the cloud. Every function takes a Database and returns 0 or
 * -errno, DATABASE_CORRUPT among them; changes are made inside of a transaction.
 */

#include "store/database.h"
#include "store/page.h"
#include "store/room.h"
#include "store/store.h"

/*
 * -ENOSPC when @limits don't allow it and its policy can't make room, -EEXIST when there is one of
 * this number. What went to make room, none of it numbered up to @handed_seq, is in @ret_dropped.
 */
_warn_unused_ int spool_put(Database *db,
                            const StoreRecord *record,
                            const StoreLimits *limits,
                            uint64_t handed_seq,
                            SeqList *ret_dropped);

/* It was delivered. One that isn't there is fine. */
_warn_unused_ int spool_delete(Database *db, uint64_t seq);
/* It won't be, and this is why. */
_warn_unused_ int spool_give_up(Database *db, uint64_t seq, StoreFate why);

/* The next ones after @after; with none but bad rows those after them. */
_warn_unused_ int spool_read(Database *db, uint64_t after, size_t max, size_t max_bytes, Page *ret);

/* The lowest and the highest number in it; 0 when it is empty. */
_warn_unused_ int spool_ends(Database *db, uint64_t *ret_first, uint64_t *ret_last);
