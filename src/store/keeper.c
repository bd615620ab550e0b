/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when a commit fails:
 *
 * Full disk. SQLite rolls the transaction back; nothing of it counts. Everyone who waits is told.
 *
 * Failed write or fsync. The kernel reports it once and then takes the lost pages for clean: the
 * log as this process sees it may hold bytes that the disk does not. SQLite has rolled back, so
 * that in this connection the next transaction overwrites the failed one from its first byte on,
 * and all before it was synced when it was committed. Opening the file again, in contrast, would
 * find the failed transaction whole in the page cache, take it for committed and append to it;
 * after a power cut recovery would stop at the hole and drop what had been acknowledged since. So
 * before anything is written again, in this connection or a new one, the log is moved into the
 * database, synced there, and emptied (see database_checkpoint()): after that nothing rests on
 * pages that were ever in doubt. Only when this fails too the file is closed and opened again, for
 * a disk that comes back as another one. Messages whose commit failed were refused; if they turn
 * up then, they are deleted. (What was dropped to make room for them is gone then, and noted as
 * dropped; only nobody was told.)
 *
 * Damaged file. It is set aside, a new one is made, and the changes go there.
 *
 * File that is no longer in its place, because someone has deleted or replaced it: looked for after
 * each commit and before it counts. The changes are made again in what is there now, or in a new
 * one. A log that is gone alone is no loss: all that is in it goes into the database.
 *
 * Page that can't be read, ever. Reading the spool goes on behind it after many tries: it could
 * be the whole disk, for a while. A change that nobody waits for and that needs it is dropped after
 * a few tries: it must not keep all others from being made.
 *
 * While a failure lasts, the disk is tried at most once in a while, by whoever comes next.
 */
#include "store/keeper.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/clock.h"

/* Log pages after which a checkpoint is worth its two fsyncs: 4 MiB. */
#define CHECKPOINT_FRAMES 1000

/* Beyond that, what is owed is dropped: some messages will come twice. */
#define OWED_BYTES_MAX (8U * 1024U * 1024U)

/* How often a change that needs what can't be read is tried, and how often a page is read. */
#define TRIES_MAX      4
#define READ_TRIES_MAX 30

int keeper_init(Keeper *keeper,
                const char *directory,
                const StoreLimits *limits,
                const char *vfs,
                uint64_t retry_usec,
                StoreInfo *ret_info) {
        Keeper k = {.terms = {.limits = *limits}, .retry_usec = retry_usec};
        int r;

        r = place_init(&k.place, directory, vfs);
        if (r < 0)
                return r;
        r = place_open(&k.place, &k.known, &k.db, ret_info);
        if (r < 0) {
                place_done(&k.place);
                return r;
        }
        (void)place_look(&k.place, &k.file_bytes);
        *keeper = k;
        return 0;
}

void keeper_done(Keeper *k) {
        if (k->owed.first) {
                Requests none = {0};

                k->error = 0; /* the last chance does not wait */
                keeper_write(k, &none);
        }
        requests_done(&k->owed);
        requests_done(&k->notices);
        /* For those that expire; a failure makes the clock go slower at most. */
        if (k->db && (k->db->committed.n_spooled > 0 || k->note_end) && !k->db->doubtful)
                (void)(database_note_time(k->db) < 0);
        (void)database_close(k->db);
        place_done(&k->place);
}

static void note_failure(Keeper *k, int r) {
        k->failures++;
        k->error = r;
        k->retry_at_usec = clock_now_usec() + k->retry_usec;
}

/* Without memory there are no news. */
static Request *note(Keeper *k, RequestKind kind) {
        Request *news = NULL;

        if (request_new(&news, kind) < 0)
                return NULL;
        requests_append(&k->notices, news);
        return news;
}

static void note_replaced(Keeper *k, const StoreInfo *info) {
        Request *news = note(k, REQUEST_REPLACED);

        k->terms.handed_seq = 0;
        if (!news)
                return;
        news->info = malloc(sizeof(*news->info));
        if (news->info)
                *news->info = *info;
}

static void note_unreadable(Keeper *k, uint64_t seq, uint64_t last_seq) {
        Request *news = note(k, REQUEST_UNREADABLE);

        k->n_unreadable++;
        if (!news)
                return;
        news->seq = seq;
        news->last_seq = last_seq;
}

static int replace(Keeper *k) {
        StoreInfo info = {0};
        int r;

        k->known = k->db->committed;
        k->failures++;
        r = place_replace(&k->place, TAKE_PTR(k->db), &k->db, &info);
        if (info.set_aside) {
                note_replaced(k, &info);
                k->known.n_spooled = k->known.n_incoming = 0;
        }
        return r;
}

/* The file of the database is not in its place any more. */
static int abandon(Keeper *k) {
        StoreInfo info = {0};
        int r;

        k->failures++;
        r = place_abandon(&k->place, TAKE_PTR(k->db), &k->known, &k->db, &info);
        if (info.set_aside) {
                note_replaced(k, &info);
                k->known.n_spooled = k->known.n_incoming = 0;
        }
        return r;
}

