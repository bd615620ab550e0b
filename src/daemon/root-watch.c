/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/root-watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "cloud/tls.h"
#include "util/clock.h"
#include "util/log.h"

#define DAY_USEC  (24 * 3600 * USEC_PER_SEC)
#define WARN_DAYS 90

struct RootWatch {
        const Settings *settings;
        sd_event_source *timer;
};

static void look_at(const char *file) {
        int days = tls_root_days(file);
        LogField fields[2] = {{"ROOT_FILE", file}};
        char number[16];

        if (days == INT_MIN || days >= WARN_DAYS)
                return; /* one that can't be read is told of when it is needed */
        (void)snprintf(number, sizeof(number), "%d", days);
        fields[1] = (LogField){"ROOT_DAYS", number};
        if (days < 0)
                log_event(LOG_EVENT_ROOT_EXPIRING, fields, ARRAY_SIZE(fields),
                          "A root certificate in '%s' has expired: servers that still use it can "
                          "no longer be verified. Install a newer version of iotlinkd, or name "
                          "current roots in cloud.tls.roots",
                          file);
        else
                log_event(LOG_EVENT_ROOT_EXPIRING, fields, ARRAY_SIZE(fields),
                          "A root certificate in '%s' expires in %d days. Before that, install a "
                          "newer version of iotlinkd, or name current roots in cloud.tls.roots",
                          file, days);
}

static int on_day(sd_event_source *source, uint64_t usec, void *userdata) {
        RootWatch *watch = userdata;
        int r;

        for (size_t i = 0; i < watch->settings->n_roots; i++)
                look_at(watch->settings->roots[i].file);
        r = sd_event_source_set_time(source, usec + DAY_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return r;
}

int root_watch_new(RootWatch **ret, sd_event *event, const Settings *settings) {
        _cleanup_(root_watch_freep) RootWatch *watch = calloc(1, sizeof(*watch));
        int r;

        if (!watch)
                return -ENOMEM;
        watch->settings = settings;
        /* A minute's leeway: nobody waits for it. */
        r = sd_event_add_time(event, &watch->timer, CLOCK_MONOTONIC, clock_now_usec(),
                              60 * USEC_PER_SEC, on_day, watch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

void root_watch_set_settings(RootWatch *watch, const Settings *settings) {
        watch->settings = settings;
        /* Without it the next look is tomorrow. */
        (void)sd_event_source_set_time(watch->timer, clock_now_usec());
}

RootWatch *root_watch_free(RootWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->timer);
        free(watch);
        return NULL;
}
