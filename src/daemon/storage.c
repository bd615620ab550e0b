/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/storage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bridge/store-log.h"
#include "daemon/setup.h"
#include "util/clock.h"
#include "util/log.h"

#define AGAIN_USEC (10 * USEC_PER_SEC)

struct Storage {
        const Settings *settings;
        Bridge *bridge;
        Store *store;
        sd_event_source *timer; /* while there is no store */
        bool complained;
};

static void complain(Storage *storage, int r) {
        const LogField fields[] = {{"DIRECTORY", storage->settings->state_dir}};
        char words[96];

        if (storage->complained)
                return;
        storage->complained = true;
        log_event(LOG_EVENT_STORE_UNUSABLE, fields, ARRAY_SIZE(fields),
                  "Cannot store messages in '%s': %s. Without a connection, publishes are refused. "
                  "Check that the directory exists, belongs to this user and has room; trying "
                  "again every 10 s",
                  storage->settings->state_dir, strerror_r(-r, words, sizeof(words)));
}

static int open_store(Storage *storage) {
        const Settings *s = storage->settings;
        const StoreLimits limits = setup_store_limits(s);
        StoreInfo info;
        int r;

        r = store_open(&storage->store, s->state_dir, &limits, &info);
        if (r < 0)
                return r;
        log_store_set_aside(&info);
        if (storage->complained)
                log_info("Messages can be stored in '%s' now", s->state_dir);
        if (info.n_spooled > 0)
                log_info("%" PRIu64 " stored messages wait for the cloud", info.n_spooled);
        r = bridge_set_store(storage->bridge, storage->store, &info);
        if (r < 0)
                storage->store = store_close(storage->store);
        return r;
}

/* Whether there has never been a store: then nothing of it can be missed. */
static bool is_new(const char *directory) {
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/spool.db", directory) < 0) {
                path = NULL;
                return false;
        }
        return access(path, F_OK) < 0 && errno == ENOENT;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Storage *storage = userdata;
        int r = open_store(storage);

        if (r >= 0) {
                storage->timer = sd_event_source_disable_unref(storage->timer);
                return 0;
        }
        complain(storage, r);
        r = sd_event_source_set_time(source, usec + AGAIN_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int storage_new(Storage **ret, sd_event *event, const Settings *settings, Bridge *bridge) {
        _cleanup_(storage_freep) Storage *storage = calloc(1, sizeof(*storage));
        int r;

        if (!storage)
                return -ENOMEM;
        storage->settings = settings;
        storage->bridge = bridge;
        r = open_store(storage);
        if (r < 0) {
                complain(storage, r);
                if (is_new(settings->state_dir))
                        bridge_set_no_store(bridge);
                r = sd_event_add_time_relative(event, &storage->timer, CLOCK_MONOTONIC, AGAIN_USEC,
                                               0, on_timer, storage);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(storage);
        return 0;
}

void storage_set_settings(Storage *storage, const Settings *settings) {
        const StoreLimits limits = setup_store_limits(settings);

        storage->settings = settings;
        if (storage->store)
                store_set_limits(storage->store, &limits);
}

Storage *storage_free(Storage *storage) {
        if (!storage)
                return NULL;
        sd_event_source_disable_unref(storage->timer);
        store_close(storage->store);
        free(storage);
        return NULL;
}
