/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fates.h"

#include <errno.h>

#define FATES_MAX 100000
#define GAPS_MAX  1000

/* One statement with one number or two. Returns 1 with the number that it answers, if any. */
static int step(Database *db, Statement which, uint64_t a, uint64_t b, uint64_t *ret) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, which, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, a);
        if (sqlite3_bind_parameter_count(s) > 1)
                statement_bind(s, 2, b);
        r = database_step(db, s);
        if (r == 1)
                *ret = statement_value(s, 0);
        return r;
}

/* Nothing is known any more of numbers up to @seq. */
static void forget_up_to(Database *db, uint64_t seq) {
        if (db->totals.known_seq <= seq)
                db->totals.known_seq = seq + 1;
}

static int prune(Database *db) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        if (db->totals.n_fates <= FATES_MAX)
                return 0;
        r = database_statement(db, STATEMENT_FATE_DELETE_FIRST, &s);
        if (r != 0)
                return r;
        r = database_step(db, s);
        if (r == 1)
                forget_up_to(db, statement_value(s, 0));
        db->totals.n_fates--;
        return r < 0 ? r : 0;
}

int fates_remember(Database *db, uint64_t seq, StoreFate why) {
        uint64_t ignored = 0;
        int r;

        if (seq < db->totals.known_seq)
                return 0;
        r = step(db, STATEMENT_FATE_PUT, seq, why, &ignored);
        if (r != 0)
                return r;
        db->totals.n_fates++;
        return prune(db);
}

int fates_forget(Database *db, uint64_t seq) {
        uint64_t ignored = 0;
        int r;

        if (db->totals.n_fates == 0)
                return 0;
        r = step(db, STATEMENT_FATE_DELETE, seq, 0, &ignored);
        if (r == 1)
                db->totals.n_fates--;
        return r < 0 ? r : 0;
}

int fates_add_gap(Database *db, uint64_t first, uint64_t next) {
        uint64_t ignored = 0, pruned = 0;
        int r;

        r = step(db, STATEMENT_GAP_EXTEND, first, next, &ignored);
        if (r == 0)
                r = step(db, STATEMENT_GAP_PUT, first, next, &ignored);
        if (r < 0)
                return r;
        r = step(db, STATEMENT_GAP_DELETE_FIRST, GAPS_MAX, 0, &pruned);
        if (r == 1)
                forget_up_to(db, pruned - 1);
        return r < 0 ? r : 0;
}

int fates_ask(Database *db, uint64_t seq, StoreFate *ret) {
        uint64_t value = 0;
        int r;

        r = step(db, STATEMENT_SPOOL_HAS, seq, 0, &value);
        if (r == 1)
                *ret = STORE_FATE_WAITING;
        if (r != 0)
                return r < 0 ? r : 0;
        if (seq < db->totals.known_seq || seq >= db->totals.next_seq) {
                *ret = STORE_FATE_UNKNOWN;
                return 0;
        }
        r = step(db, STATEMENT_FATE_GET, seq, 0, &value);
        if (r == 1)
                *ret = value == STORE_FATE_EXPIRED ? STORE_FATE_EXPIRED : STORE_FATE_DROPPED;
        if (r != 0)
                return r < 0 ? r : 0;
        r = step(db, STATEMENT_GAP_GET, seq, 0, &value);
        if (r >= 0)
                *ret = r == 1 && seq < value ? STORE_FATE_UNKNOWN : STORE_FATE_DELIVERED;
        return r < 0 ? r : 0;
}
