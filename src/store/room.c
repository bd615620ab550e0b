/* SPDX-License-Identifier: Apache-2.0 */
#include "store/room.h"

#include <errno.h>
#include <string.h>

#include "store/quota.h"
#include "store/topics.h"

/* A search for room. */
typedef struct Search {
        Database *db;
        const StoreRecord *record;
        const StoreLimits *limits;
        uint64_t handed_seq, hash, size;
        SeqList found;
        uint64_t bytes; /* of what was found */
} Search;

void seq_list_done(SeqList *list) {
        free(list->seqs);
        *list = (SeqList){0};
}

static bool is_enough(const Search *search) {
        const Totals *t = &search->db->totals;

        return quota_allows_after(search->limits, t->n_spooled, t->spooled_bytes, search->size,
                                  search->found.n, search->bytes);
}

static int take(Search *search, uint64_t seq, uint64_t size) {
        SeqList *list = &search->found;

        if (list->n % 64 == 0) {
                uint64_t *seqs = reallocarray(list->seqs, list->n + 64, sizeof(*seqs));

                if (!seqs)
                        return -ENOMEM;
                list->seqs = seqs;
        }
        list->seqs[list->n++] = seq;
        search->bytes += size;
        return 0;
}

/* Takes rows of a statement (seq, size) as long as there is not enough room. */
static int take_from(Search *search, Statement which) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(search->db, which, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, search->record->route);
        statement_bind(s, 2, search->handed_seq);
        if (sqlite3_bind_parameter_count(s) > 2)
                statement_bind(s, 3, search->hash);
        while (!is_enough(search)) {
                r = database_step(search->db, s);
                if (r != 1)
                        return r;
                r = take(search, statement_value(s, 0), statement_value(s, 1));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The last message of the topic; 0: none, or not one that this may make outdated. */
static int find_last(Database *db,
                     const StoreRecord *record,
                     uint64_t hash,
                     uint64_t *ret_seq,
                     uint64_t *ret_size) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        const char *topic;
        uint64_t seq = 0;
        int r;

        r = topics_last(db, hash, &seq);
        if (r == 0)
                r = database_statement(db, STATEMENT_SPOOL_LATEST, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, seq);
        statement_bind(s, 2, record->route);
        r = database_step(db, s);
        if (r < 0)
                return r;
        /* Another topic of the same hash would be a wonder, but is not one. */
        topic = r == 1 ? (const char *)sqlite3_column_text(s, 1) : NULL;
        if (!topic || strcmp(topic, message_topic(record->message)) != 0) {
                *ret_seq = 0;
                return 0;
        }
        *ret_seq = seq;
        *ret_size = statement_value(s, 0);
        return 0;
}

static int find_outdated(Search *search) {
        uint64_t last = 0, size = 0;
        int r;

        r = take_from(search, STATEMENT_OUTDATED_OF_TOPIC);
        if (r != 0 || is_enough(search))
                return r;
        r = find_last(search->db, search->record, search->hash, &last, &size);
        if (r == 0 && last > search->handed_seq && last < search->record->seq)
                r = take(search, last, size);
        return r != 0 ? r : take_from(search, STATEMENT_OUTDATED_OF_ROUTE);
}

int room_find(Database *db,
              const StoreRecord *record,
              const StoreLimits *limits,
              uint64_t handed_seq,
              SeqList *ret) {
        Search search = {
                        .db = db,
                        .record = record,
                        .limits = limits,
                        .handed_seq = handed_seq,
                        .hash = store_topic_hash(message_topic(record->message)),
                        .size = quota_size(record->message),
        };
        int r = 0;

        if (!quota_allows(limits, 0, 0, search.size))
                return -ENOSPC;
        if (record->when_full == STORE_DROP_OLDEST)
                r = take_from(&search, STATEMENT_SPOOL_OLDEST);
        else if (record->when_full == STORE_KEEP_LATEST)
                r = find_outdated(&search);
        if (r == 0 && !is_enough(&search))
                r = -ENOSPC;
        if (r != 0) {
                seq_list_done(&search.found);
                return r;
        }
        *ret = search.found;
        return 0;
}

int room_note_outdated(Database *db, const StoreRecord *record) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        uint64_t hash = store_topic_hash(message_topic(record->message)), last = 0, size;
        int r;

        r = find_last(db, record, hash, &last, &size);
        if (r != 0 || last == 0)
                return r;
        r = database_statement(db, STATEMENT_OUTDATED_PUT, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, record->route);
        /* They don't always come in the order of their numbers. */
        statement_bind(s, 2, last < record->seq ? last : record->seq);
        statement_bind(s, 3, hash);
        return database_step(db, s);
}

int room_forget_outdated(Database *db, uint32_t route, uint64_t seq) {
        _cleanup_(statement_done) sqlite3_stmt *s = NULL;
        int r;

        r = database_statement(db, STATEMENT_OUTDATED_DELETE, &s);
        if (r != 0)
                return r;
        statement_bind(s, 1, route);
        statement_bind(s, 2, seq);
        return database_step(db, s);
}
