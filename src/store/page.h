/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Page
 *
 * Some messages in a row, as a table has them. Rows that can't be messages (the disk has changed
 * them in a way that SQLite can't see) are left out and listed.
 */

#include "store/database.h"
#include "store/store.h"

typedef struct Page {
        StoreRecord *records;
        size_t n;
        uint64_t *bad; /* numbers of rows that make no sense */
        size_t n_bad;
        uint64_t last_seq; /* of what was looked at, good or bad; 0: there was nothing */
} Page;

/*
 * Adds the rows of @statement, which has its values, and whose columns are: seq, topic, payload,
 * qos, expires, route, accepted, when_full. Stops before more than @max_bytes of topics and
 * payloads, but not before the first. 0 or -errno, DATABASE_CORRUPT among them.
 */
_warn_unused_ int page_read(Page *page, Database *db, sqlite3_stmt *statement, size_t max_bytes);
void page_done(Page *page);
