/* SPDX-License-Identifier: Apache-2.0 */
#include "store/clients.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/incoming.h"
#include "store/subscriptions.h"

/* Messages that are deleted in one transaction: the others' requests must not wait long. */
#define STEP_MESSAGES 500

int client_counts_add(ClientCounts *counts, const char *client, uint64_t n) {
        ClientCount *items;
        char *name;

        for (size_t i = 0; i < counts->n; i++)
                if (strcmp(counts->items[i].client, client) == 0) {
                        counts->items[i].n += n;
                        return 0;
                }
        items = reallocarray(counts->items, counts->n + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        counts->items = items;
        name = strdup(client);
        if (!name)
                return -ENOMEM;
        items[counts->n++] = (ClientCount){.client = name, .n = n};
        return 0;
}

void client_counts_shorten(ClientCounts *counts, size_t n) {
        while (counts->n > n)
                free(counts->items[--counts->n].client);
}

void client_counts_done(ClientCounts *counts) {
        client_counts_shorten(counts, 0);
        free(counts->items);
        *counts = (ClientCounts){0};
}

static int write_client(Database *db, Statement which, const char *client) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r = database_statement(db, which, &s);

        if (r != 0)
                return r;
        (void)sqlite3_bind_text(s, 1, client, -1, SQLITE_STATIC);
        statement_bind(s, 2, ttl_clock_msec(&db->clock));
        return database_step(db, s);
}

int clients_touch(Database *db, const char *client) {
        return write_client(db, STATEMENT_CLIENT_TOUCH, client);
}

int clients_note(Database *db, const char *client) {
        return write_client(db, STATEMENT_CLIENT_NOTE, client);
}

static int delete_client(Database *db, const char *client) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = subscriptions_clear(db, client);
        if (r == 0)
                r = database_statement(db, STATEMENT_CLIENT_DELETE, &s);
        if (r != 0)
                return r;
        (void)sqlite3_bind_text(s, 1, client, -1, SQLITE_STATIC);
        return database_step(db, s);
}

/* Returns 1 with the name of one. */
static int find_absent(Database *db, uint64_t max_age_msec, char **ret) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        uint64_t now = ttl_clock_msec(&db->clock);
        const char *name;
        int r;

        r = database_statement(db, STATEMENT_CLIENT_ABSENT, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, now > max_age_msec ? now - max_age_msec : 0);
        r = database_step(db, s);
        if (r != 1)
                return r;
        name = (const char *)sqlite3_column_text(s, 0);
        *ret = name ? strdup(name) : NULL;
        return *ret ? 1 : -ENOMEM;
}

int clients_forget_step(Database *db, Forgetting *f) {
        _cleanup_(freep) char *client = NULL;
        size_t n = 0;
        int r;

        client_counts_shorten(&f->done, f->n_sure);
        f->more = false;
        r = find_absent(db, f->max_age_msec, &client);
        if (r != 1)
                return r;
        assert(client);
        r = incoming_finish_some(db, client, STEP_MESSAGES, &n);
        if (r != 0)
                return r;
        f->more = true;
        f->n += n;
        if (n == STEP_MESSAGES)
                return 0;
        r = delete_client(db, client);
        if (r == 0) {
                r = client_counts_add(&f->done, client, f->n);
                f->n = 0;
        }
        return r;
}
