/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Holdback
 *
 * What happens when messages for durable subscribers can't be kept: they are not acknowledged, so
 * the cloud holds them, and no more of them than it lets be under way; all the rest of the
 * connection goes on. Once they can be kept again the connection is made anew, because only then
 * does the cloud send them again; that is done with growing pauses.
 */

#include "bridge/durable.h"
#include "cloud/link.h"

typedef struct Holdback {
        Link *link;
        Durables *durables;
        bool active;         /* since the first message that was held back, until they come again */
        bool waiting;        /* some were held back in this connection */
        bool probing, ready; /* the disk was asked; and takes writes */
        uint64_t n, total;   /* messages: since it began; since start */
        uint64_t full_at;    /* messages in the inbox when it was full; 0: that is not why */
        uint64_t pause_usec; /* between new connections */
        uint64_t probe_usec, anew_usec, quiet_usec; /* when to ask the disk, connect, be done */
} Holdback;

void holdback_init(Holdback *holdback, Link *link, Durables *durables);

/* From the link: a message was held back, @r says why; or one was kept. */
void holdback_on_withheld(Holdback *holdback, int r, uint64_t now_usec);
void holdback_on_kept(Holdback *holdback);
void holdback_on_online(Holdback *holdback, uint64_t now_usec);
void holdback_on_offline(Holdback *holdback);

void holdback_pump(Holdback *holdback, uint64_t now_usec);
/* When that is due; USEC_INFINITY when it is not. After holdback_pump(). */
uint64_t holdback_deadline_usec(const Holdback *holdback);
