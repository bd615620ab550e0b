/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are mapped level by level. What the wildcards of one pattern match in a name ("captures")
 * is put where the same wildcards stand in the other pattern. '#' captures the rest of a name, or
 * nothing at all: "a/#" also matches "a".
 *
 * A filter goes the same way: the part of it that lies inside a pattern is again a filter, whose
 * levels fit the pattern's levels as those of a name do, so that wildcards capture wildcards.
 *
 * A name that would have no valid or no reachable counterpart (the empty name, or one with '$'
 * before a pattern that begins with a wildcard) is outside the route, so that the map stays
 * one-to-one.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message/route-pattern.h"
#include "message/route.h"
#include "message/topic.h"

typedef struct Route {
        char *name; /* the local pattern as it was configured */
        char *local, *remote;
        RouteDirection direction;
        int qos;
        RouteWhenFull when_full;
        uint32_t number;
} Route;

struct RouteTable {
        Route *routes;
        size_t n_routes;
};

static void route_done(Route *route) {
        free(route->name);
        free(route->local);
        free(route->remote);
}

int route_table_new(RouteTable **ret) {
        RouteTable *table = calloc(1, sizeof(*table));

        if (!table)
                return -ENOMEM;
        *ret = table;
        return 0;
}

RouteTable *route_table_free(RouteTable *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_routes; i++)
                route_done(&table->routes[i]);
        free(table->routes);
        free(table);
        return NULL;
}

size_t route_table_size(const RouteTable *table) {
        return table->n_routes;
}

/* Levels */

/* Walks over the levels of a name or filter; at is NULL behind the last one. */
typedef struct Levels {
        const char *at;
        size_t size;
} Levels;

static Levels levels_first(const char *text) {
        return (Levels){text, strcspn(text, "/")};
}

static void levels_next(Levels *levels) {
        const char *end;

        assert(levels->at);
        end = levels->at + levels->size;
        *levels = *end == '/' ? levels_first(end + 1) : (Levels){NULL, 0};
}

static bool levels_at(const Levels *levels, char wildcard) {
        return levels->at && levels->size == 1 && *levels->at == wildcard;
}

static bool levels_at_wildcard(const Levels *levels) {
        return levels_at(levels, '+') || levels_at(levels, '#');
}

static bool starts_with_wildcard(const char *filter) {
        return *filter == '+' || *filter == '#';
}

/*
 * Puts the captures of @name, which fits the pattern @from, into the pattern @to. Returns 1 and
 * the new name, 0 if it has none there, or -ENOMEM.
 */
static int name_map(const char *name, const char *from, const char *to, char **ret) {
        _cleanup_(freep) char *mapped = NULL;
        Levels n = levels_first(name), f = levels_first(from);
        char *end;

        mapped = malloc(strlen(name) + strlen(to) + 1);
        if (!mapped)
                return -ENOMEM;

        end = mapped;
        for (Levels t = levels_first(to); t.at; levels_next(&t)) {
                Levels text = t;

                if (levels_at_wildcard(&t)) {
                        for (; !levels_at_wildcard(&f); levels_next(&f))
                                levels_next(&n);
                        text = n;
                        if (levels_at(&t, '#')) {
                                if (!n.at)
                                        break;
                                text.size = strlen(n.at);
                        } else {
                                levels_next(&f);
                                levels_next(&n);
                        }
                }
                if (t.at != to)
                        *end++ = '/';
                end = mempcpy(end, text.at, text.size);
        }
        *end = '\0';

        if (*mapped == '\0' || (*mapped == '$' && starts_with_wildcard(to)))
                return 0;
        *ret = TAKE_PTR(mapped);
        return 1;
}

