/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Incoming
 *
 * The messages that wait for durable subscribers, and for whom each waits. As long as nobody has
 * said for whom, a message waits for the client with the empty name. Results as in spool.h.
 */

#include "store/clients.h"
#include "store/database.h"
#include "store/page.h"
#include "store/store.h"

/* -ENOSPC when @limits don't allow it. If they want the oldest to go instead, @dropped counts whose
 * messages these were. */
_warn_unused_ int incoming_keep(Database *db,
                                const Message *message,
                                const StoreLimits *limits,
                                uint64_t *ret_seq,
                                ClientCounts *dropped);
/* @names holds @n strings, each with its NUL; with none the message is gone. Only the first word on
 * a message counts. */
_warn_unused_ int incoming_assign(Database *db, uint64_t seq, const char *names, size_t n);
_warn_unused_ int incoming_finish(Database *db, uint64_t seq, const char *client);

/* The client has finished with up to @max of its messages, the first ones. */
_warn_unused_ int incoming_finish_some(Database *db, const char *client, size_t max, size_t *ret_n);
/* Nobody can have it any more. */
_warn_unused_ int incoming_discard(Database *db, uint64_t seq);

/* NULL: of nobody yet. With none but bad rows it reads those after them. */
_warn_unused_ int incoming_read(
                Database *db, const char *client, uint64_t after, size_t max, Page *ret);
