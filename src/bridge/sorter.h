/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sorter
 *
 * Says of each message in the store's inbox for whom it is, in the order in which they were kept.
 * As a rule a message comes straight from the cloud; what an earlier run of the daemon had kept and
 * not sorted, and what the disk didn't take, is read back. As long as anything is to be read, what
 * comes from the cloud waits its turn on the disk, too.
 */

#include "store/store.h"

typedef struct Sorter Sorter;

/* Writes down for whom the message is, and passes it on. 0, or -errno: it stays where it is. */
typedef int (*SorterFunc)(void *userdata, uint64_t seq, Message *message);

_warn_unused_ int sorter_new(Sorter **ret, SorterFunc func, void *userdata);
Sorter *sorter_free(Sorter *sorter);

/* Begins with what is there already. */
void sorter_set_store(Sorter *sorter, Store *store);

/* The store is another file: begins anew with what is in it. */
void sorter_restart(Sorter *sorter);

/* A message has come from the cloud and was kept as @seq. */
void sorter_take(Sorter *sorter, uint64_t seq, Message *message);

/* Goes on after a failure. */
void sorter_pump(Sorter *sorter, uint64_t now_usec);
/* When that is due; USEC_INFINITY when it is not. After sorter_pump(). */
uint64_t sorter_deadline_usec(const Sorter *sorter);

DEFINE_CLEANUP(Sorter *, sorter_free);
