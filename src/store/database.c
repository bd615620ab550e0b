/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WAL with synchronous=FULL: a commit appends the changed pages to the log and syncs it, one fsync
 * however many messages share it. A checkpoint copies the log into the database from time to time;
 * it is called by hand, so that answers need not wait for it and its failures are seen.
 *
 * locking_mode=EXCLUSIVE keeps other processes out and the index of the log in memory: no -shm
 * file. Pages that become free are used again; auto_vacuum=INCREMENTAL lets a file that has been
 * large shrink.
 */
#include "store/database.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "store/schema.h"

/* A shrinking step, and what is not worth one: 4 MiB. */
#define SHRINK_PAGES 1024

/* The one place where SQLite's codes become ours. */
static int translate(int rc, int system_errno) {
        switch (rc & 0xff) {
        case SQLITE_OK:
                return 0;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_FORMAT:
        case SQLITE_ERROR: /* our statements are right, so the tables are wrong */
        case SQLITE_SCHEMA:
        case SQLITE_MISMATCH:
                return DATABASE_CORRUPT;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CANTOPEN:
                return system_errno > 0 ? -system_errno : -EIO;
        case SQLITE_IOERR:
                /* These are worth telling apart, if the number is of this failure at all. */
                if (rc == SQLITE_IOERR_NOMEM)
                        return -ENOMEM;
                if (system_errno == ENOSPC || system_errno == EDQUOT)
                        return -ENOSPC;
                return system_errno == EROFS ? -EROFS : -EIO;
        default:
                return -EIO;
        }
}

static int fail(Database *db, int rc) {
        int r = translate(rc, sqlite3_system_errno(db->sqlite));

        (void)snprintf(db->problem, sizeof(db->problem), "%s", sqlite3_errmsg(db->sqlite));
        if (r == -EEXIST)
                return r;
        db->failed = r;
        if ((rc & 0xff) == SQLITE_IOERR)
                db->doubtful = true;
        return r;
}

int database_fail(Database *db, int r) {
        db->failed = r;
        return r;
}

int database_corrupt(Database *db, const char *problem) {
        (void)snprintf(db->problem, sizeof(db->problem), "%s", problem);
        db->failed = DATABASE_CORRUPT;
        return DATABASE_CORRUPT;
}

int database_statement(Database *db, Statement which, sqlite3_stmt **ret) {
        if (!db->statements[which]) {
                int rc = sqlite3_prepare_v3(db->sqlite, statement_sql[which], -1,
                                            SQLITE_PREPARE_PERSISTENT, &db->statements[which],
                                            NULL);

                if (rc != SQLITE_OK)
                        return fail(db, rc);
        }
        *ret = db->statements[which];
        return 0;
}

int database_step(Database *db, sqlite3_stmt *statement) {
        int rc = sqlite3_step(statement);

        if (rc == SQLITE_ROW)
                return 1;
        if (rc == SQLITE_DONE)
                return 0;
        return fail(db, rc);
}

static int run(Database *db, Statement which) {
        _cleanup_(statement_done) sqlite3_stmt *statement = NULL;
        int r = database_statement(db, which, &statement);

        return r != 0 ? r : database_step(db, statement);
}

int database_execute(Database *db, const char *text) {
        int rc = sqlite3_exec(db->sqlite, text, NULL, NULL, NULL);

        return rc == SQLITE_OK ? 0 : fail(db, rc);
}

int database_ask(Database *db, const char *text, uint64_t *ret) {
        sqlite3_stmt *statement = NULL;
        int r, rc = sqlite3_prepare_v2(db->sqlite, text, -1, &statement, NULL);

        if (rc != SQLITE_OK)
                return fail(db, rc);
        r = database_step(db, statement);
        if (r == 1)
                *ret = statement_value(statement, 0);
        (void)sqlite3_finalize(statement);
        return r == 1 ? 0 : r == 0 ? database_corrupt(db, "no answer to a PRAGMA") : r;
}

static int note_frames(void *userdata, sqlite3 *sqlite, const char *name, int n_frames) {
        Database *db = userdata;

        (void)sqlite;
        (void)name;
        db->wal_frames = n_frames;
        return SQLITE_OK;
}