/* What @filter and @pattern both match, as a filter. Returns 1, 0 if there is nothing, -ENOMEM. */
static int filter_intersect(const char *filter, const char *pattern, char **ret) {
        _cleanup_(freep) char *both = NULL;
        Levels f = levels_first(filter), p = levels_first(pattern);
        char *end;

        if ((*filter == '$' && starts_with_wildcard(pattern)) ||
            (*pattern == '$' && starts_with_wildcard(filter)))
                return 0;
        both = malloc(strlen(filter) + strlen(pattern) + 1);
        if (!both)
                return -ENOMEM;

        end = both;
        while (f.at || p.at) {
                Levels text;

                if (levels_at(&f, '#') || levels_at(&p, '#')) {
                        /* All that the other one has left, which may be nothing. */
                        text = levels_at(&f, '#') ? p : f;
                        if (!text.at)
                                break;
                        text.size = strlen(text.at);
                        f.at = p.at = NULL;
                } else {
                        if (!f.at || !p.at)
                                return 0;
                        text = levels_at(&f, '+') ? p : f;
                        if (!levels_at(&f, '+') && !levels_at(&p, '+') &&
                            (f.size != p.size || memcmp(f.at, p.at, f.size) != 0))
                                return 0;
                        levels_next(&f);
                        levels_next(&p);
                }
                if (text.at != filter && text.at != pattern)
                        *end++ = '/';
                end = mempcpy(end, text.at, text.size);
        }
        *end = '\0';

        *ret = TAKE_PTR(both);
        return 1;
}

const char *route_when_full_to_string(RouteWhenFull when_full) {
        static const char *const words[_ROUTE_WHEN_FULL_MAX] = {
                        [ROUTE_REFUSE] = "refuse",
                        [ROUTE_DROP_OLDEST] = "drop-oldest",
                        [ROUTE_KEEP_LATEST] = "keep-latest",
        };

        return words[when_full];
}

/* Adding a route */

/* FNV-1a; the same for the same text in every run. */
static uint32_t hash_text(uint32_t hash, const char *text) {
        do
                hash = (hash ^ (unsigned char)*text) * 16777619U;
        while (*text++);
        return hash;
}

/* 0 is what passes through without a route. */
static uint32_t number_of(const RouteSpec *spec) {
        uint32_t hash = hash_text(hash_text(2166136261U, spec->local), spec->remote);

        return hash > 0 ? hash : 1;
}

static int route_make(Route *route,
                      const RouteSpec *spec,
                      const RouteVariables *variables,
                      char **ret_error) {
        int r;

        r = route_pattern_expand(spec->local, "local", variables, &route->local, ret_error);
        if (r < 0)
                return r;
        r = route_pattern_expand(spec->remote, "remote", variables, &route->remote, ret_error);
        if (r < 0)
                return r;
        route->name = strdup(spec->local);
        return route->name ? route_patterns_check(route->local, route->remote, ret_error) : -ENOMEM;
}

int route_table_add(RouteTable *table,
                    const RouteSpec *spec,
                    const RouteVariables *variables,
                    char **ret_error) {
        _cleanup_(route_done) Route route = {.direction = spec->direction,
                                             .qos = spec->qos,
                                             .when_full = spec->when_full,
                                             .number = number_of(spec)};
        Route *routes;
        int r;

        assert(spec->direction >= ROUTE_UP && spec->direction <= ROUTE_BOTH);
        assert(spec->qos == 0 || spec->qos == 1);

        r = route_make(&route, spec, variables, ret_error);
        if (r < 0)
                return r;
        routes = reallocarray(table->routes, table->n_routes + 1, sizeof(*routes));
        if (!routes)
                return -ENOMEM;
        table->routes = routes;
        table->routes[table->n_routes++] = route;
        route = (Route){0};
        return 0;
}

static const Route *route_find(const RouteTable *table, uint32_t number) {
        for (size_t i = 0; i < table->n_routes; i++)
                if (table->routes[i].number == number)
                        return &table->routes[i];
        return NULL;
}

const char *route_name(const RouteTable *table, uint32_t number) {
        const Route *route = route_find(table, number);

        return route ? route->name : NULL;
}

RouteWhenFull route_when_full(const RouteTable *table, uint32_t number) {
        const Route *route = route_find(table, number);

        return route ? route->when_full : ROUTE_REFUSE;
}

