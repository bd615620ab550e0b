/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Place
 *
 * Where the database lies, and what becomes of its file: made, opened, set aside when it is bad.
 */

#include "store/database.h"
#include "store/store.h"

typedef struct Place {
        char *path; /* of the database */
        char *vfs;  /* NULL: SQLite's default */
        int directory_fd;
        TtlClock clock; /* has started when something could be opened */
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

/* How large the files are. */
uint64_t place_file_bytes(const Place *place);