static int configure(Database *db) {
        /* The lock comes first: it decides how the log is opened. */
        int r = database_execute(db, "PRAGMA locking_mode=EXCLUSIVE;"
                                     "PRAGMA cache_size=-256;"
                                     "PRAGMA temp_store=MEMORY;"
                                     "PRAGMA mmap_size=0;"
                                     "PRAGMA foreign_keys=OFF;"
                                     "PRAGMA trusted_schema=OFF;"
                                     "PRAGMA cell_size_check=ON;"
                                     "PRAGMA journal_size_limit=8388608;"
                                     "PRAGMA synchronous=FULL;");

        if (r != 0)
                return r;
        (void)sqlite3_wal_autocheckpoint(db->sqlite, 0);
        (void)sqlite3_wal_hook(db->sqlite, note_frames, db);
        return 0;
}

static int create(Database *db) {
        int r = database_execute(db, "PRAGMA page_size=4096;"
                                     "PRAGMA auto_vacuum=INCREMENTAL;"
                                     "PRAGMA journal_mode=WAL");

        return r != 0 ? r : schema_create(db);
}

static int read_totals(Database *db) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_TOTALS_READ, &s);
        if (r != 0)
                return r;
        r = database_step(db, s);
        if (r == 0)
                return database_corrupt(db, "the totals are missing");
        if (r != 1)
                return r;
        db->totals = (Totals){
                        .next_seq = statement_value(s, 0),
                        .next_incoming = statement_value(s, 1),
                        .n_spooled = statement_value(s, 2),
                        .spooled_bytes = statement_value(s, 3),
                        .n_incoming = statement_value(s, 4),
                        .incoming_bytes = statement_value(s, 5),
                        .known_seq = statement_value(s, 6),
                        .n_fates = statement_value(s, 7),
        };
        db->mark = (TtlMark){
                        .msec = statement_value(s, 8),
                        .at = {.boot_id = statement_value(s, 9),
                               .boot_msec = statement_value(s, 10),
                               .wall_msec = statement_value(s, 11)},
        };
        db->committed = db->totals;
        return 0;
}

/* The ends of a table must agree with the totals; a whole check would read every page. */
static int check_table(Database *db, Statement end, uint64_t n, uint64_t bytes, uint64_t next) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, end, &s);
        if (r != 0)
                return r;
        r = database_step(db, s);
        if (r < 0)
                return r;
        if ((n > 0) != (r == 1))
                return database_corrupt(db, "the totals are not those of the tables");
        if (r == 1 && (statement_value(s, 0) >= next || statement_value(s, 1) > bytes))
                return database_corrupt(db, "the totals are too small for the tables");
        return 0;
}

static int check(Database *db) {
        const Totals *t = &db->totals;
        int r;

        r = schema_check(db);
        if (r == 0)
                r = read_totals(db);
        for (Statement end = STATEMENT_SPOOL_FIRST; r == 0 && end <= STATEMENT_SPOOL_LAST; end++)
                r = check_table(db, end, t->n_spooled, t->spooled_bytes, t->next_seq);
        for (Statement end = STATEMENT_INCOMING_FIRST; r == 0 && end <= STATEMENT_INCOMING_LAST;
             end++)
                r = check_table(db, end, t->n_incoming, t->incoming_bytes, t->next_incoming);
        return r;
}

int database_open(Database **ret,
                  const char *path,
                  const char *vfs,
                  DatabaseMode mode,
                  char *ret_problem) {
        _cleanup_(database_closep) Database *db = calloc(1, sizeof(*db));
        int r, rc;

        if (!db)
                return -ENOMEM;
        db->doubtful = true;
        rc = sqlite3_open_v2(path, &db->sqlite,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             vfs);
        r = rc == SQLITE_OK ? configure(db) : fail(db, rc);
        if (r == 0 && mode == DATABASE_CREATE)
                r = create(db);
        if (r == 0 && mode == DATABASE_SALVAGE)
                (void)read_totals(db); /* all zero if that is not possible */
        else if (r == 0)
                r = check(db);
        if (mode == DATABASE_SALVAGE || r == DATABASE_CORRUPT)
                database_freeze(db);
        if (r != 0) {
                (void)snprintf(ret_problem, sizeof(db->problem), "%s", db->problem);
                return r;
        }
        *ret = TAKE_PTR(db);
        return 0;
}

