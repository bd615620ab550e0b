/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Room
 *
 * Which messages of the spool go when another comes and there is no room. Results as in spool.h.
 */

#include "store/database.h"
#include "store/store.h"

typedef struct SeqList {
        uint64_t *seqs;
        size_t n;
} SeqList;

void seq_list_done(SeqList *list);

/* Lists what has to go so that @record fits; nothing is changed. Not what is numbered up to
 * @handed_seq. -ENOSPC when that is not enough. */
_warn_unused_ int room_find(Database *db,
                            const StoreRecord *record,
                            const StoreLimits *limits,
                            uint64_t handed_seq,
                            SeqList *ret);

/* For routes that keep the latest: notes that the message before this one, which is not yet put, is
 * now outdated. Only if it is of the same route and policy. */
_warn_unused_ int room_note_outdated(Database *db, const StoreRecord *record);
/* It is gone. */
_warn_unused_ int room_forget_outdated(Database *db, uint32_t route, uint64_t seq);
