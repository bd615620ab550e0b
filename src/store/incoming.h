/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Incoming
 *
 * The messages that wait for durable subscribers, and for whom each waits. As long as nobody has
 * said for whom, a message waits for the client with the empty name. Results as in spool.h.
 */

#include "store/database.h"
#include "store/store.h"

/* -ENOSPC when @limits don't allow it. */
_warn_unused_ int incoming_keep(Database *db,
                                const Message *message,
                                const StoreLimits *limits,
                                uint64_t *ret_seq);
/* @names holds @n strings, each with its NUL; with none the message is gone. Only the first word on
 * a message counts. */
_warn_unused_ int incoming_assign(Database *db, uint64_t seq, const char *names, size_t n);
_warn_unused_ int incoming_finish(Database *db, uint64_t seq, const char *client);

typedef struct IncomingPage {
        StoreIncoming *messages;
        size_t n;
} IncomingPage;

_warn_unused_ int incoming_read(
                Database *db, const char *client, uint64_t after, size_t max, IncomingPage *ret);
void incoming_page_done(IncomingPage *page);
