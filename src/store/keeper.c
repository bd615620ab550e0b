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
 * up then, they are deleted.
 *
 * Damaged file. It is set aside, a new one is made, and the changes go there.
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

int keeper_init(Keeper *keeper,
                const char *directory,
                const StoreLimits *limits,
                const char *vfs,
                uint64_t retry_usec,
                StoreInfo *ret_info) {
        Keeper k = {.limits = *limits, .retry_usec = retry_usec};
        int r;

        r = place_init(&k.place, directory, vfs);
        if (r < 0)
                return r;
        r = place_open(&k.place, &k.known, &k.db, ret_info);
        if (r < 0) {
                place_done(&k.place);
                return r;
        }
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
        free(k->replaced);
        (void)database_close(k->db);
        place_done(&k->place);
}

static void note_failure(Keeper *k, int r) {
        k->failures++;
        k->error = r;
        k->retry_at_usec = clock_now_usec() + k->retry_usec;
}

/* The latest news counts; without memory there are none. */
static void note_replaced(Keeper *k, const StoreInfo *info) {
        if (!k->replaced)
                k->replaced = malloc(sizeof(*k->replaced));
        if (k->replaced)
                *k->replaced = *info;
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

static int reopen(Keeper *k) {
        StoreInfo info = {0};
        int r = place_open(&k->place, &k->known, &k->db, &info);

        if (r == 0 && info.set_aside)
                note_replaced(k, &info);
        return r;
}

/* Makes the database ready for changes. 0, -errno or DATABASE_CORRUPT. */
static int get_ready(Keeper *k) {
        int r = 0;

        if (k->error != 0 && clock_now_usec() < k->retry_at_usec)
                return k->error;
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
        if (r < 0)
                note_failure(k, r);
        return r;
}

static int execute_all(Keeper *k, const Requests *list) {
        for (Request *q = list->first; q; q = q->next) {
                (void)request_execute(q, k->db, &k->limits);
                if (k->db->failed != 0)
                        return k->db->failed;
        }
        return 0;
}

static int attempt(Keeper *k, const Requests *batch) {
        int r;

        r = database_begin(k->db);
        if (r == 0)
                r = execute_all(k, &k->owed);
        if (r == 0)
                r = execute_all(k, batch);
        if (r == 0)
                r = database_commit(k->db);
        if (r < 0) {
                database_rollback(k->db);
                return r;
        }
        k->commits += (uint64_t)r;
        return 0;
}

/* A message whose commit is in doubt has been refused; should it turn up, it must go. */
static Request *take_back(const Request *q) {
        _cleanup_(request_freep) Request *undo = NULL;

        if (q->kind == REQUEST_PUT && request_new(&undo, REQUEST_DELETE) == 0) {
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

void keeper_write(Keeper *k, Requests *batch) {
        bool in_doubt = false;
        int r;

        r = get_ready(k);
        if (r == 0) {
                r = attempt(k, batch);
                if (r < 0 && r != DATABASE_CORRUPT) {
                        in_doubt = k->db->doubtful;
                        note_failure(k, r);
                }
        }
        if (r == DATABASE_CORRUPT) {
                r = replace(k);
                if (r == 0)
                        r = attempt(k, batch);
                if (r == DATABASE_CORRUPT)
                        r = -EIO;
                if (r < 0)
                        note_failure(k, r);
        }
        if (r < 0) {
                fail(k, batch, r, in_doubt);
                return;
        }
        k->error = 0;
        k->untidy = true;
        requests_done(&k->owed);
}

void keeper_read(Keeper *k, Request *request) {
        int r = k->db ? 0 : get_ready(k);

        if (r == 0)
                r = request_execute(request, k->db, &k->limits);
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
}
