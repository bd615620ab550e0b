/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spool desk
 *
 * Where people look at what waits for the cloud on disk, and drop of it. Whatever is asked, and by
 * however many, the store is read one small page at a time, and requests take turns: neither the
 * loop nor anybody's publishes wait long for it.
 */

#include "local/session.h"
#include "store/store.h"

typedef struct SpoolDesk SpoolDesk;

typedef struct SpoolDeskHandler {
        /* A number that no message has yet; those with higher ones come later. */
        uint64_t (*next_seq)(void *userdata);
        /* Gives up these messages, on disk and in memory, and tells who waits for them. 0 or
         * -errno. */
        int (*drop)(void *userdata, const uint64_t *seqs, size_t n);
        void *userdata;
} SpoolDeskHandler;

_warn_unused_ int spool_desk_new(SpoolDesk **ret, const SpoolDeskHandler *handler);

/* From now on there is a store, which must outlive the desk. */
void spool_desk_set_store(SpoolDesk *desk, Store *store);

/* Tells everyone who still waits that the daemon is stopping. */
SpoolDesk *spool_desk_free(SpoolDesk *desk);

/* Answers at once or later. A session may have one request under way. */
void spool_desk_request(SpoolDesk *desk, LocalSession *session, const LocalSpool *request);

/* The session is gone: nothing more is listed for it. What it wanted dropped is dropped. */
void spool_desk_forget(SpoolDesk *desk, const LocalSession *session);

DEFINE_CLEANUP(SpoolDesk *, spool_desk_free);
