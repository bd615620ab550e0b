/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new database is made under another name and renamed when it is whole and synced. So a file of
 * the right name that is empty, short or strange was never left by a crash of ours: it is damaged.
 *
 * A bad file is renamed together with its log, for people to look into; what is small and can
 * still be read of it (totals, subscriptions) goes to the new one.
 *
 * Numbers never go back: they start behind all that are known from the file, with a gap for those
 * that were given to messages that never came to the disk, and not below the wall clock in
 * microseconds. So they grow even when the old file can't be read, unless the clock is wrong too,
 * and even without a clock as long as a file is there. The gap is partly chance: a file that was
 * put back to what it was some time ago must not lead to the same numbers again. They stay below
 * 2^53, what JSON can carry.
 */
#include "store/place.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "store/fates.h"
#include "store/spool.h"
#include "store/subscriptions.h"
#include "util/clock.h"

#define FILE_NAME "spool.db"
#define LOG_NAME  FILE_NAME "-wal"
#define NEW_NAME  FILE_NAME ".new"
#define NAME_SIZE 64
#define N_ASIDE   5 /* bad files kept; the last name is used again and again */

#define SEQ_GAP      (UINT64_C(1) << 32)
#define SEQ_WALL_MAX (UINT64_C(1) << 52) /* in the year 2112; a clock beyond that is wrong */

