/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Keeper
 *
 * Carries out requests on the database, many in one commit, and deals with what a disk can do to
 * it: full, failing, read-only, damaged. One thread at a time.
 */

#include "store/place.h"
#include "store/request.h"

typedef struct Keeper {
        Place place;
        Database *db; /* NULL: must be opened again */
        Terms terms;
        Totals known; /* of the database that was closed */

        int error; /* why the last change failed; 0: it didn't */
        uint64_t retry_at_usec, retry_usec;
        Requests owed; /* lazy ones of changes that failed */

        uint64_t stuck_after; /* where the spool can't be read on */
        unsigned n_stuck;     /* how often that was tried */

        uint64_t commits, failures, n_unreadable, file_bytes;
        bool note_end;    /* keeper_done() notes the time, though nothing may be stored */
        bool untidy;      /* the file may be larger than need be */
        bool shrinking;   /* has been made smaller, but only in the log */
        Requests notices; /* what is to be told, before the results */
} Keeper;

/* @retry_usec: after a failure the disk is left alone for so long. */
_warn_unused_ int keeper_init(Keeper *keeper,
                              const char *directory,
                              const StoreLimits *limits,
                              const char *vfs,
                              uint64_t retry_usec,
                              StoreInfo *ret_info);
void keeper_done(Keeper *keeper);

/*
 * Carries out changes in one transaction and writes each one's result to it. Lazy ones that failed
 * are taken out of @batch, to be done with a later one.
 */
void keeper_write(Keeper *keeper, Requests *batch);
void keeper_read(Keeper *keeper, Request *request);

/* When keeper_write() should be called even with nothing; 0: not at all. */
uint64_t keeper_due_usec(const Keeper *keeper);

/* Call after changes, when nobody waits for it. */
void keeper_checkpoint(Keeper *keeper);
/* Call when there is nothing else to do and it is wanted. */
bool keeper_wants_tidying(const Keeper *keeper);
void keeper_tidy(Keeper *keeper);
