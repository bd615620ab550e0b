/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Fates
 *
 * What became of the messages of the spool. Delivered are those whose row is gone, unless there is
 * a note why else it went, or their number was never in this database: lower than where it began,
 * in a gap between two runs, or higher than all. So nothing that was lost, with a file or with what
 * a disk only pretended to have written, is ever called delivered. Results as in spool.h.
 */

#include "store/database.h"
#include "store/store.h"

/* Of the newest only; older ones are unknown. */
_warn_unused_ int fates_remember(Database *db, uint64_t seq, StoreFate why);
/* It was delivered after all. */
_warn_unused_ int fates_forget(Database *db, uint64_t seq);

/* The numbers from @first to before @next were given to no message. */
_warn_unused_ int fates_add_gap(Database *db, uint64_t first, uint64_t next);

_warn_unused_ int fates_ask(Database *db, uint64_t seq, StoreFate *ret);