static int reopen(Keeper *k) {
        StoreInfo info = {0};
        int r = place_open(&k->place, &k->known, &k->db, &info);

        if (r == 0 && info.set_aside)
                note_replaced(k, &info);
        return r;
}

static bool is_resting(const Keeper *k) {
        return k->error != 0 && clock_now_usec() < k->retry_at_usec;
}

/* Makes the database ready for changes. 0, -errno or DATABASE_CORRUPT. */
static int get_ready(Keeper *k) {
        int r = 0;

        if (!k->db)
                r = reopen(k);
        assert(r < 0 || k->db);
        if (r == 0 && k->db->doubtful) {
                r = database_checkpoint(k->db, true);
                if (r == -EIO) {
                        k->known = k->db->committed;
                        k->db = database_close(k->db);
                }
        }
        return r;
}

static int execute_all(Keeper *k, const Requests *list, Request **ret_failed) {
        for (Request *q = list->first; q; q = q->next) {
                (void)request_execute(q, k->db, &k->terms);
                if (k->db->failed != 0) {
                        *ret_failed = q;
                        return k->db->failed;
                }
        }
        return 0;
}

static int execute_owed(Keeper *k) {
        Request *failed = NULL;
        int r = execute_all(k, &k->owed, &failed);

        if (r == -EIO && ++failed->n_failed >= TRIES_MAX)
                requests_remove(&k->owed, failed);
        return r;
}

/* -ESTALE when the file is not in its place any more; nothing counts then. */
static int attempt(Keeper *k, const Requests *batch) {
        Totals before = k->db->committed;
        Request *failed;
        int r;

        r = database_begin(k->db);
        if (r == 0)
                r = execute_owed(k);
        if (r == 0)
                r = execute_all(k, batch, &failed);
        if (r == 0)
                r = database_commit(k->db);
        if (r < 0) {
                database_rollback(k->db);
                return r;
        }
        k->commits += (uint64_t)r;
        switch (place_look(&k->place, &k->file_bytes)) {
        case PLACE_GONE:
                k->known = before;
                return -ESTALE;
        case PLACE_LOG_GONE:
                r = database_checkpoint(k->db, true);
                k->known = k->db->committed;
                k->db = database_close(k->db); /* the next one finds it whole */
                return r;
        case PLACE_FINE:
        default:
                return 0;
        }
}

/* A message whose commit is in doubt has been refused; should it turn up, it must go. */
static Request *take_back(const Request *q) {
        _cleanup_(request_freep) Request *undo = NULL;

        if (q->kind == REQUEST_PUT && request_new(&undo, REQUEST_GIVE_UP) == 0) {
                undo->fate = STORE_FATE_DROPPED;
                undo->seqs = malloc(sizeof(*undo->seqs));
                if (!undo->seqs)
                        return NULL;
                undo->seqs[0] = q->record.seq;
                undo->n = 1;
        } else if (q->kind == REQUEST_KEEP && request_new(&undo, REQUEST_ASSIGN) == 0) {
                undo->seq = q->seq; /* to nobody */
        }
        return TAKE_PTR(undo);
}

static void owe(Keeper *k, Request *take) {
        if (k->owed.bytes + request_footprint(take) > OWED_BYTES_MAX)
                (void)request_free(take);
        else
                requests_append(&k->owed, take);
}

static void fail(Keeper *k, Requests *batch, int r, bool in_doubt) {
        Requests answered = {0};
        Request *q;

        while ((q = requests_take_first(batch))) {
                q->r = r;
                if (request_is_lazy(q)) {
                        owe(k, q);
                        continue;
                }
                if (in_doubt) {
                        Request *undo = take_back(q);

                        if (undo)
                                owe(k, undo);
                }
                requests_append(&answered, q);
        }
        *batch = answered;
}

/* What is said only if it has been committed. */
static void settle(Keeper *k, Requests *batch) {
        ClientCounts dropped = {0};

        for (Request *q = batch->first; q; q = q->next) {
                q->forgetting.n_sure = q->forgetting.done.n;
                for (size_t i = 0; i < q->counts.n; i++)
                        if (client_counts_add(&dropped, q->counts.items[i].client,
                                              q->counts.items[i].n) < 0)
                                break; /* not even memory to tell */
        }
        if (dropped.n > 0) {
                Request *news = note(k, REQUEST_INBOX_DROPPED);

                if (news) {
                        news->counts = dropped;
                        return;
                }
        }
        client_counts_done(&dropped);
}

/* In the database that is there, or in the one that takes its place. */
static int write_somewhere(Keeper *k, Requests *batch, bool *ret_in_doubt) {
        int r;

        r = get_ready(k);
        if (r == 0) {
                r = attempt(k, batch);
                *ret_in_doubt = r < 0 && k->db && k->db->doubtful;
        }
        if (r != -ESTALE && r != DATABASE_CORRUPT)
                return r;
        *ret_in_doubt = false;
        r = r == -ESTALE ? abandon(k) : replace(k);
        if (r == 0)
                r = attempt(k, batch);
        return r == DATABASE_CORRUPT || r == -ESTALE ? -EIO : r;
}

