/* SPDX-License-Identifier: Apache-2.0 */
#include "store/incoming.h"

#include <errno.h>
#include <string.h>

#include "store/quota.h"

/* What a page may hold of topics and payloads beside its first message. */
#define PAGE_BYTES (1024U * 1024U)

#define NOBODY ""

static int waiting_change(Database *db, Statement which, uint64_t seq, const char *client) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, which, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        (void)sqlite3_bind_text(s, 2, client, -1, SQLITE_STATIC);
        return database_step(db, s);
}

static int waiting_put(Database *db, uint64_t seq, const char *client) {
        return waiting_change(db, STATEMENT_WAITING_PUT, seq, client);
}

static int waiting_delete(Database *db, uint64_t seq, const char *client, bool *ret_was_there) {
        int r = waiting_change(db, STATEMENT_WAITING_DELETE, seq, client);

        if (r == 0)
                *ret_was_there = sqlite3_changes(db->sqlite) > 0;
        return r;
}

static int delete_message(Database *db, uint64_t seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        Totals *t = &db->totals;
        uint64_t size;
        int r;

        r = database_statement(db, STATEMENT_INCOMING_DELETE, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        r = database_step(db, s);
        if (r != 1)
                return r;
        size = statement_value(s, 0);
        if (t->n_incoming == 0 || t->incoming_bytes < size)
                return database_corrupt(db, "more in the inbox than its totals say");
        t->n_incoming--;
        t->incoming_bytes -= size;
        return 0;
}

/* Deletes the message if it waits for no one any more. */
static int delete_if_done(Database *db, uint64_t seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_WAITING_ANY, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        r = database_step(db, s);
        return r == 0 ? delete_message(db, seq) : r < 0 ? r : 0;
}

int incoming_discard(Database *db, uint64_t seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_WAITING_CLEAR, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        r = database_step(db, s);
        return r != 0 ? r : delete_message(db, seq);
}

/* Room */

static int count_waiting(Database *db, uint64_t seq, ClientCounts *counts) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_WAITING_FOR, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        while ((r = database_step(db, s)) == 1) {
                const char *client = (const char *)sqlite3_column_text(s, 0);

                r = client_counts_add(counts, client ? client : NOBODY, 1);
                if (r < 0)
                        return database_fail(db, r); /* some may be gone already */
        }
        return r;
}

/* Returns 1 with the oldest. */
static int find_oldest(Database *db, uint64_t *ret_seq, uint64_t *ret_size) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_INCOMING_FIRST, &s);
        if (r != 0)
                return r;
        r = database_step(db, s);
        if (r == 1) {
                *ret_seq = statement_value(s, 0);
                *ret_size = statement_value(s, 1);
        }
        return r;
}

static int make_room(Database *db,
                     const StoreLimits *limits,
                     uint64_t size,
                     ClientCounts *dropped) {
        uint64_t n = 0, bytes = 0, n_before = db->totals.n_incoming,
                 bytes_before = db->totals.incoming_bytes;

        if (!quota_allows(limits, 0, 0, size))
                return -ENOSPC;
        while (!quota_allows_after(limits, n_before, bytes_before, size, n, bytes)) {
                uint64_t oldest_seq = 0, oldest_size = 0;
                int r;

                if (limits->inbox_full == STORE_INBOX_REFUSE)
                        return -ENOSPC;
                r = find_oldest(db, &oldest_seq, &oldest_size);
                if (r == 0)
                        return database_corrupt(db, "less in the inbox than its totals say");
                if (r == 1)
                        r = count_waiting(db, oldest_seq, dropped);
                if (r == 0)
                        r = incoming_discard(db, oldest_seq);
                if (r != 0)
                        return r;
                n++;
                bytes += oldest_size;
        }
        return 0;
}

int incoming_keep(Database *db,
                  const Message *message,
                  const StoreLimits *limits,
                  uint64_t *ret_seq,
                  ClientCounts *dropped) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        uint64_t size = quota_size(message), seq = db->totals.next_incoming;
        Totals *t = &db->totals;
        int r;

        r = make_room(db, limits, size, dropped);
        if (r == 0)
                r = database_statement(db, STATEMENT_INCOMING_PUT, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        statement_bind(s, 2, (uint64_t)message_qos(message));
        statement_bind(s, 3, size);
        (void)sqlite3_bind_text(s, 4, message_topic(message), -1, SQLITE_STATIC);
        (void)sqlite3_bind_blob64(s, 5, message_payload(message), message_payload_size(message),
                                  SQLITE_STATIC);
        r = database_step(db, s);
        if (r == 0)
                r = waiting_put(db, seq, NOBODY);
        if (r != 0)
                return r;
        t->n_incoming++;
        t->incoming_bytes += size;
        t->next_incoming = seq + 1;
        *ret_seq = seq;
        return 0;
}

int incoming_assign(Database *db, uint64_t seq, const char *names, size_t n) {
        bool was_there = false;
        int r;

        r = waiting_delete(db, seq, NOBODY, &was_there);
        if (r != 0 || !was_there)
                return r;
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = waiting_put(db, seq, names);
                if (r == 0)
                        r = clients_note(db, names);
                names += strlen(names) + 1;
        }
        return r != 0 ? r : delete_if_done(db, seq);
}

int incoming_finish(Database *db, uint64_t seq, const char *client) {
        bool was_there = false;
        int r;

        r = waiting_delete(db, seq, client, &was_there);
        return r != 0 || !was_there ? r : delete_if_done(db, seq);
}

/* Returns 1 with the first. */
static int find_first(Database *db, const char *client, uint64_t *ret_seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_WAITING_FIRST, &s);
        if (r != 0)
                return r;
        (void)sqlite3_bind_text(s, 1, client, -1, SQLITE_STATIC);
        r = database_step(db, s);
        if (r == 1)
                *ret_seq = statement_value(s, 0);
        return r;
}

int incoming_finish_some(Database *db, const char *client, size_t max, size_t *ret_n) {
        size_t n = 0;

        for (; n < max; n++) {
                uint64_t seq = 0;
                int r = find_first(db, client, &seq);

                if (r == 0)
                        break;
                if (r == 1)
                        r = incoming_finish(db, seq, client);
                if (r != 0)
                        return r;
        }
        *ret_n = n;
        return 0;
}

int incoming_read(Database *db, const char *client, uint64_t after, size_t max, Page *ret) {
        _cleanup_(page_done) Page page = {0};
        uint64_t before;

        do {
                _cleanup_(statement_done) sqlite3_stmt *s = NULL;
                int r;

                before = after;
                r = database_statement(db, STATEMENT_INCOMING_READ, &s);
                if (r != 0)
                        return r;
                (void)sqlite3_bind_text(s, 1, client ? client : NOBODY, -1, SQLITE_STATIC);
                statement_bind(s, 2, after);
                statement_bind(s, 3, max);
                r = page_read(&page, db, s, PAGE_BYTES);
                if (r != 0)
                        return r;
                after = page.last_seq;
        } while (page.n == 0 && after > before);
        *ret = page;
        page = (Page){0};
        return 0;
}