void database_freeze(Database *db) {
        (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

Database *database_close(Database *db) {
        if (!db)
                return NULL;
        for (size_t i = 0; i < _STATEMENT_MAX; i++)
                (void)sqlite3_finalize(db->statements[i]);
        /* With every statement gone this can't be refused. */
        (void)sqlite3_close(db->sqlite);
        free(db);
        return NULL;
}

int database_begin(Database *db) {
        db->failed = 0;
        return run(db, STATEMENT_BEGIN);
}

static int write_totals(Database *db) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        const TtlReading now = ttl_reading_now(db->clock.start.at.boot_id);
        TtlMark mark = db->clock.start.msec > 0 ? ttl_clock_mark(&db->clock, &now) : db->mark;
        int r;

        r = database_statement(db, STATEMENT_TOTALS_WRITE, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, db->totals.next_seq);
        statement_bind(s, 2, db->totals.next_incoming);
        statement_bind(s, 3, db->totals.n_spooled);
        statement_bind(s, 4, db->totals.spooled_bytes);
        statement_bind(s, 5, db->totals.n_incoming);
        statement_bind(s, 6, db->totals.incoming_bytes);
        statement_bind(s, 7, db->totals.known_seq);
        statement_bind(s, 8, db->totals.n_fates);
        statement_bind(s, 9, mark.msec);
        statement_bind(s, 10, mark.at.boot_id);
        statement_bind(s, 11, mark.at.boot_msec);
        statement_bind(s, 12, mark.at.wall_msec);
        return database_step(db, s);
}

int database_commit(Database *db) {
        bool written;
        int r = 0;

        assert(db->failed == 0);
        if (memcmp(&db->totals, &db->committed, sizeof(db->totals)) != 0)
                r = write_totals(db);
        if (r != 0)
                return r;
        written = sqlite3_txn_state(db->sqlite, NULL) == SQLITE_TXN_WRITE;
        r = run(db, STATEMENT_COMMIT);
        if (r != 0)
                return r;
        db->committed = db->totals;
        return written;
}

void database_rollback(Database *db) {
        /* SQLite may have rolled back by itself. */
        if (sqlite3_get_autocommit(db->sqlite) == 0)
                (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
        db->totals = db->committed;
}

int database_note_time(Database *db) {
        int r;

        r = database_begin(db);
        if (r == 0)
                r = write_totals(db);
        if (r == 0)
                r = database_commit(db);
        if (r < 0)
                database_rollback(db);
        return r < 0 ? r : 0;
}

int database_checkpoint(Database *db, bool truncate) {
        int rc;

        db->failed = 0;
        rc = sqlite3_wal_checkpoint_v2(db->sqlite, NULL,
                                       truncate ? SQLITE_CHECKPOINT_TRUNCATE
                                                : SQLITE_CHECKPOINT_PASSIVE,
                                       NULL, NULL);
        if (rc != SQLITE_OK)
                return fail(db, rc);
        db->wal_frames = 0;
        if (truncate)
                db->doubtful = false;
        return 0;
}

int database_shrink(Database *db) {
        uint64_t n_free = 0, n_pages = 0;
        char text[64];
        int r;

        db->failed = 0;
        r = database_ask(db, "PRAGMA freelist_count", &n_free);
        if (r == 0)
                r = database_ask(db, "PRAGMA page_count", &n_pages);
        /* While less than half of it is free, moving pages costs more than it brings. */
        if (r != 0 || n_free < SHRINK_PAGES || n_free < n_pages / 2)
                return r;
        (void)snprintf(text, sizeof(text), "PRAGMA incremental_vacuum(%d)", SHRINK_PAGES);
        r = database_execute(db, text);
        return r != 0 ? r : 1;
}