/* Collected names, none twice */

typedef struct Names {
        struct {
                char *name;
                int qos;
        } * names;
        size_t n_names;
} Names;

static void names_deinit(Names *names) {
        for (size_t i = 0; i < names->n_names; i++)
                free(names->names[i].name);
        free(names->names);
}

/* A name that is there already counts with the higher QoS. */
static int names_add(Names *names, char *take_name, int qos) {
        _cleanup_(freep) char *name = take_name;
        void *grown;

        for (size_t i = 0; i < names->n_names; i++)
                if (strcmp(names->names[i].name, name) == 0) {
                        if (qos > names->names[i].qos)
                                names->names[i].qos = qos;
                        return 0;
                }

        grown = reallocarray(names->names, names->n_names + 1, sizeof(*names->names));
        if (!grown)
                return -ENOMEM;
        names->names = grown;
        names->names[names->n_names].name = TAKE_PTR(name);
        names->names[names->n_names].qos = qos;
        names->n_names++;
        return 0;
}

static int names_each(const Names *names, RouteNameFunc func, void *userdata) {
        for (size_t i = 0; i < names->n_names; i++) {
                int r = func(names->names[i].name, names->names[i].qos, userdata);

                if (r < 0)
                        return r;
        }
        return (int)names->n_names;
}

/* Mapping through the table */

int route_up(const RouteTable *table, const char *local, RouteUp *ret) {
        RouteUp up = {.qos = 1};
        int r = 0;

        if (table->n_routes == 0) {
                up.remote = strdup(local);
                if (!up.remote)
                        return -ENOMEM;
                *ret = up;
                return 1;
        }
        for (size_t i = 0; i < table->n_routes && r == 0; i++) {
                const Route *route = &table->routes[i];

                if (!(route->direction & ROUTE_UP) || !topic_matches(route->local, local))
                        continue;
                up.qos = route->qos;
                up.when_full = route->when_full;
                up.number = route->number;
                r = name_map(local, route->local, route->remote, &up.remote);
        }
        if (r > 0)
                *ret = up;
        return r;
}

int route_down(const RouteTable *table, const char *remote, RouteNameFunc func, void *userdata) {
        _cleanup_(names_deinit) Names names = {0};
        int r;

        if (table->n_routes == 0) {
                r = func(remote, 1, userdata);
                return r < 0 ? r : 1;
        }

        for (size_t i = 0; i < table->n_routes; i++) {
                const Route *route = &table->routes[i];
                char *local = NULL;

                if (!(route->direction & ROUTE_DOWN) || !topic_matches(route->remote, remote))
                        continue;
                r = name_map(remote, route->remote, route->local, &local);
                if (r > 0)
                        r = names_add(&names, local, route->qos);
                if (r < 0)
                        return r;
        }
        return names_each(&names, func, userdata);
}

/* The part of the local filter that lies inside the route, under its remote name. */
static int route_map_filter(const Route *route, const char *filter, char **ret) {
        _cleanup_(freep) char *inside = NULL;
        int r;

        r = filter_intersect(filter, route->local, &inside);
        if (r <= 0)
                return r;
        return name_map(inside, route->local, route->remote, ret);
}

int route_filter_down(const RouteTable *table,
                      const char *filter,
                      RouteNameFunc func,
                      void *userdata) {
        _cleanup_(names_deinit) Names names = {0};
        int r;

        if (table->n_routes == 0) {
                r = func(filter, 1, userdata);
                return r < 0 ? r : 1;
        }

        for (size_t i = 0; i < table->n_routes; i++) {
                const Route *route = &table->routes[i];
                char *remote = NULL;

                if (!(route->direction & ROUTE_DOWN))
                        continue;
                r = route_map_filter(route, filter, &remote);
                if (r > 0)
                        r = names_add(&names, remote, route->qos);
                if (r < 0)
                        return r;
        }
        return names_each(&names, func, userdata);
}
