/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totals         one row: what would else have to be counted; where numbers and clock stand
 * spool          messages for the cloud; what came with version 2 stands behind the payload
 * topics         how many messages of the spool have a topic, and which is the last of them
 * outdated       messages of the spool whose route keeps the latest, and a later one is there
 * fates          messages of the spool that were given up
 * gaps           ranges of numbers that no message of the spool ever had
 * incoming       messages for durable subscribers
 * waiting        for whom they wait
 * subscriptions  what is durably subscribed
 * clients        when the subscribers were last here
 */
#include "store/schema.h"

#include "store/topics.h"

#define APPLICATION_ID 1229935692 /* "IOTL" */
#define SCHEMA_VERSION 2

static const char version_1[] =
                "CREATE TABLE totals(next_seq INTEGER NOT NULL, next_incoming INTEGER NOT NULL,"
                " n_spooled INTEGER NOT NULL, spooled_bytes INTEGER NOT NULL,"
                " n_incoming INTEGER NOT NULL, incoming_bytes INTEGER NOT NULL);"
                "INSERT INTO totals VALUES(1, 1, 0, 0, 0, 0);"
                "CREATE TABLE spool(seq INTEGER PRIMARY KEY, expires INTEGER NOT NULL,"
                " route INTEGER NOT NULL, size INTEGER NOT NULL, topic TEXT NOT NULL,"
                " payload BLOB NOT NULL);"
                "CREATE TABLE incoming(seq INTEGER PRIMARY KEY, qos INTEGER NOT NULL,"
                " size INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL);"
                "CREATE TABLE waiting(seq INTEGER NOT NULL, client TEXT NOT NULL,"
                " PRIMARY KEY(seq, client)) WITHOUT ROWID;"
                "CREATE INDEX waiting_by_client ON waiting(client, seq);"
                "CREATE TABLE subscriptions(client TEXT NOT NULL, filter TEXT NOT NULL,"
                " qos INTEGER NOT NULL, PRIMARY KEY(client, filter)) WITHOUT ROWID;"
                "PRAGMA application_id=1229935692";

/* Of numbers that version 1 gave out nothing is known but what is in the spool. It let messages
 * expire by the wall clock, where the clock of version 2 therefore begins. */
static const char version_2[] =
                "ALTER TABLE totals ADD COLUMN known_seq INTEGER NOT NULL DEFAULT 0;"
                "ALTER TABLE totals ADD COLUMN n_fates INTEGER NOT NULL DEFAULT 0;"
                "ALTER TABLE totals ADD COLUMN clock_msec INTEGER NOT NULL DEFAULT 0;"
                "ALTER TABLE totals ADD COLUMN boot_id INTEGER NOT NULL DEFAULT 0;"
                "ALTER TABLE totals ADD COLUMN boot_msec INTEGER NOT NULL DEFAULT 0;"
                "ALTER TABLE totals ADD COLUMN wall_msec INTEGER NOT NULL DEFAULT 0;"
                "UPDATE totals SET known_seq=next_seq;"
                "ALTER TABLE spool ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;"
                "ALTER TABLE spool ADD COLUMN when_full INTEGER NOT NULL DEFAULT 0;"
                "CREATE INDEX spool_to_drop ON spool(route) WHERE when_full=1;"
                "CREATE TABLE topics(hash INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL,"
                " n INTEGER NOT NULL);"
                "INSERT INTO topics SELECT topic_hash(topic), seq, 1 FROM spool WHERE true"
                " ON CONFLICT(hash) DO UPDATE SET last_seq=excluded.last_seq, n=n+1;"
                "CREATE TABLE outdated(route INTEGER NOT NULL, seq INTEGER NOT NULL,"
                " hash INTEGER NOT NULL, PRIMARY KEY(route, seq)) WITHOUT ROWID;"
                "CREATE INDEX outdated_by_topic ON outdated(hash);"
                "CREATE TABLE fates(seq INTEGER PRIMARY KEY, why INTEGER NOT NULL);"
                "CREATE TABLE gaps(first INTEGER PRIMARY KEY, next INTEGER NOT NULL);"
                "CREATE TABLE clients(client TEXT PRIMARY KEY, seen INTEGER NOT NULL) WITHOUT "
                "ROWID;"
                "INSERT INTO clients SELECT DISTINCT client,"
                " CAST(strftime('%s', 'now') AS INTEGER) * 1000"
                " FROM (SELECT client FROM subscriptions UNION SELECT client FROM waiting)"
                " WHERE client<>'';"
                "PRAGMA user_version=2";

static void topic_hash(sqlite3_context *context, int n, sqlite3_value **values) {
        const char *topic = (const char *)sqlite3_value_text(values[0]);

        (void)n;
        sqlite3_result_int64(context, (sqlite3_int64)store_topic_hash(topic ? topic : ""));
}

static int upgrade(Database *db, const char *from_nothing) {
        int r;

        (void)sqlite3_create_function(db->sqlite, "topic_hash", 1, SQLITE_UTF8, NULL, topic_hash,
                                      NULL, NULL);
        r = database_execute(db, "BEGIN");
        if (r == 0 && from_nothing)
                r = database_execute(db, from_nothing);
        if (r == 0)
                r = database_execute(db, version_2);
        if (r == 0)
                r = database_execute(db, "COMMIT");
        if (r < 0)
                database_rollback(db);
        return r;
}

int schema_create(Database *db) {
        return upgrade(db, version_1);
}

int schema_check(Database *db) {
        uint64_t id = 0, version = 0;
        int r;

        r = database_ask(db, "PRAGMA application_id", &id);
        if (r == 0)
                r = database_ask(db, "PRAGMA user_version", &version);
        if (r != 0)
                return r;
        if (id != APPLICATION_ID)
                return database_corrupt(db, "it is a database, but not one of ours");
        if (version != SCHEMA_VERSION && version != 1)
                return database_corrupt(db, "it was made by another version of the program");
        /* Every connection says it again, or SQLite would only find out at the first read. */
        r = database_execute(db, "PRAGMA journal_mode=WAL");
        if (r != 0 || version == SCHEMA_VERSION)
                return r;
        r = database_checkpoint(db, true); /* the first change that is made to it */
        return r != 0 ? r : upgrade(db, NULL);
}
