/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/holdback.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"

#define PROBE_USEC     (5 * USEC_PER_SEC)
#define PAUSE_MIN_USEC (5 * USEC_PER_SEC)
#define PAUSE_MAX_USEC (15 * 60 * USEC_PER_SEC)

/* A new connection that brings nothing for so long has brought everything. */
#define QUIET_USEC (60 * USEC_PER_SEC)

void holdback_init(Holdback *h, Link *link, Durables *durables) {
        *h = (Holdback){.link = link,
                        .durables = durables,
                        .probe_usec = USEC_INFINITY,
                        .anew_usec = USEC_INFINITY,
                        .quiet_usec = USEC_INFINITY};
}

static void begin(Holdback *h, int r, uint64_t now_usec) {
        const LogField fields[] = {{"REASON", r == -ENOSPC ? "full" : "store"}};
        char words[96];

        h->active = true;
        h->n = 0;
        h->pause_usec = PAUSE_MIN_USEC;
        h->anew_usec = now_usec + h->pause_usec;
        log_event(LOG_EVENT_INBOX_REFUSES, fields, ARRAY_SIZE(fields),
                  "Messages for durable subscribers can't be kept (%s): they are not acknowledged, "
                  "so that the cloud keeps them; all else goes on. Let the programs fetch theirs, "
                  "make room on the disk, or enlarge the store",
                  r == -ENOSPC    ? "the inbox or the disk is full"
                  : r == -EUNATCH ? "there is no usable store"
                                  : strerror_r(-r, words, sizeof(words)));
}

/* Full is the inbox, or the disk: which one, the store's last write tells. */
static uint64_t full_inbox(const Holdback *h, int r) {
        DurablesCounters counters;

        durables_counters(h->durables, &counters);
        return r == -ENOSPC && counters.error == 0 ? counters.n_messages : 0;
}

void holdback_on_withheld(Holdback *h, int r, uint64_t now_usec) {
        if (!h->active)
                begin(h, r, now_usec);
        if (!h->waiting) {
                h->full_at = full_inbox(h, r);
                h->probe_usec = now_usec + PROBE_USEC;
        }
        h->waiting = true;
        h->ready = false;
        h->quiet_usec = USEC_INFINITY;
        h->n++;
        h->total++;
}

static void end(Holdback *h) {
        h->active = false;
        h->probe_usec = h->anew_usec = h->quiet_usec = USEC_INFINITY;
        log_info("Messages for durable subscribers are kept again; held back %" PRIu64 " times",
                 h->n);
}

void holdback_on_kept(Holdback *h) {
        if (h->active && !h->waiting)
                end(h);
}

void holdback_on_online(Holdback *h, uint64_t now_usec) {
        if (h->active)
                h->quiet_usec = now_usec + QUIET_USEC;
}

void holdback_on_offline(Holdback *h) {
        h->waiting = h->ready = false;
        h->probe_usec = h->quiet_usec = USEC_INFINITY;
}

static void on_probed(int r, void *userdata) {
        Holdback *h = userdata;

        h->probing = false;
        h->ready = h->waiting && r == 0;
}

/* A tenth of a full inbox must be free, so that something comes of it. */
static bool has_room(const Holdback *h) {
        DurablesCounters counters;

        durables_counters(h->durables, &counters);
        return counters.n_messages <= h->full_at - (h->full_at + 9) / 10;
}

static void probe(Holdback *h, uint64_t now_usec) {
        int r;

        h->probe_usec = now_usec + PROBE_USEC;
        if (h->full_at > 0 && !has_room(h))
                return;
        r = durables_probe(h->durables, on_probed, h);
        h->probing = r == 0;
        h->ready = r == -ENOENT; /* there is nothing to keep them for any more */
}

void holdback_pump(Holdback *h, uint64_t now_usec) {
        if (!h->active)
                return;
        if (h->waiting && !h->probing && !h->ready && now_usec >= h->probe_usec)
                probe(h, now_usec);
        if (h->ready && now_usec >= h->anew_usec) {
                h->pause_usec = h->pause_usec * 2 < PAUSE_MAX_USEC ? h->pause_usec * 2
                                                                   : PAUSE_MAX_USEC;
                h->anew_usec = now_usec + h->pause_usec;
                link_abandon(h->link, REASON_REDELIVERY, now_usec);
        } else if (now_usec >= h->quiet_usec) {
                end(h);
        }
}

uint64_t holdback_deadline_usec(const Holdback *h) {
        if (!h->active)
                return USEC_INFINITY;
        if (h->ready)
                return h->anew_usec;
        if (h->waiting)
                return h->probing ? USEC_INFINITY : h->probe_usec;
        return h->quiet_usec;
}