int place_init(Place *place, const char *directory, const char *vfs) {
        _cleanup_(freep) char *path = NULL, *vfs_name = NULL;
        int fd;

        if (asprintf(&path, "%s/" FILE_NAME, directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (vfs) {
                vfs_name = strdup(vfs);
                if (!vfs_name)
                        return -ENOMEM;
        }
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *place = (Place){.path = TAKE_PTR(path), .vfs = TAKE_PTR(vfs_name), .directory_fd = fd};
        return 0;
}

void place_done(Place *place) {
        free(place->path);
        free(place->vfs);
        closep(&place->directory_fd);
        *place = (Place){.directory_fd = -1};
}

static int sync_directory(const Place *place) {
        return fsync(place->directory_fd) < 0 ? -errno : 0;
}

/* What can be taken over from a bad file. */
typedef struct Salvage {
        Totals totals;
        TtlMark mark;
        bool totals_known;
        Subscriptions subscriptions;
} Salvage;

static void salvage_done(Salvage *salvage) {
        subscriptions_done(&salvage->subscriptions);
}

static bool is_empty(const Place *place) {
        struct stat st;

        return fstatat(place->directory_fd, FILE_NAME, &st, 0) < 0 || st.st_size == 0;
}

static void salvage_read(const Place *place, Salvage *salvage) {
        _cleanup_(database_closep) Database *db = NULL;
        char ignored[160];

        /* Of an empty database SQLite would delete the log. */
        if (is_empty(place))
                return;
        if (database_open(&db, place->path, place->vfs, DATABASE_SALVAGE, ignored) != 0)
                return;
        if (db->totals.next_seq > 0) {
                salvage->totals = db->totals;
                salvage->mark = db->mark;
                salvage->totals_known = true;
        }
        if (subscriptions_read(db, &salvage->subscriptions) < 0)
                salvage->subscriptions = (Subscriptions){0};
}

/* What can't be told is taken to be there, lest it be overwritten. */
static bool exists(const Place *place, const char *name) {
        return faccessat(place->directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
               errno != ENOENT;
}

static int make_file(const Place *place) {
        static const char *const leftovers[] = {NEW_NAME, NEW_NAME "-wal", NEW_NAME "-journal"};
        int fd, r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(leftovers); i++)
                if (unlinkat(place->directory_fd, leftovers[i], 0) < 0 && errno != ENOENT)
                        return -errno;
        fd = openat(place->directory_fd, NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0600) < 0) /* whatever the umask */
                r = -errno;
        (void)close(fd);
        return r;
}

static int fill(Database *db, const Subscriptions *subscriptions) {
        int r;

        r = database_begin(db);
        for (size_t i = 0; r == 0 && i < subscriptions->n; i++) {
                const Subscription *s = &subscriptions->items[i];

                r = subscriptions_put(db, s->client, s->filter, s->qos);
        }
        if (r == 0)
                r = database_commit(db);
        if (r < 0) {
                database_rollback(db);
                return r;
        }
        return database_checkpoint(db, true);
}

/* A database that we have just made and that is bad: the disk does not keep what it is given. */
static int no_corruption(int r) {
        return r == DATABASE_CORRUPT ? -EIO : r;
}

static int make(const Place *place, const Subscriptions *subscriptions, StoreInfo *info) {
        _cleanup_(freep) char *path = NULL;
        Database *db = NULL;
        int r;

        r = make_file(place);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s.new", place->path) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = database_open(&db, path, place->vfs, DATABASE_CREATE, info->problem);
        if (r == 0) {
                db->clock = place->clock;
                r = fill(db, subscriptions);
                db = database_close(db);
        }
        if (r != 0)
                return no_corruption(r);
        if (exists(place, FILE_NAME))
                return -EEXIST;
        if (renameat(place->directory_fd, NEW_NAME, place->directory_fd, FILE_NAME) < 0)
                return -errno;
        return sync_directory(place);
}

static int rename_to(const Place *place, const char *from, const char *to) {
        if (renameat(place->directory_fd, from, place->directory_fd, to) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

/* Names that SQLite's tools take for a database and its log. */
static void name_aside(const Place *place, char *ret_name, char *ret_wal) {
        for (int i = 1; i <= N_ASIDE; i++) {
                (void)snprintf(ret_name, NAME_SIZE, FILE_NAME ".bad-%d", i);
                (void)snprintf(ret_wal, NAME_SIZE, "%s-wal", ret_name);
                if (!exists(place, ret_name) && !exists(place, ret_wal))
                        return;
        }
}

static int set_aside(const Place *place, StoreInfo *info) {
        char name[NAME_SIZE], wal[NAME_SIZE];
        int r;

        name_aside(place, name, wal);
        if (unlinkat(place->directory_fd, wal, 0) < 0 && errno != ENOENT)
                return -errno;
        /* The log first: alone, it would be thrown away. */
        r = rename_to(place, LOG_NAME, wal);
        if (r == 0)
                r = rename_to(place, FILE_NAME, name);
        if (r == 0)
                r = sync_directory(place);
        if (r < 0)
                return r;
        info->set_aside = true;
        (void)snprintf(info->set_aside_as, sizeof(info->set_aside_as), "%s", name);
        return 0;
}

/* It goes on through all databases of one run. */
static void start_clock(Place *place, const TtlMark *mark) {
        TtlReading now;

        if (place->clock.start.msec > 0)
                return;
        now = ttl_reading_now(ttl_boot_id());
        place->clock = ttl_clock_start(mark, &now);
        if (mark->msec == 0)
                place->idle_msec = UINT64_MAX;
        else if (place->clock.start.msec > mark->msec)
                place->idle_msec = place->clock.start.msec - mark->msec;
}

static int start_anew(Place *place, Totals *known, StoreInfo *info) {
        _cleanup_(salvage_done) Salvage salvage = {0};
        int r;

        salvage_read(place, &salvage);
        start_clock(place, &salvage.mark);
        r = set_aside(place, info);
        if (r == 0)
                r = make(place, &salvage.subscriptions, info);
        if (r < 0)
                return r;
        if (salvage.totals_known) {
                info->lost_known = true;
                info->lost_spooled = salvage.totals.n_spooled;
                info->lost_incoming = salvage.totals.n_incoming;
                if (known->next_seq < salvage.totals.next_seq)
                        known->next_seq = salvage.totals.next_seq;
                if (known->next_incoming < salvage.totals.next_incoming)
                        known->next_incoming = salvage.totals.next_incoming;
        }
        return 0;
}

static uint64_t seq_after(uint64_t last, uint64_t gap) {
        uint64_t wall = clock_wall_msec() * USEC_PER_MSEC;
        uint64_t next = last + gap;

        return wall < SEQ_WALL_MAX && wall > next ? wall : next;
}

static uint64_t chance(void) {
        uint32_t value = 0;

        /* Without it all is as well, but for files that were put back. */
        return getrandom(&value, sizeof(value), GRND_NONBLOCK) == sizeof(value) ? value : 0;
}

static uint64_t larger(uint64_t a, uint64_t b) {
        return a > b ? a : b;
}

/* Where the numbers of this run begin, or where they are. */
static Totals numbered(const Place *place, const Totals *stored, const Totals *known) {
        Totals totals = *stored;

        totals.next_seq = larger(stored->next_seq, known->next_seq);
        totals.next_incoming = larger(stored->next_incoming, known->next_incoming);
        if (!place->numbered) {
                totals.next_seq = seq_after(totals.next_seq, SEQ_GAP + chance());
                totals.next_incoming = seq_after(totals.next_incoming, 0);
        }
        return totals;
}

/* Writes it down. On a full disk the first message does that. */
static int number(const Place *place, Database *db, const Totals *known) {
        Totals totals = numbered(place, &db->totals, known);
        int r;

        r = database_checkpoint(db, true);
        if (r == 0)
                r = database_begin(db);
        if (r == 0 && db->totals.next_seq < totals.next_seq)
                r = fates_add_gap(db, db->totals.next_seq, totals.next_seq);
        if (r == 0) {
                totals.known_seq = db->totals.known_seq;
                db->totals = totals;
                r = database_commit(db);
        }
        if (r >= 0)
                return 0;
        database_rollback(db);
        if (r != -ENOSPC)
                return r;
        totals.known_seq = totals.next_seq;
        db->totals = db->committed = totals;
        return 0;
}

static bool is_there(const Place *place) {
        return exists(place, FILE_NAME) || exists(place, LOG_NAME);
}

static int open_existing(const Place *place, Database **ret, StoreInfo *info) {
        if (!exists(place, FILE_NAME) || is_empty(place)) {
                (void)snprintf(info->problem, sizeof(info->problem), "the file is empty");
                return DATABASE_CORRUPT;
        }
        if (fchmodat(place->directory_fd, FILE_NAME, 0600, 0) < 0 && errno != EPERM)
                return -errno;
        return database_open(ret, place->path, place->vfs, DATABASE_USE, info->problem);
}

/* Those that have just been opened; the log was written to. */
static void remember_files(Place *place) {
        struct stat st;

        place->database = place->log = (PlaceFile){0};
        if (fstatat(place->directory_fd, FILE_NAME, &st, 0) == 0)
                place->database = (PlaceFile){.device = st.st_dev, .inode = st.st_ino};
        if (fstatat(place->directory_fd, LOG_NAME, &st, 0) == 0)
                place->log = (PlaceFile){.device = st.st_dev, .inode = st.st_ino};
}

/* Opens what is there now and good, and says what it holds. */
static int begin(Place *place, const Totals *known, Database **ret, StoreInfo *info) {
        _cleanup_(database_closep) Database *db = NULL;
        const Totals *t;
        int r;

        r = open_existing(place, &db, info);
        if (r < 0)
                return r;
        assert(db);
        start_clock(place, &db->mark);
        db->clock = place->clock;
        r = number(place, db, known);
        if (r == 0)
                r = spool_ends(db, &info->first_seq, &info->last_seq);
        if (r != 0)
                return r;
        t = &db->totals;
        info->n_spooled = t->n_spooled;
        info->spooled_bytes = t->spooled_bytes;
        info->n_incoming = t->n_incoming;
        info->incoming_bytes = t->incoming_bytes;
        info->next_seq = t->next_seq;
        info->idle_msec = place->idle_msec;
        place->numbered = true;
        remember_files(place);
        *ret = TAKE_PTR(db);
        return 0;
}

int place_open(Place *place, const Totals *known, Database **ret, StoreInfo *ret_info) {
        static const Subscriptions none = {0};
        Totals totals = *known;
        StoreInfo info = {0};
        int r = 0;

        if (known->n_spooled > 0 || known->n_incoming > 0) {
                info.lost_known = true;
                info.lost_spooled = known->n_spooled;
                info.lost_incoming = known->n_incoming;
        }
        if (!is_there(place)) {
                info.set_aside = info.lost_known; /* vanished, rather: else it is the first */
                r = make(place, &none, &info);
        }
        if (r == 0)
                r = begin(place, &totals, ret, &info);
        if (r == DATABASE_CORRUPT) {
                r = start_anew(place, &totals, &info);
                if (r == 0)
                        r = no_corruption(begin(place, &totals, ret, &info));
        }
        if (!info.set_aside)
                info.lost_known = false;
        *ret_info = info;
        return r;
}

int place_replace(Place *place, Database *take_bad, Database **ret, StoreInfo *ret_info) {
        Totals totals = take_bad->committed;
        StoreInfo info = {
                        .lost_known = true,
                        .lost_spooled = totals.n_spooled,
                        .lost_incoming = totals.n_incoming,
        };
        int r;

        (void)memcpy(info.problem, take_bad->problem, sizeof(info.problem));
        database_freeze(take_bad);
        (void)database_close(take_bad);
        r = start_anew(place, &totals, &info);
        if (r == 0)
                r = no_corruption(begin(place, &totals, ret, &info));
        *ret_info = info;
        return r;
}

/* One that can't be looked at is neither there nor gone. */
static bool is_gone(const Place *place, const char *name, const PlaceFile *file, uint64_t *bytes) {
        struct stat st;

        if (fstatat(place->directory_fd, name, &st, 0) < 0)
                return errno == ENOENT && file->inode != 0;
        *bytes += (uint64_t)st.st_size;
        if (file->inode == 0)
                return false; /* it was somewhere else: the database is a symbolic link */
        return st.st_dev != file->device || st.st_ino != file->inode;
}

PlaceState place_look(const Place *place, uint64_t *ret_file_bytes) {
        uint64_t bytes = 0;
        bool database_gone = is_gone(place, FILE_NAME, &place->database, &bytes);
        bool log_gone = is_gone(place, LOG_NAME, &place->log, &bytes);

        *ret_file_bytes = bytes;
        return database_gone ? PLACE_GONE : log_gone ? PLACE_LOG_GONE : PLACE_FINE;
}

/* The log of a database that is gone must not be taken for one of the next. */
static int set_log_aside(const Place *place) {
        char name[NAME_SIZE], wal[NAME_SIZE];
        uint64_t ignored = 0;

        if (is_gone(place, LOG_NAME, &place->log, &ignored))
                return 0;
        name_aside(place, name, wal);
        return rename_to(place, LOG_NAME, wal);
}

int place_abandon(Place *place,
                  Database *take,
                  const Totals *known,
                  Database **ret,
                  StoreInfo *ret_info) {
        StoreInfo info = {0};
        int r;

        database_freeze(take);
        (void)database_close(take);
        r = set_log_aside(place);
        if (r == 0)
                r = place_open(place, known, ret, &info);
        if (!info.set_aside) {
                info.set_aside = info.lost_known = true;
                info.lost_spooled = known->n_spooled;
                info.lost_incoming = known->n_incoming;
        }
        if (info.problem[0] == '\0')
                (void)snprintf(info.problem, sizeof(info.problem),
                               "the file was deleted or replaced");
        *ret_info = info;
        return r;
}
