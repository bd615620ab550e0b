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

/* Deletes the message if it waits for no one any more. */
static int delete_if_done(Database *db, uint64_t seq) {
        _cleanup_(statement_done) sqlite3_stmt *any = NULL, *s = NULL;
        Totals *t = &db->totals;
        uint64_t size;
        int r;

        r = database_statement(db, STATEMENT_WAITING_ANY, &any);
        if (r != 0)
                return r;
        statement_bind(any, 1, seq);
        r = database_step(db, any);
        if (r != 0)
                return r == 1 ? 0 : r;

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

int incoming_keep(Database *db,
                  const Message *message,
                  const StoreLimits *limits,
                  uint64_t *ret_seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        uint64_t size = quota_size(message), seq = db->totals.next_incoming;
        Totals *t = &db->totals;
        int r;

        if (!quota_allows(limits, t->n_incoming, t->incoming_bytes, size))
                return -ENOSPC;
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

static int message_of(Database *db, sqlite3_stmt *s, StoreIncoming *ret) {
        const char *topic = (const char *)sqlite3_column_text(s, 2);
        const void *payload = sqlite3_column_blob(s, 3);
        StoreIncoming incoming = {.seq = statement_value(s, 0)};
        int r;

        if (!topic)
                return sqlite3_errcode(db->sqlite) == SQLITE_NOMEM
                                       ? -ENOMEM
                                       : database_corrupt(db, "a message without a topic");
        r = message_new(&incoming.message, topic, payload, (size_t)sqlite3_column_bytes(s, 3),
                        sqlite3_column_int(s, 1));
        if (r < 0)
                return r;
        *ret = incoming;
        return 0;
}

void incoming_page_done(IncomingPage *page) {
        for (size_t i = 0; i < page->n; i++)
                page->messages[i].message = message_unref(page->messages[i].message);
        free(page->messages);
        *page = (IncomingPage){0};
}

int incoming_read(Database *db, const char *client, uint64_t after, size_t max, IncomingPage *ret) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        _cleanup_(incoming_page_done) IncomingPage page = {0};
        size_t size = 0, bytes = 0;
        int r;

        r = database_statement(db, STATEMENT_INCOMING_READ, &s);
        if (r != 0)
                return r;
        (void)sqlite3_bind_text(s, 1, client ? client : NOBODY, -1, SQLITE_STATIC);
        statement_bind(s, 2, after);
        statement_bind(s, 3, max);
        while ((r = database_step(db, s)) == 1) {
                bytes += (size_t)sqlite3_column_bytes(s, 2) + (size_t)sqlite3_column_bytes(s, 3);
                if (page.n > 0 && bytes > PAGE_BYTES)
                        break;
                if (page.n == size) {
                        StoreIncoming *messages;

                        size = size == 0 ? 16 : size * 2;
                        messages = reallocarray(page.messages, size, sizeof(*messages));
                        if (!messages)
                                return -ENOMEM;
                        page.messages = messages;
                }
                r = message_of(db, s, &page.messages[page.n]);
                if (r != 0)
                        return r;
                page.n++;
        }
        if (r < 0)
                return r;
        *ret = page;
        page = (IncomingPage){0};
        return 0;
}
