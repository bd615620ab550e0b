/* SPDX-License-Identifier: Apache-2.0 */
#include "store/topics.h"

#include <errno.h>

/* FNV-1a, and what mixes its bits well; 63 of them, so that SQLite's order is ours. */
uint64_t store_topic_hash(const char *topic) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *topic; topic++)
                hash = (hash ^ (uint8_t)*topic) * UINT64_C(0x100000001b3);
        hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
        hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
        return (hash ^ hash >> 33) >> 1;
}

int topics_add(Database *db, uint64_t hash, uint64_t seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_TOPIC_ADD, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, hash);
        statement_bind(s, 2, seq);
        return database_step(db, s);
}

int topics_remove(Database *db, uint64_t hash) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL, *gone = NULL;
        int r;

        r = database_statement(db, STATEMENT_TOPIC_REMOVE, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, hash);
        r = database_step(db, s);
        if (r != 1 || sqlite3_column_int64(s, 0) > 0)
                return r < 0 ? r : 0;

        r = database_statement(db, STATEMENT_TOPIC_DELETE, &gone);
        if (r != 0)
                return r;
        statement_bind(gone, 1, hash);
        return database_step(db, gone);
}

int topics_clear(Database *db) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r = database_statement(db, STATEMENT_TOPIC_CLEAR, &s);

        return r != 0 ? r : database_step(db, s);
}

int topics_last(Database *db, uint64_t hash, uint64_t *ret_seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_TOPIC_LAST, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, hash);
        r = database_step(db, s);
        if (r < 0)
                return r;
        *ret_seq = r == 1 ? statement_value(s, 0) : 0;
        return 0;
}

void topics_done(TopicList *list) {
        free(list->items);
        *list = (TopicList){0};
}

int topics_read(Database *db, size_t max, TopicList *ret) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        _cleanup_(topics_done) TopicList list = {0};
        size_t size = 0;
        int r;

        r = database_statement(db, STATEMENT_TOPIC_READ, &s);
        if (r != 0)
                return r;
        while ((r = database_step(db, s)) == 1) {
                if (list.n == max)
                        return -E2BIG;
                if (list.n == size) {
                        StoreTopic *items;

                        size = size == 0 ? 16 : size * 2;
                        items = reallocarray(list.items, size, sizeof(*items));
                        if (!items)
                                return -ENOMEM;
                        list.items = items;
                }
                list.items[list.n++] = (StoreTopic){.hash = statement_value(s, 0),
                                                    .last_seq = statement_value(s, 1)};
        }
        if (r < 0)
                return r;
        *ret = list;
        list = (TopicList){0};
        return 0;
}
