/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Place
 *
 * Where the database lies, and what becomes of its file: made, opened, set aside when it is bad.
 */

#include <sys/types.h>

#include "store/database.h"
#include "store/store.h"

/* Which file has a name. */
typedef struct PlaceFile {
        dev_t device;
        ino_t inode;
} PlaceFile;

typedef struct Place {
        char *path; /* of the database */
        char *vfs;  /* NULL: SQLite's default */
        int directory_fd;
        PlaceFile database, log; /* those that are open */
        TtlClock clock;          /* has started when something could be opened */
        uint64_t idle_msec;      /* see StoreInfo */
        bool numbered;           /* this run's numbers have begun */
} Place;

_warn_unused_ int place_init(Place *place, const char *directory, const char *vfs);
void place_done(Place *place);

/*
 * Opens the database, makes it when there is none, replaces it when it is bad. @known is what the
 * caller knows of an earlier life of it (zero: nothing): numbers continue behind it.
 * @ret_info->problem is written in any case. 0 or -errno.
 */
_warn_unused_ int place_open(Place *place,
                             const Totals *known,
                             Database **ret,
                             StoreInfo *ret_info);

/* Closes @take_bad, whose file has turned out bad, sets it aside and opens a new one.
 * @ret_info->set_aside is true if at least the first worked. */
_warn_unused_ int place_replace(Place *place,
                                Database *take_bad,
                                Database **ret,
                                StoreInfo *ret_info);

typedef enum PlaceState {
        PLACE_FINE,
        PLACE_GONE,     /* the database is not there any more, or it is another file */
        PLACE_LOG_GONE, /* the same of the log alone */
} PlaceState;

/* Are the files still there, and how large are they? */
PlaceState place_look(const Place *place, uint64_t *ret_file_bytes);

/* Closes @take, whose file is PLACE_GONE, and opens what is there instead, or makes it. @known as
 * for place_open(). @ret_info->set_aside is true in any case. */
_warn_unused_ int place_abandon(Place *place,
                                Database *take,
                                const Totals *known,
                                Database **ret,
                                StoreInfo *ret_info);
