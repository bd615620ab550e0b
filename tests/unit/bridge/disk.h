/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A world with a real store in a directory of its own.
 */

#include <ftw.h>
#include <poll.h>

#include "programs.h"
#include "store/store-with.h"

typedef struct Disk {
        char directory[128];
        StoreLimits limits;
        const char *vfs;
        Store *store;
        StoreInfo info;
        uint64_t base; /* the first message gets the number after it */
} Disk;

static inline void disk_init(Disk *d) {
        *d = (Disk){0};
        (void)snprintf(d->directory, sizeof(d->directory), "%s/iotlink-uplink-XXXXXX",
                       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
        CHECK(mkdtemp(d->directory));
}

static inline void disk_open(Disk *d, World *w) {
        CHECK_INT(store_open_with(&d->store, d->directory, &d->limits, d->vfs, 50000, &d->info), 0);
        uplink_set_store(w->uplink, d->store, &d->info);
}

/* A world with a store; the clock is the real one, since the disk is. */
static inline void disk_world(Disk *d, World *w, const UplinkConfig *config) {
        UplinkConfig own = config ? *config : (UplinkConfig){0};

        if (own.store_delay_usec == 0)
                own.store_delay_usec = 1 * SEC;
        world_new(w, &own, NULL);
        w->now = clock_now_usec();
        disk_open(d, w);
        d->base = d->info.next_seq - 1;
}

static inline void disk_marked(int r, StoreRecord *records, size_t n, void *userdata) {
        bool *done = userdata;

        (void)r;
        for (size_t i = 0; i < n; i++)
                message_unref(records[i].message);
        *done = true;
}

/* Everything asked of the disk so far has been done and answered. */
static inline void disk_settle(Disk *d, World *w) {
        bool done = false;

        CHECK_INT(store_read(d->store, INT64_MAX, 1, 1, disk_marked, &done), 0);
        while (!done) {
                struct pollfd pfd = {.fd = store_fd(d->store), .events = POLLIN};

                CHECK(poll(&pfd, 1, 10000) == 1);
                store_dispatch(d->store);
        }
        world_turn(w);
}

static inline uint64_t disk_rows(Disk *d) {
        StoreCounters counters;

        store_counters(d->store, &counters);
        return counters.n_spooled;
}

/* The daemon ends in order and starts again; programs that stayed are programs of the new one. */
static inline void disk_restart(Disk *d, World *w) {
        w->uplink = uplink_free(w->uplink);
        d->store = store_close(d->store);
        CHECK_INT(uplink_new(&w->uplink, w->link, &w->uplink_config), 0);
        disk_open(d, w);
}

static inline int disk_remove_one(const char *path,
                                  const struct stat *st,
                                  int kind,
                                  struct FTW *f) {
        (void)st;
        (void)kind;
        (void)f;
        return remove(path);
}

static inline void disk_done(Disk *d) {
        d->store = store_close(d->store);
        CHECK(nftw(d->directory, disk_remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

/* What the server is sent until nothing is left, each message acknowledged as it comes: payloads
 * with spaces between them. */
static inline const char *disk_drain(Disk *d, World *w, char *line, size_t size) {
        size_t used = 0;

        line[0] = '\0';
        for (int idle = 0; idle < 3; idle++) {
                disk_settle(d, w);
                while (w->fake->n_requests > 0) {
                        size_t n = w->fake->n_requests;

                        idle = 0;
                        for (size_t i = 0; i < n; i++) {
                                int k = snprintf(line + used, size - used, "%s ",
                                                 w->fake->requests[i].payload);

                                CHECK(k > 0 && (size_t)k < size - used);
                                used += (size_t)k;
                                fake_published(w->fake, w->fake->requests[i].token, true);
                        }
                        fake_forget(w->fake);
                        world_turn(w);
                }
        }
        CHECK_INT(counters(w).n_in_flight, 0);
        return line;
}