void keeper_write(Keeper *k, Requests *batch) {
        bool in_doubt = false;
        int r;

        if (is_resting(k)) {
                fail(k, batch, k->error, false);
                return;
        }
        r = write_somewhere(k, batch, &in_doubt);
        if (r < 0) {
                note_failure(k, r);
                fail(k, batch, r, in_doubt);
                return;
        }
        k->error = 0;
        k->untidy = true;
        requests_done(&k->owed);
        settle(k, batch);
}
/* Of the number behind which nothing can be read: the last one before rows that can. */
static int find_readable(Keeper *k, uint64_t after, uint64_t *ret) {
        uint64_t bad = after, good, step = 1;
        Page page = {0};

        (void)sqlite3_db_release_memory(k->db->sqlite); /* what is in memory proves nothing */
        for (;; step *= 2) {
                good = bad + step;
                if (good >= k->db->totals.next_seq)
                        return -EIO; /* all the rest, or the disk as a whole */
                if (spool_read(k->db, good, 1, 0, &page) == 0)
                        break;
                bad = good;
        }
        page_done(&page);
        while (good - bad > 1) {
                uint64_t middle = bad + (good - bad) / 2;

                if (spool_read(k->db, middle, 1, 0, &page) == 0)
                        good = middle;
                else
                        bad = middle;
                page_done(&page);
        }
        *ret = good;
        return 0;
}

/* Where the disk has failed again and again, the next that can be read is after that. */
static int read_on(Keeper *k, Request *q) {
        uint64_t first = q->seq + 1;
        int r;

        if (k->stuck_after != q->seq)
                k->n_stuck = 0;
        k->stuck_after = q->seq;
        if (++k->n_stuck < READ_TRIES_MAX)
                return -EIO;
        r = find_readable(k, q->seq, &q->seq);
        if (r == 0)
                r = request_execute(q, k->db, &k->terms);
        if (r == 0)
                note_unreadable(k, first, q->seq);
        return r;
}

/* Rows that make no sense go. */
static void give_up(Keeper *k, Request *q) {
        Requests batch = {0};
        Request *undo;

        for (size_t i = 0; q->kind != REQUEST_READ_INCOMING && i < q->page.n_bad; i++)
                note_unreadable(k, q->page.bad[i], q->page.bad[i]);
        if (request_new(&undo,
                        q->kind == REQUEST_READ_INCOMING ? REQUEST_DISCARD : REQUEST_GIVE_UP) < 0)
                return;
        undo->seqs = TAKE_PTR(q->page.bad);
        undo->n = q->page.n_bad;
        undo->fate = STORE_FATE_DROPPED;
        requests_append(&batch, undo);
        keeper_write(k, &batch);
        requests_done(&batch);
}

static int read_here(Keeper *k, Request *q) {
        int r = request_execute(q, k->db, &k->terms);

        if (r == -EIO && (q->kind == REQUEST_READ || q->kind == REQUEST_PEEK))
                r = read_on(k, q);
        if (r != 0)
                return r;
        /* Who begins anew has forgotten what comes after this page. */
        if (q->kind == REQUEST_READ && q->page.last_seq > 0)
                k->terms.handed_seq = q->page.last_seq;
        if (q->page.n_bad > 0)
                give_up(k, q);
        return 0;
}

void keeper_read(Keeper *k, Request *request) {
        int r = 0;

        if (!k->db) {
                r = is_resting(k) ? k->error : get_ready(k);
                if (r < 0 && !is_resting(k))
                        note_failure(k, r);
        }
        if (r == 0)
                r = read_here(k, request);
        if (r == DATABASE_CORRUPT) {
                /* What is missing in the new one is missing for good. */
                r = -EIO;
                if (!k->db || replace(k) < 0)
                        note_failure(k, r);
        }
        request->r = r;
}

uint64_t keeper_due_usec(const Keeper *k) {
        return k->owed.first ? k->retry_at_usec : 0;
}

/* Nobody waits for these: failures are noted, and found again by the next change. */
static bool look_after(Keeper *k, int r) {
        if (r == DATABASE_CORRUPT)
                r = replace(k);
        if (r < 0)
                note_failure(k, r);
        return r >= 0;
}

void keeper_checkpoint(Keeper *k) {
        if (k->db && k->error == 0 && k->db->wal_frames >= CHECKPOINT_FRAMES)
                (void)look_after(k, database_checkpoint(k->db, false));
}

bool keeper_wants_tidying(const Keeper *k) {
        return k->untidy && k->db && k->error == 0 && !k->db->doubtful;
}

void keeper_tidy(Keeper *k) {
        int r;

        if (!keeper_wants_tidying(k))
                return;
        r = database_shrink(k->db);
        if (r == 0 && k->shrinking)
                r = database_checkpoint(k->db, true);
        k->shrinking = r == 1;
        k->untidy = look_after(k, r) && r == 1;
        keeper_checkpoint(k);
        (void)place_look(&k->place, &k->file_bytes);
}
