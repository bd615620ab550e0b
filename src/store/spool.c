/* SPDX-License-Identifier: Apache-2.0 */
#include "store/spool.h"

#include <errno.h>

#include "store/fates.h"
#include "store/quota.h"
#include "store/topics.h"

static int insert(Database *db, const StoreRecord *record) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        const Message *message = record->message;
        int r;

        r = database_statement(db, STATEMENT_SPOOL_PUT, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, record->seq);
        statement_bind(s, 2, record->expires_msec);
        statement_bind(s, 3, record->route);
        statement_bind(s, 4, quota_size(message));
        (void)sqlite3_bind_text(s, 5, message_topic(message), -1, SQLITE_STATIC);
        (void)sqlite3_bind_blob64(s, 6, message_payload(message), message_payload_size(message),
                                  SQLITE_STATIC);
        statement_bind(s, 7, record->accepted_wall_msec);
        statement_bind(s, 8, record->when_full);
        return database_step(db, s);
}

static int add(Database *db, const StoreRecord *record) {
        Totals *t = &db->totals;
        int r;

        r = insert(db, record);
        /* Dropped from the disk it may still have been in memory, and comes again. */
        if (r == 0 && record->seq < t->next_seq)
                r = fates_forget(db, record->seq);
        if (r == 0 && record->when_full == STORE_KEEP_LATEST)
                r = room_note_outdated(db, record);
        if (r == 0)
                r = topics_add(db, store_topic_hash(message_topic(record->message)), record->seq);
        if (r != 0)
                return r;
        t->n_spooled++;
        t->spooled_bytes += quota_size(record->message);
        if (t->next_seq <= record->seq)
                t->next_seq = record->seq + 1;
        return 0;
}

/* Returns 1 if it was there. */
static int take_out(Database *db, uint64_t seq) {
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
        if (t->n_spooled == 0 || t->spooled_bytes < size)
                return database_corrupt(db, "more in the spool than its totals say");
        t->n_spooled--;
        t->spooled_bytes -= size;
        topic = (const char *)sqlite3_column_text(s, 1);
        r = t->n_spooled == 0 ? topics_clear(db)
                              : topics_remove(db, store_topic_hash(topic ? topic : ""));
        if (r == 0 && sqlite3_column_int(s, 3) == STORE_KEEP_LATEST)
                r = room_forget_outdated(db, (uint32_t)sqlite3_column_int64(s, 2), seq);
        return r < 0 ? r : 1;
}

int spool_delete(Database *db, uint64_t seq) {
        int r = take_out(db, seq);

        if (r == 0)
                return fates_forget(db, seq);
        return r < 0 ? r : 0;
}

int spool_give_up(Database *db, uint64_t seq, StoreFate why) {
        int r = take_out(db, seq);

        return r == 1 ? fates_remember(db, seq, why) : r;
}

int spool_put(Database *db,
              const StoreRecord *record,
              const StoreLimits *limits,
              uint64_t handed_seq,
              SeqList *ret_dropped) {
        _cleanup_(seq_list_done) SeqList room = {0};
        int r;

        r = room_find(db, record, limits, handed_seq, &room);
        if (r == 0)
                r = add(db, record);
        for (size_t i = 0; r == 0 && i < room.n; i++)
                r = spool_give_up(db, room.seqs[i], STORE_FATE_DROPPED);
        if (r != 0)
                return r;
        *ret_dropped = room;
        room = (SeqList){0};
        return 0;
}

int spool_read(Database *db, uint64_t after, size_t max, size_t max_bytes, Page *ret) {
        _cleanup_(page_done) Page page = {0};
        uint64_t before;

        do {
                _cleanup_(statement_done) sqlite3_stmt *s = NULL;
                int r;

                before = after;
                if (after >= INT64_MAX)
                        break; /* the number behind it would be negative */
                r = database_statement(db, STATEMENT_SPOOL_READ, &s);
                if (r != 0)
                        return r;
                statement_bind(s, 1, after + 1);
                statement_bind(s, 2, max);
                r = page_read(&page, db, s, max_bytes);
                if (r == -EIO && page.n > 0)
                        break; /* so far it is good */
                if (r != 0)
                        return r;
                after = page.last_seq;
        } while (page.n == 0 && after > before);
        *ret = page;
        page = (Page){0};
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
