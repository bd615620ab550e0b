/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sorter.h"

#include <errno.h>
#include <stdlib.h>

#include "util/clock.h"

#define PAGE       100U
#define AGAIN_USEC USEC_PER_SEC

struct Sorter {
        Store *store;
        SorterFunc func;
        void *userdata;
        uint64_t sorted;     /* everything up to here is */
        uint64_t newest;     /* seen from the cloud */
        uint64_t asked_with; /* the newest when the page under way was asked for */
        bool behind;         /* there may be some on disk */
        bool reading;
        bool stale;  /* what is being read is of another file */
        bool failed; /* the last step */
        uint64_t again_usec;
        bool dead; /* freed, but the store will still call */
};

int sorter_new(Sorter **ret, SorterFunc func, void *userdata) {
        Sorter *sorter = calloc(1, sizeof(*sorter));

        if (!sorter)
                return -ENOMEM;
        sorter->func = func;
        sorter->userdata = userdata;
        sorter->again_usec = USEC_INFINITY;
        *ret = sorter;
        return 0;
}

Sorter *sorter_free(Sorter *sorter) {
        if (!sorter)
                return NULL;
        if (sorter->reading)
                sorter->dead = true;
        else
                free(sorter);
        return NULL;
}

/* Returns whether it was done. */
static bool sort(Sorter *sorter, uint64_t seq, Message *message) {
        if (seq <= sorter->sorted)
                return true;
        if (sorter->func(sorter->userdata, seq, message) < 0) {
                sorter->behind = sorter->failed = true;
                return false;
        }
        sorter->sorted = seq;
        return true;
}

static void read_on(Sorter *sorter);

static void on_page(int r, StoreIncoming *messages, size_t n, void *userdata) {
        Sorter *sorter = userdata;
        bool sorted = r >= 0 && !sorter->stale;

        sorter->reading = sorter->stale = false;
        for (size_t i = 0; i < n; i++) {
                sorted = sorted && !sorter->dead &&
                         sort(sorter, messages[i].seq, messages[i].message);
                message_unref(messages[i].message);
        }
        if (sorter->dead) {
                free(sorter);
                return;
        }
        sorter->failed = !sorted;
        if (sorted && n == 0) {
                if (sorter->sorted < sorter->asked_with)
                        sorter->sorted = sorter->asked_with;
                sorter->behind = sorter->sorted < sorter->newest;
        }
        if (sorted)
                read_on(sorter);
}

static void read_on(Sorter *sorter) {
        if (!sorter->behind || sorter->reading)
                return;
        sorter->asked_with = sorter->newest;
        sorter->reading = store_read_incoming(sorter->store, NULL, sorter->sorted, PAGE, on_page,
                                              sorter) == 0;
        sorter->failed = !sorter->reading;
}

void sorter_set_store(Sorter *sorter, Store *store) {
        sorter->store = store;
        sorter->behind = true;
        read_on(sorter);
}

void sorter_restart(Sorter *sorter) {
        sorter->sorted = 0;
        sorter->behind = true;
        sorter->stale = sorter->reading;
        read_on(sorter);
}

void sorter_take(Sorter *sorter, uint64_t seq, Message *message) {
        if (sorter->newest < seq)
                sorter->newest = seq;
        if (!sorter->behind)
                (void)sort(sorter, seq, message);
}

void sorter_pump(Sorter *sorter, uint64_t now_usec) {
        if (!sorter->failed) {
                sorter->again_usec = USEC_INFINITY;
                return;
        }
        if (sorter->again_usec == USEC_INFINITY)
                sorter->again_usec = now_usec + AGAIN_USEC;
        if (now_usec < sorter->again_usec)
                return;
        sorter->again_usec = USEC_INFINITY;
        sorter->failed = false;
        read_on(sorter);
}

uint64_t sorter_deadline_usec(const Sorter *sorter) {
        return sorter->again_usec;
}
