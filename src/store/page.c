/* SPDX-License-Identifier: Apache-2.0 */
#include "store/page.h"

#include <errno.h>
#include <string.h>

#include "message/topic.h"

enum { SEQ, TOPIC, PAYLOAD, QOS, EXPIRES, ROUTE, ACCEPTED, WHEN_FULL };

static size_t size_of(sqlite3_stmt *s, int column) {
        return (size_t)sqlite3_column_bytes(s, column);
}

/* -EBADMSG when it makes no sense. */
static int record_of(sqlite3_stmt *s, StoreRecord *ret) {
        const char *topic = (const char *)sqlite3_column_text(s, TOPIC);
        const void *payload = sqlite3_column_blob(s, PAYLOAD);
        size_t size = size_of(s, PAYLOAD);
        int qos = sqlite3_column_int(s, QOS);
        StoreRecord record = {
                        .seq = statement_value(s, SEQ),
                        .expires_msec = statement_value(s, EXPIRES),
                        .route = (uint32_t)sqlite3_column_int64(s, ROUTE),
                        .accepted_wall_msec = statement_value(s, ACCEPTED),
                        .when_full = (StorePolicy)sqlite3_column_int(s, WHEN_FULL),
        };
        int r;

        if ((!topic || (!payload && size > 0)) &&
            sqlite3_errcode(sqlite3_db_handle(s)) == SQLITE_NOMEM)
                return -ENOMEM;
        if (!topic || strlen(topic) != size_of(s, TOPIC) || topic_name_problem(topic, NULL) ||
            size > MESSAGE_PAYLOAD_MAX || qos < 0 || qos > 2)
                return -EBADMSG;
        r = message_new(&record.message, topic, payload, size, qos);
        if (r == 0)
                *ret = record;
        return r;
}

/* Arrays grow when they hold nothing, or a power of two. */
static bool is_full(size_t n) {
        return n == 0 || (n >= 16 && (n & (n - 1)) == 0);
}

static size_t next_size(size_t n) {
        return n == 0 ? 16 : n * 2;
}

static int add_bad(Page *page, uint64_t seq) {
        if (is_full(page->n_bad)) {
                uint64_t *bad = reallocarray(page->bad, next_size(page->n_bad), sizeof(*bad));

                if (!bad)
                        return -ENOMEM;
                page->bad = bad;
        }
        page->bad[page->n_bad++] = seq;
        return 0;
}

static int add(Page *page, sqlite3_stmt *s) {
        int r;

        if (is_full(page->n)) {
                StoreRecord *records =
                                reallocarray(page->records, next_size(page->n), sizeof(*records));

                if (!records)
                        return -ENOMEM;
                page->records = records;
        }
        r = record_of(s, &page->records[page->n]);
        if (r == -EBADMSG)
                return add_bad(page, statement_value(s, SEQ));
        page->n += r == 0;
        return r;
}

int page_read(Page *page, Database *db, sqlite3_stmt *s, size_t max_bytes) {
        size_t bytes = 0;
        int r;

        while ((r = database_step(db, s)) == 1) {
                bytes += size_of(s, TOPIC) + size_of(s, PAYLOAD);
                if (page->n > 0 && bytes > max_bytes)
                        return 0;
                r = add(page, s);
                if (r < 0)
                        return r;
                page->last_seq = statement_value(s, SEQ);
        }
        return r;
}

void page_done(Page *page) {
        for (size_t i = 0; i < page->n; i++)
                page->records[i].message = message_unref(page->records[i].message);
        free(page->records);
        free(page->bad);
        *page = (Page){0};
}
