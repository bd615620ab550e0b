/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Database
 *
 * One connection to SQLite: its settings, its prepared statements, transactions, the row of totals,
 * and the translation of its errors. What the tables hold is known to schema.h, spool.h, topics.h,
 * incoming.h and subscriptions.h. One thread at a time.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/ttl-clock.h"
#include "util/macro.h"

/* Among the -errno of everything that takes a Database: it is not a database, damaged, or not one
 * of ours. */
#define DATABASE_CORRUPT (-EUCLEAN)

typedef enum Statement {
        STATEMENT_BEGIN,
        STATEMENT_COMMIT,
        STATEMENT_TOTALS_READ,
        STATEMENT_TOTALS_WRITE,
        STATEMENT_SPOOL_PUT,
        STATEMENT_SPOOL_DELETE,
        STATEMENT_SPOOL_READ,
        STATEMENT_SPOOL_FIRST,
        STATEMENT_SPOOL_LAST,
        STATEMENT_SPOOL_HAS,
        STATEMENT_SPOOL_OLDEST,
        STATEMENT_SPOOL_LATEST,
        STATEMENT_OUTDATED_PUT,
        STATEMENT_OUTDATED_DELETE,
        STATEMENT_OUTDATED_OF_TOPIC,
        STATEMENT_OUTDATED_OF_ROUTE,
        STATEMENT_FATE_PUT,
        STATEMENT_FATE_DELETE,
        STATEMENT_FATE_DELETE_FIRST,
        STATEMENT_FATE_GET,
        STATEMENT_GAP_PUT,
        STATEMENT_GAP_EXTEND,
        STATEMENT_GAP_DELETE_FIRST,
        STATEMENT_GAP_GET,
        STATEMENT_TOPIC_ADD,
        STATEMENT_TOPIC_REMOVE,
        STATEMENT_TOPIC_DELETE,
        STATEMENT_TOPIC_CLEAR,
        STATEMENT_TOPIC_LAST,
        STATEMENT_TOPIC_READ,
        STATEMENT_INCOMING_PUT,
        STATEMENT_INCOMING_DELETE,
        STATEMENT_INCOMING_READ,
        STATEMENT_INCOMING_FIRST,
        STATEMENT_INCOMING_LAST,
        STATEMENT_WAITING_PUT,
        STATEMENT_WAITING_DELETE,
        STATEMENT_WAITING_ANY,
        STATEMENT_WAITING_FOR,
        STATEMENT_WAITING_CLEAR,
        STATEMENT_WAITING_FIRST,
        STATEMENT_CLIENT_TOUCH,
        STATEMENT_CLIENT_NOTE,
        STATEMENT_CLIENT_ABSENT,
        STATEMENT_CLIENT_DELETE,
        STATEMENT_SUBSCRIPTION_PUT,
        STATEMENT_SUBSCRIPTION_DELETE,
        STATEMENT_SUBSCRIPTION_CLEAR,
        STATEMENT_SUBSCRIPTION_READ,
        _STATEMENT_MAX,
} Statement;

extern const char *const statement_sql[_STATEMENT_MAX];

/* Kept in a row of their own that changes with every change, so that nobody ever counts rows. */
typedef struct Totals {
        uint64_t next_seq;      /* of the spool: higher than any that was ever in it */
        uint64_t next_incoming; /* the same of the inbox */
        uint64_t n_spooled, spooled_bytes;
        uint64_t n_incoming, incoming_bytes;
        uint64_t known_seq; /* of lower numbers nobody knows more than whether they wait */
        uint64_t n_fates;
} Totals;

typedef struct Database {
        sqlite3 *sqlite;
        sqlite3_stmt *statements[_STATEMENT_MAX];
        Totals totals;    /* with what the transaction under way has changed */
        Totals committed; /* as the disk has them */
        TtlMark mark;     /* of the clock, as it was read */
        TtlClock clock;   /* written down with the totals, once it has started */
        int wal_frames;   /* in the write-ahead log after the last commit */

        int failed;        /* why the transaction can't be committed; 0: it can */
        bool doubtful;     /* see database_checkpoint() */
        char problem[160]; /* the last error in SQLite's words */
} Database;

typedef enum DatabaseMode {
        DATABASE_CREATE,  /* an empty file becomes a database */
        DATABASE_USE,     /* only if nothing is wrong with it */
        DATABASE_SALVAGE, /* whatever it is; it is not changed, not even by closing it */
} DatabaseMode;

/*
 * Opens the existing file @path through the SQLite VFS @vfs (NULL: the default). Takes the only
 * lock: -EBUSY when another process has it. @ret_problem (160 bytes) gets the words for a failure.
 */
_warn_unused_ int database_open(Database **ret,
                                const char *path,
                                const char *vfs,
                                DatabaseMode mode,
                                char *ret_problem);
Database *database_close(Database *db);
/* Makes database_close() leave the files as they are. */
void database_freeze(Database *db);

/* A transaction. After a failure of anything in it there is nothing left but to roll back. */
_warn_unused_ int database_begin(Database *db);
/* Writes the totals with it. Returns 1 when the disk was written to, 0 when nothing had changed. */
_warn_unused_ int database_commit(Database *db);
void database_rollback(Database *db);
/* A transaction that only writes down what time it is. */
_warn_unused_ int database_note_time(Database *db);

/*
 * Moves the write-ahead log into the database and, if @truncate, leaves it empty.
 *
 * A database is doubtful after it was opened and after any failure to read, write or sync a file:
 * what the log holds in memory may then not be what the disk has, nor will it ever be, because the
 * kernel forgets pages whose writing failed. Nothing must be committed on top of that until a
 * truncating checkpoint has succeeded: it writes every page anew and syncs it.
 */
_warn_unused_ int database_checkpoint(Database *db, bool truncate);

/* Gives some free pages back to the file system, if they are most of the file. Returns 1 when there
 * may be more to do. Outside of a transaction. */
_warn_unused_ int database_shrink(Database *db);

/* For the tables: a prepared statement, to be released with _cleanup_(statement_done). */
_warn_unused_ int database_statement(Database *db, Statement which, sqlite3_stmt **ret);
/* Returns 1 when there is a row, 0 at the end, -EEXIST for a row that exists already. */
_warn_unused_ int database_step(Database *db, sqlite3_stmt *statement);
/* Runs statements that answer nothing. */
_warn_unused_ int database_execute(Database *db, const char *text);
/* Runs a PRAGMA that answers with one number. */
_warn_unused_ int database_ask(Database *db, const char *text, uint64_t *ret);
/* The transaction can't be committed any more. Returns @r. */
int database_fail(Database *db, int r);
/* For rows that can't be as they are. Returns DATABASE_CORRUPT. */
int database_corrupt(Database *db, const char *problem);

static inline void statement_done(sqlite3_stmt **statement) {
        if (!*statement)
                return;
        (void)sqlite3_reset(*statement); /* repeats what the last step said */
        (void)sqlite3_clear_bindings(*statement);
}

static inline void statement_bind(sqlite3_stmt *statement, int at, uint64_t value) {
        (void)sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

static inline uint64_t statement_value(sqlite3_stmt *statement, int column) {
        return (uint64_t)sqlite3_column_int64(statement, column);
}

DEFINE_CLEANUP(Database *, database_close);
