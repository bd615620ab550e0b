/* SPDX-License-Identifier: Apache-2.0 */
#include "store/subscriptions.h"

#include <errno.h>
#include <string.h>

#include "store/clients.h"

void subscriptions_done(Subscriptions *list) {
        for (size_t i = 0; i < list->n; i++) {
                free(list->items[i].client);
                free(list->items[i].filter);
        }
        free(list->items);
        *list = (Subscriptions){0};
}

int subscriptions_put(Database *db, const char *client, const char *filter, int qos) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_SUBSCRIPTION_PUT, &s);
        if (r != 0)
                return r;
        (void)sqlite3_bind_text(s, 1, client, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 2, filter, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int(s, 3, qos);
        r = database_step(db, s);
        return r != 0 ? r : clients_touch(db, client);
}

int subscriptions_delete(Database *db, const char *client, const char *filter) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_SUBSCRIPTION_DELETE, &s);
        if (r != 0)
                return r;
        (void)sqlite3_bind_text(s, 1, client, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 2, filter, -1, SQLITE_STATIC);
        return database_step(db, s);
}

int subscriptions_clear(Database *db, const char *client) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r = database_statement(db, STATEMENT_SUBSCRIPTION_CLEAR, &s);

        if (r != 0)
                return r;
        (void)sqlite3_bind_text(s, 1, client, -1, SQLITE_STATIC);
        return database_step(db, s);
}

static int append(Subscriptions *list, sqlite3_stmt *s) {
        const char *client = (const char *)sqlite3_column_text(s, 0);
        const char *filter = (const char *)sqlite3_column_text(s, 1);
        Subscription *items, *item;

        items = reallocarray(list->items, list->n + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        list->items = items;
        item = &items[list->n++];
        *item = (Subscription){
                        .client = client ? strdup(client) : NULL,
                        .filter = filter ? strdup(filter) : NULL,
                        .qos = sqlite3_column_int(s, 2),
        };
        return item->client && item->filter ? 0 : -ENOMEM;
}

int subscriptions_read(Database *db, Subscriptions *ret) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        _cleanup_(subscriptions_done) Subscriptions list = {0};
        int r;

        r = database_statement(db, STATEMENT_SUBSCRIPTION_READ, &s);
        if (r != 0)
                return r;
        while ((r = database_step(db, s)) == 1) {
                r = append(&list, s);
                if (r < 0)
                        return r;
        }
        if (r != 0)
                return r;
        *ret = list;
        list = (Subscriptions){0};
        return 0;
}
