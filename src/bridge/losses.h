/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Losses
 *
 * What a policy of the configuration gave up: messages that gave way in a full store, by route, and
 * QoS 0 over its rate. Counted, and said in the journal, summed up.
 */

#include "bridge/tally.h"
#include "message/route.h"

typedef struct LossesOfRoute {
        uint32_t route;
        Tally tally;
} LossesOfRoute;

typedef struct Losses {
        const RouteTable *routes;
        LossesOfRoute *by_route;
        size_t n_routes;
        Tally qos0;
        uint64_t oldest, superseded;          /* of the store, by policy */
        uint64_t qos0_refused, qos0_gave_way; /* over their rate */
} Losses;

void losses_done(Losses *losses);

/* @n stored messages of that route had to give way. */
void losses_add_stored(Losses *losses, uint32_t route, uint64_t n);

/* A QoS 0 message was refused; or one that waited gave way to a new one. */
void losses_add_refused(Losses *losses);
void losses_add_gave_way(Losses *losses);

/* Says what is to be said. */
void losses_say(Losses *losses, uint64_t now_usec);
uint64_t losses_deadline_usec(const Losses *losses);
