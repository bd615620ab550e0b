/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/losses.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/clock.h"
#include "util/log.h"

void losses_done(Losses *losses) {
        free(losses->by_route);
        *losses = (Losses){0};
}

/* NULL without memory: then it is only counted. */
static LossesOfRoute *of_route(Losses *losses, uint32_t route) {
        LossesOfRoute *grown;

        for (size_t i = 0; i < losses->n_routes; i++)
                if (losses->by_route[i].route == route)
                        return &losses->by_route[i];
        grown = reallocarray(losses->by_route, losses->n_routes + 1, sizeof(*grown));
        if (!grown)
                return NULL;
        losses->by_route = grown;
        grown += losses->n_routes++;
        *grown = (LossesOfRoute){.route = route};
        return grown;
}

void losses_add_stored(Losses *losses, uint32_t route, uint64_t n) {
        LossesOfRoute *of = of_route(losses, route);

        if (of)
                tally_add(&of->tally, n);
        if (route_when_full(losses->routes, route) == ROUTE_KEEP_LATEST)
                losses->superseded += n;
        else
                losses->oldest += n;
}

void losses_add_refused(Losses *losses) {
        losses->qos0_refused++;
        tally_add(&losses->qos0, 1);
}

void losses_add_gave_way(Losses *losses) {
        losses->qos0_gave_way++;
        tally_add(&losses->qos0, 1);
}

static void say_route(const Losses *losses, const LossesOfRoute *of, uint64_t n) {
        const char *name = route_name(losses->routes, of->route);
        char count[24], total[24];
        const LogField fields[] = {{"ROUTE", name ? name : ""}, {"COUNT", count}, {"TOTAL", total}};

        (void)snprintf(count, sizeof(count), "%" PRIu64, n);
        (void)snprintf(total, sizeof(total), "%" PRIu64, of->tally.total);
        log_event(LOG_EVENT_SPOOL_DROPPED, fields, ARRAY_SIZE(fields),
                  "The store is full: %s stored messages of route '%s' were dropped for newer ones, "
                  "as its when_full = \"%s\" says (%s since start). Raise store.max_mebibytes or "
                  "store.max_messages, or publish less, if they should be kept",
                  count, name ? name : "",
                  route_when_full_to_string(route_when_full(losses->routes, of->route)), total);
}

static void say_qos0(const Losses *losses, uint64_t n) {
        char count[24], total[24];
        const LogField fields[] = {{"COUNT", count}, {"TOTAL", total}};

        (void)snprintf(count, sizeof(count), "%" PRIu64, n);
        (void)snprintf(total, sizeof(total), "%" PRIu64, losses->qos0.total);
        log_event(LOG_EVENT_RATE_EXCESS, fields, ARRAY_SIZE(fields),
                  "More QoS 0 messages than cloud.limits.qos0_per_second: %s were refused or gave "
                  "way to newer ones, as cloud.limits.qos0_excess says (%s since start). Programs "
                  "that publish faster than the cloud takes should publish less, or QoS 1",
                  count, total);
}

void losses_say(Losses *losses, uint64_t now_usec) {
        uint64_t n;

        for (size_t i = 0; i < losses->n_routes; i++)
                if ((n = tally_take(&losses->by_route[i].tally, now_usec)) > 0)
                        say_route(losses, &losses->by_route[i], n);
        if ((n = tally_take(&losses->qos0, now_usec)) > 0)
                say_qos0(losses, n);
}

uint64_t losses_deadline_usec(const Losses *losses) {
        uint64_t deadline = tally_deadline_usec(&losses->qos0);

        for (size_t i = 0; i < losses->n_routes; i++) {
                uint64_t due = tally_deadline_usec(&losses->by_route[i].tally);

                if (due < deadline)
                        deadline = due;
        }
        return deadline;
}
