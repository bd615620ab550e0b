/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service-status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "util/clock.h"

#define PAUSE_USEC (5 * USEC_PER_SEC)

struct ServiceStatus {
        Bridge *bridge;
        sd_event_source *post, *timer;
        bool armed; /* the timer; what has changed meanwhile is told then */
        uint64_t told_usec;
        uint64_t told_waiting;
        char told[SERVICE_STATUS_MAX];
};

static void put_state(const LinkStatus *link, char *text, size_t size) {
        const char *why = link->reason == REASON_NONE ? NULL : reason_phrase(link->reason);

        switch (link->state) {
        case LINK_ONLINE:
                (void)snprintf(text, size, "Online at %s:%u", link->host, (unsigned)link->port);
                break;
        case LINK_CONNECTING:
                (void)snprintf(text, size, "Connecting%s%s", why ? "; before that: " : "",
                               why ? why : "");
                break;
        case LINK_OFFLINE:
                (void)snprintf(text, size, "Offline%s%s", why ? ": " : "", why ? why : "");
                break;
        case LINK_STOPPING:
        case LINK_STOPPED:
        case _LINK_STATE_MAX:
        default:
                (void)snprintf(text, size, "Stopping");
        }
}

static void put_time(uint64_t seconds, char *text, size_t size) {
        if (seconds < 120)
                (void)snprintf(text, size, "%" PRIu64 " s", seconds);
        else if (seconds < 7200)
                (void)snprintf(text, size, "%" PRIu64 " min", (seconds + 30) / 60);
        else
                (void)snprintf(text, size, "%" PRIu64 " h", (seconds + 1800) / 3600);
}

void service_status_line(const StatusSource *source, char ret[SERVICE_STATUS_MAX]) {
        const UplinkCounters *up = &source->uplink;
        char state[384], time[32], drain[64] = "";

        put_state(&source->link, state, sizeof(state));
        if (source->link.state == LINK_ONLINE && up->drain_usec != USEC_INFINITY) {
                put_time((up->drain_usec + USEC_PER_SEC - 1) / USEC_PER_SEC, time, sizeof(time));
                (void)snprintf(drain, sizeof(drain), ", for about %s", time);
        }
        if (up->n_waiting > 0)
                (void)snprintf(ret, SERVICE_STATUS_MAX,
                               "%s; %" PRIu64 " message%s wait%s for the cloud%s", state,
                               up->n_waiting, up->n_waiting == 1 ? "" : "s",
                               up->n_waiting == 1 ? "s" : "", drain);
        else
                (void)snprintf(ret, SERVICE_STATUS_MAX, "%s", state);
}

static void tell(ServiceStatus *status) {
        char line[SERVICE_STATUS_MAX];
        StatusSource source;

        bridge_status(status->bridge, &source);
        service_status_line(&source, line);
        status->told_usec = source.now_usec;
        status->told_waiting = source.uplink.n_waiting;
        if (strcmp(line, status->told) == 0)
                return;
        memcpy(status->told, line, sizeof(line));
        (void)sd_notifyf(false, "STATUS=%s", line);
}

void service_status_changed(ServiceStatus *status) {
        tell(status);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        ServiceStatus *status = userdata;

        (void)source;
        (void)usec;
        status->armed = false;
        tell(status);
        return 0;
}

/* After every turn of the loop: a look whether something has changed. */
static int on_post(sd_event_source *source, void *userdata) {
        ServiceStatus *status = userdata;
        StatusSource now;
        int r;

        (void)source;
        if (status->armed)
                return 0;
        bridge_status(status->bridge, &now);
        if (now.uplink.n_waiting == status->told_waiting)
                return 0;
        r = sd_event_source_set_time(status->timer, status->told_usec + PAUSE_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(status->timer, SD_EVENT_ONESHOT);
        status->armed = r >= 0;
        return r;
}

int service_status_new(ServiceStatus **ret, sd_event *event, Bridge *bridge) {
        _cleanup_(service_status_freep) ServiceStatus *status = calloc(1, sizeof(*status));
        int r;

        if (!status)
                return -ENOMEM;
        status->bridge = bridge;
        r = sd_event_add_time(event, &status->timer, CLOCK_MONOTONIC, 0, USEC_PER_SEC / 2, on_timer,
                              status);
        if (r >= 0)
                r = sd_event_source_set_enabled(status->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_post(event, &status->post, on_post, status);
        if (r < 0)
                return r;
        tell(status);
        *ret = TAKE_PTR(status);
        return 0;
}

ServiceStatus *service_status_free(ServiceStatus *status) {
        if (!status)
                return NULL;
        sd_event_source_disable_unref(status->post);
        sd_event_source_disable_unref(status->timer);
        free(status);
        return NULL;
}
