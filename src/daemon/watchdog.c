/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "util/clock.h"
#include "util/log.h"

/* The cloud thread is hung when it has not come round for so many periods. */
#define STALL_PERIODS 10U
/* So often in a period we look and tell. */
#define LOOKS 3U

struct Watchdog {
        Link *link;
        sd_event_source *timer;
        uint64_t period_usec;
        bool stalled;
};

static bool cloud_is_alive(Watchdog *watchdog) {
        uint64_t stall = link_stall_usec(watchdog->link);

        if (stall < STALL_PERIODS * watchdog->period_usec) {
                watchdog->stalled = false;
                return true;
        }
        if (!watchdog->stalled)
                log_event(LOG_EVENT_FAILED, NULL, 0,
                          "The thread that talks to the cloud has not moved for %" PRIu64
                          " s. The service manager's watchdog is not fed any more, so that it "
                          "starts iotlinkd again",
                          stall / USEC_PER_SEC);
        watchdog->stalled = true;
        return false;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Watchdog *watchdog = userdata;
        int r;

        (void)usec;
        if (cloud_is_alive(watchdog))
                (void)sd_notify(false, "WATCHDOG=1");
        r = sd_event_source_set_time_relative(source, watchdog->period_usec / LOOKS);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int watchdog_new(Watchdog **ret, sd_event *event, Link *link) {
        _cleanup_(watchdog_freep) Watchdog *watchdog = calloc(1, sizeof(*watchdog));
        int r;

        if (!watchdog)
                return -ENOMEM;
        watchdog->link = link;
        r = sd_watchdog_enabled(true, &watchdog->period_usec);
        if (r < 0)
                return r;
        if (r > 0) {
                r = sd_event_add_time(event, &watchdog->timer, CLOCK_MONOTONIC, clock_now_usec(),
                                      watchdog->period_usec / LOOKS / 4, on_timer, watchdog);
                if (r >= 0)
                        r = sd_event_source_set_exit_on_failure(watchdog->timer, true);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(watchdog);
        return 0;
}

Watchdog *watchdog_free(Watchdog *watchdog) {
        if (!watchdog)
                return NULL;
        sd_event_source_disable_unref(watchdog->timer);
        free(watchdog);
        return NULL;
}
