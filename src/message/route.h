/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Routes
 *
 * An ordered table of (local pattern, remote pattern, direction, QoS cap, what to do when the
 * store is full). The two patterns of a route hold the same wildcards in the same order, so each
 * route is a one-to-one map of names: what a wildcard matched on one side stands in its place on
 * the other. An empty table passes every name through unchanged, both ways.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

typedef enum RouteDirection {
        ROUTE_UP = 1 << 0,
        ROUTE_DOWN = 1 << 1,
        ROUTE_BOTH = ROUTE_UP | ROUTE_DOWN,
} RouteDirection;

/* What becomes of a message for the disk when the store is full. */
typedef enum RouteWhenFull {
        ROUTE_REFUSE,
        ROUTE_DROP_OLDEST, /* the oldest of the same route gives way */
        ROUTE_KEEP_LATEST, /* those give way that a newer one of the same name follows */
        _ROUTE_WHEN_FULL_MAX,
} RouteWhenFull;

const char *route_when_full_to_string(RouteWhenFull when_full);

typedef struct RouteSpec {
        const char *local, *remote; /* patterns; may have placeholders */
        RouteDirection direction;
        int qos; /* caps the QoS: 0 or 1 */
        RouteWhenFull when_full;
} RouteSpec;

typedef struct RouteTable RouteTable;

/* Values of the ${...} placeholders; NULL where the config has none. */
typedef struct RouteVariables {
        const char *product_key;
        const char *device_name;
        const char *client_id;
} RouteVariables;

_warn_unused_ int route_table_new(RouteTable **ret);
RouteTable *route_table_free(RouteTable *table);

/*
 * Appends a route; placeholders in both patterns are replaced. @spec is borrowed for the call.
 * Returns 0, -ENOMEM, or -EINVAL with a sentence in @ret_error (caller frees) that says which
 * pattern is wrong and why.
 */
_warn_unused_ int route_table_add(RouteTable *table,
                                  const RouteSpec *spec,
                                  const RouteVariables *variables,
                                  char **ret_error);

size_t route_table_size(const RouteTable *table);

typedef struct RouteUp {
        char *remote; /* the caller frees it */
        int qos;      /* the route's cap */
        RouteWhenFull when_full;
        uint32_t number; /* of the route, see route_name(); 0 without routes */
} RouteUp;

/* Where a local topic goes: the first upward route that matches decides. Returns 1 if there is one,
 * 0 if none matches, -ENOMEM. */
_warn_unused_ int route_up(const RouteTable *table, const char *local, RouteUp *ret);

/*
 * The local pattern, as it was configured, of the route with that number; NULL if there is none.
 * The number follows from both patterns as they were configured, so it is the same in later runs.
 */
const char *route_name(const RouteTable *table, uint32_t number);

/* What it says about a full store. */
RouteWhenFull route_when_full(const RouteTable *table, uint32_t number);

/* Called once for each name; a negative return ends the walk and is forwarded. */
typedef int (*RouteNameFunc)(const char *name, int qos, void *userdata);

/* Every local name for a remote topic: each downward route that matches gives one (no name twice).
 * Returns the count or -errno. */
_warn_unused_ int route_down(const RouteTable *table,
                             const char *remote,
                             RouteNameFunc func,
                             void *userdata);

/*
 * Every remote filter that must be subscribed so that all messages for the local filter arrive:
 * for each downward route, the part of @filter that lies inside the route's local pattern,
 * under its remote name. Returns the count (0: no route can ever deliver to it) or -errno.
 */
_warn_unused_ int route_filter_down(const RouteTable *table,
                                    const char *filter,
                                    RouteNameFunc func,
                                    void *userdata);

DEFINE_CLEANUP(RouteTable *, route_table_free);
