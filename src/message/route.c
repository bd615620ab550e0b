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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/route.h"
#include "message/topic.h"

typedef struct Route {
        char *local, *remote;
        RouteDirection direction;
        int qos;
} Route;

struct RouteTable {
        Route *routes;
        size_t n_routes;
};

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
        for (size_t i = 0; i < table->n_routes; i++) {
                free(table->routes[i].local);
                free(table->routes[i].remote);
        }
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

/* Adding a route */

_printf_(2, 3) static int refuse(char **ret_error, const char *format, ...) {
        va_list args;
        char *error = NULL;
        int n;

        va_start(args, format);
        n = vasprintf(&error, format, args);
        va_end(args);
        if (n < 0)
                return -ENOMEM;
        *ret_error = error;
        return -EINVAL;
}

/* The placeholder that @text begins with: its size, 0 if it is none of ours. */
static size_t placeholder_find(const char *text,
                               const RouteVariables *variables,
                               const char **ret_value) {
        const struct {
                const char *name, *value;
        } known[] = {
                        {"${product_key}", variables->product_key},
                        {"${device_name}", variables->device_name},
                        {"${client_id}", variables->client_id},
        };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strncmp(text, known[i].name, strlen(known[i].name)) == 0) {
                        *ret_value = known[i].value;
                        return strlen(known[i].name);
                }
        return 0;
}

/* @text with its placeholders replaced. @which ("local", "remote") is for the error. */
static int pattern_expand(const char *text,
                          const char *which,
                          const RouteVariables *variables,
                          char **ret,
                          char **ret_error) {
        _cleanup_(freep) char *expanded = NULL;
        size_t size = 0;
        FILE *stream;
        int r = 0;

        stream = open_memstream(&expanded, &size);
        if (!stream)
                return -ENOMEM;

        for (const char *p = text; *p && r == 0;) {
                const char *value = NULL;
                size_t n = strncmp(p, "${", 2) == 0 ? placeholder_find(p, variables, &value) : 1;

                if (n == 0)
                        r = refuse(ret_error,
                                   "the %s pattern '%s' has an unknown placeholder at '%s'; "
                                   "there are ${product_key}, ${device_name} and ${client_id}",
                                   which, text, p);
                else if (n == 1)
                        (void)fputc(*p, stream);
                else if (!value)
                        r = refuse(ret_error,
                                   "the %s pattern '%s' uses %.*s, which the configuration does "
                                   "not set",
                                   which, text, (int)n, p);
                else if (strpbrk(value, "+#"))
                        r = refuse(ret_error,
                                   "the %s pattern '%s' uses %.*s, whose value has a wildcard ('+' "
                                   "or '#') in it",
                                   which, text, (int)n, p);
                else
                        (void)fputs(value, stream);
                p += n;
        }

        /* A stream in memory fails only for want of memory; closing it reports that. */
        if (ferror(stream) && r == 0)
                r = -ENOMEM;
        if (fclose(stream) != 0 && r == 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(expanded);
        return 0;
}

/* Both patterns' wildcards, in order, must be the same. */
static bool wildcards_agree(const char *a, const char *b) {
        for (;;) {
                a = strpbrk(a, "+#");
                b = strpbrk(b, "+#");
                if (!a || !b)
                        return a == b;
                if (*a++ != *b++)
                        return false;
        }
}

static int patterns_check(const char *local, const char *remote, char **ret_error) {
        const char *problem;

        problem = topic_filter_problem(local, NULL);
        if (problem)
                return refuse(ret_error, "the local pattern '%s' %s", local, problem);
        problem = topic_filter_problem(remote, NULL);
        if (problem)
                return refuse(ret_error, "the remote pattern '%s' %s", remote, problem);
        if (!wildcards_agree(local, remote))
                return refuse(ret_error,
                              "the local pattern '%s' and the remote pattern '%s' must have the "
                              "same wildcards in the same order",
                              local, remote);
        return 0;
}

int route_table_add(RouteTable *table,
                    const char *local,
                    const char *remote,
                    RouteDirection direction,
                    int qos,
                    const RouteVariables *variables,
                    char **ret_error) {
        _cleanup_(freep) char *own_local = NULL, *own_remote = NULL;
        Route *routes;
        int r;

        assert(direction >= ROUTE_UP && direction <= ROUTE_BOTH);
        assert(qos == 0 || qos == 1);

        r = pattern_expand(local, "local", variables, &own_local, ret_error);
        if (r < 0)
                return r;
        r = pattern_expand(remote, "remote", variables, &own_remote, ret_error);
        if (r < 0)
                return r;
        r = patterns_check(own_local, own_remote, ret_error);
        if (r < 0)
                return r;

        routes = reallocarray(table->routes, table->n_routes + 1, sizeof(*routes));
        if (!routes)
                return -ENOMEM;
        table->routes = routes;
        table->routes[table->n_routes++] =
                        (Route){TAKE_PTR(own_local), TAKE_PTR(own_remote), direction, qos};
        return 0;
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

int route_up(const RouteTable *table, const char *local, char **ret_remote, int *ret_qos) {
        char *remote = NULL;

        if (table->n_routes == 0) {
                remote = strdup(local);
                if (!remote)
                        return -ENOMEM;
                *ret_remote = remote;
                *ret_qos = 1;
                return 1;
        }

        for (size_t i = 0; i < table->n_routes; i++) {
                const Route *route = &table->routes[i];
                int r;

                if (!(route->direction & ROUTE_UP) || !topic_matches(route->local, local))
                        continue;
                r = name_map(local, route->local, route->remote, &remote);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret_remote = remote;
                        *ret_qos = route->qos;
                        return 1;
                }
        }
        return 0;
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
