/* SPDX-License-Identifier: Apache-2.0 */
#include "store/spool.h"

#include <errno.h>

#include "store/quota.h"
#include "store/topics.h"

int spool_put(Database *db, const StoreRecord *record, const StoreLimits *limits) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        const Message *message = record->message;
        uint64_t size = quota_size(message);
        Totals *t = &db->totals;
        int r;

        if (!quota_allows(limits, t->n_spooled, t->spooled_bytes, size))
                return -ENOSPC;
        r = database_statement(db, STATEMENT_SPOOL_PUT, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, record->seq);
        statement_bind(s, 2, record->expires_msec);
        statement_bind(s, 3, record->route);
        statement_bind(s, 4, size);
        (void)sqlite3_bind_text(s, 5, message_topic(message), -1, SQLITE_STATIC);
        (void)sqlite3_bind_blob64(s, 6, message_payload(message), message_payload_size(message),
                                  SQLITE_STATIC);
        statement_bind(s, 7, record->accepted_wall_msec);
        statement_bind(s, 8, record->when_full);
        r = database_step(db, s);
        if (r == 0)
                r = topics_add(db, store_topic_hash(message_topic(message)), record->seq);
        if (r != 0)
                return r;
        t->n_spooled++;
        t->spooled_bytes += size;
        if (t->next_seq <= record->seq)
                t->next_seq = record->seq + 1;
        return 0;
}

int spool_delete(Database *db, uint64_t seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        Totals *t = &db->totals;
        const char *topic;
        uint64_t size;
        int r;

        r = database_statement(db, STATEMENT_SPOOL_DELETE, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        r = database_step(db, s);
        if (r != 1)
                return r;
        size = statement_value(s, 0);
        topic = (const char *)sqlite3_column_text(s, 1);
        if (t->n_spooled == 0 || t->spooled_bytes < size)
                return database_corrupt(db, "more in the spool than its totals say");
        t->n_spooled--;
        t->spooled_bytes -= size;
        return topics_remove(db, store_topic_hash(topic ? topic : ""));
}

static int record_of(Database *db, sqlite3_stmt *s, StoreRecord *ret) {
        const char *topic = (const char *)sqlite3_column_text(s, 3);
        const void *payload = sqlite3_column_blob(s, 4);
        StoreRecord record = {
                        .seq = statement_value(s, 0),
                        .expires_msec = statement_value(s, 1),
                        .route = (uint32_t)sqlite3_column_int64(s, 2),
                        .accepted_wall_msec = statement_value(s, 5),
                        .when_full = (StorePolicy)sqlite3_column_int(s, 6),
        };
        int r;

        if (!topic)
                return sqlite3_errcode(db->sqlite) == SQLITE_NOMEM
                                       ? -ENOMEM
                                       : database_corrupt(db, "a message without a topic");
        r = message_new(&record.message, topic, payload, (size_t)sqlite3_column_bytes(s, 4), 1);
        if (r < 0)
                return r;
        *ret = record;
        return 0;
}

void spool_page_done(SpoolPage *page) {
        for (size_t i = 0; i < page->n; i++)
                page->records[i].message = message_unref(page->records[i].message);
        free(page->records);
        *page = (SpoolPage){0};
}

int spool_read(Database *db, uint64_t after, size_t max, size_t max_bytes, SpoolPage *ret) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        _cleanup_(spool_page_done) SpoolPage page = {0};
        size_t size = 0, bytes = 0;
        int r;

        r = database_statement(db, STATEMENT_SPOOL_READ, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, after);
        statement_bind(s, 2, max);
        while ((r = database_step(db, s)) == 1) {
                bytes += (size_t)sqlite3_column_bytes(s, 3) + (size_t)sqlite3_column_bytes(s, 4);
                if (page.n > 0 && bytes > max_bytes)
                        break;
                if (page.n == size) {
                        StoreRecord *records;

                        size = size == 0 ? 16 : size * 2;
                        records = reallocarray(page.records, size, sizeof(*records));
                        if (!records)
                                return -ENOMEM;
                        page.records = records;
                }
                r = record_of(db, s, &page.records[page.n]);
                if (r != 0)
                        return r;
                page.n++;
        }
        if (r < 0)
                return r;
        *ret = page;
        page = (SpoolPage){0};
        return 0;
}

static int end_of(Database *db, Statement which, uint64_t *ret) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, which, &s);
        if (r != 0)
                return r;
        r = database_step(db, s);
        if (r < 0)
                return r;
        *ret = r == 1 ? statement_value(s, 0) : 0;
        return 0;
}

int spool_ends(Database *db, uint64_t *ret_first, uint64_t *ret_last) {
        uint64_t first = 0, last = 0;
        int r;

        r = end_of(db, STATEMENT_SPOOL_FIRST, &first);
        if (r == 0)
                r = end_of(db, STATEMENT_SPOOL_LAST, &last);
        if (r != 0)
                return r;
        *ret_first = first;
        *ret_last = last;
        return 0;
}
