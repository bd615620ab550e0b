/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>

#include "message/route.h"
#include "message/topic.h"
#include "test.h"

static const RouteVariables variables = {.product_key = "pk", .device_name = "dn"};

static void add(RouteTable *table,
                const char *local,
                const char *remote,
                RouteDirection direction,
                int qos) {
        char *error = NULL;

        CHECK_INT(route_table_add(table,
                                  &(RouteSpec){.local = local,
                                               .remote = remote,
                                               .direction = direction,
                                               .qos = qos},
                                  &variables, &error),
                  0);
        CHECK(!error);
}

static RouteTable *table_of(const char *local, const char *remote) {
        RouteTable *table = NULL;

        CHECK_INT(route_table_new(&table), 0);
        add(table, local, remote, ROUTE_BOTH, 1);
        return table;
}

/* Collects names as "name:qos name:qos ". */
static int collect(const char *name, int qos, void *userdata) {
        char *all = userdata;
        size_t n = strlen(all);

        CHECK(n + strlen(name) + 4 < 256);
        (void)sprintf(all + n, "%s:%d ", name, qos);
        return 0;
}

/* "" when there is none */
static const char *up(const RouteTable *table, const char *local) {
        static char name[256];
        RouteUp route = {.qos = -1};
        int r;

        r = route_up(table, local, &route);
        CHECK(r == 0 || r == 1);
        CHECK(r == 1 || (!route.remote && route.qos == -1));
        (void)snprintf(name, sizeof(name), "%s", route.remote ? route.remote : "");
        free(route.remote);
        return name;
}

static const char *down(const RouteTable *table, const char *remote) {
        static char names[256];
        int r, n = 0;

        names[0] = '\0';
        r = route_down(table, remote, collect, names);
        for (const char *p = names; (p = strchr(p, ' ')); p++)
                n++;
        CHECK_INT(r, n);
        return names;
}

static const char *filter_down(const RouteTable *table, const char *filter) {
        static char names[256];

        names[0] = '\0';
        CHECK(route_filter_down(table, filter, collect, names) >= 0);
        return names;
}

static void test_empty_table_passes_through(void) {
        _cleanup_(route_table_freep) RouteTable *t = NULL;

        CHECK_INT(route_table_new(&t), 0);
        CHECK_INT(route_table_size(t), 0);
        CHECK_STR(up(t, "a/b"), "a/b");
        CHECK_STR(down(t, "a/b"), "a/b:1 ");
        CHECK_STR(filter_down(t, "a/#"), "a/#:1 ");
}

static void test_maps_names_both_ways(void) {
        _cleanup_(route_table_freep) RouteTable *t =
                        table_of("telemetry/#", "/${product_key}/${device_name}/user/telemetry/#");

        CHECK_INT(route_table_size(t), 1);
        CHECK_STR(up(t, "telemetry/t1"), "/pk/dn/user/telemetry/t1");
        CHECK_STR(up(t, "telemetry/a/b/"), "/pk/dn/user/telemetry/a/b/");
        CHECK_STR(up(t, "telemetry"), "/pk/dn/user/telemetry");
        CHECK_STR(up(t, "telemetry/"), "/pk/dn/user/telemetry/");
        CHECK_STR(up(t, "telemetryx"), "");
        CHECK_STR(down(t, "/pk/dn/user/telemetry/t1"), "telemetry/t1:1 ");
        CHECK_STR(down(t, "/pk/dn/user/telemetry"), "telemetry:1 ");
        CHECK_STR(down(t, "/pk/other/user/telemetry/t1"), "");
}

static void test_captures_keep_their_order(void) {
        _cleanup_(route_table_freep) RouteTable *t = table_of("a/+/b/+/#", "+/x/y/+/z/#");

        CHECK_STR(up(t, "a/1/b/2/3/4"), "1/x/y/2/z/3/4");
        CHECK_STR(up(t, "a/1/b/2"), "1/x/y/2/z");
        CHECK_STR(up(t, "a//b//"), "/x/y//z/");
        CHECK_STR(up(t, "a/$1/b/2"), ""); /* '$1/...' isn't matched by '+/...' */
        CHECK_STR(down(t, "1/x/y/2/z/3/4"), "a/1/b/2/3/4:1 ");
        CHECK_STR(down(t, "/x/y//z/"), "a//b//:1 ");
}

static void test_no_name_becomes_empty(void) {
        _cleanup_(route_table_freep) RouteTable *t = table_of("#", "cloud/#");

        CHECK_STR(up(t, "a"), "cloud/a");
        CHECK_STR(up(t, "/"), "cloud//");
        CHECK_STR(up(t, "$SYS/a"), "");
        CHECK_STR(down(t, "cloud"), "");
        CHECK_STR(down(t, "cloud/"), "");
        CHECK_STR(down(t, "cloud//"), "/:1 ");
        CHECK_STR(down(t, "cloud/$SYS"), "");
}

static void test_direction_order_and_qos(void) {
        _cleanup_(route_table_freep) RouteTable *t = NULL;

        CHECK_INT(route_table_new(&t), 0);
        add(t, "a/+", "down/+", ROUTE_DOWN, 1);
        add(t, "a/b", "first", ROUTE_UP, 0);
        add(t, "a/+", "second/+", ROUTE_BOTH, 1);
        add(t, "c/+", "second/+", ROUTE_DOWN, 0);
        add(t, "a/+", "second/+", ROUTE_DOWN, 0);
        CHECK_STR(up(t, "a/b"), "first");
        CHECK_STR(up(t, "a/c"), "second/c");
        CHECK_STR(up(t, "c/c"), "");
        CHECK_STR(down(t, "first"), "");
        CHECK_STR(down(t, "second/x"), "a/x:1 c/x:0 ");
        CHECK_STR(filter_down(t, "a/+"), "down/+:1 second/+:1 ");
        CHECK_STR(filter_down(t, "c/+"), "second/+:0 ");
        CHECK_STR(filter_down(t, "+/+"), "down/+:1 second/+:1 ");
        CHECK_STR(filter_down(t, "d"), "");
}

static int fail(const char *name, int qos, void *userdata) {
        (void)name;
        (void)qos;
        ++*(int *)userdata;
        return -ECANCELED;
}

static void test_callback_ends_the_walk(void) {
        _cleanup_(route_table_freep) RouteTable *t = table_of("a/#", "r/#");
        int n = 0;

        add(t, "b/#", "r/#", ROUTE_BOTH, 1);
        CHECK_INT(route_down(t, "r/x", fail, &n), -ECANCELED);
        CHECK_INT(n, 1);
        CHECK_INT(route_filter_down(t, "#", fail, &n), -ECANCELED);
        CHECK_INT(n, 2);
}

static void test_maps_filters(void) {
        static const struct {
                const char *local, *remote, *filter, *expected;
        } cases[] = {
                        {"cmd/#", "r/#", "cmd/#", "r/#"},
                        {"cmd/#", "r/#", "cmd/+", "r/+"},
                        {"cmd/#", "r/#", "cmd", "r"},
                        {"cmd/#", "r/#", "cmd/a/+/b/#", "r/a/+/b/#"},
                        {"cmd/#", "r/#", "#", "r/#"},
                        {"cmd/#", "r/#", "+", "r"},
                        {"cmd/#", "r/#", "+/#", "r/#"},
                        {"cmd/#", "r/#", "+/+", "r/+"},
                        {"cmd/#", "r/#", "other/#", ""},
                        {"cmd/#", "r/#", "cmdx/#", ""},
                        {"a/b", "r", "a/b/#", "r"},
                        {"a/b", "r", "a/#", "r"},
                        {"a/b", "r", "+/+", "r"},
                        {"a/b", "r", "a/b/+", ""},
                        {"a/b", "r", "+", ""},
                        {"a/+/c", "r/+", "a/b/c", "r/b"},
                        {"a/+/c", "r/+", "a/+/+", "r/+"},
                        {"a/+/c", "r/+", "a/#", "r/+"},
                        {"a/+/c", "r/+", "+/b/#", "r/b"},
                        {"a/+", "r/+", "a/b/#", "r/b"},
                        {"a/+/#", "+/r/#", "a/b/c/#", "b/r/c/#"},
                        {"a/+/#", "+/r/#", "a/b", "b/r"},
                        {"a/+/#", "+/r/#", "a/#", "+/r/#"},
                        {"a/+/#", "+/r/#", "a/$b/c", ""},
                        {"#", "r/#", "$SYS/#", ""},
                        {"#", "r/#", "a", "r/a"},
                        {"r/#", "#", "r", ""},
                        {"r/#", "#", "r/", ""},
                        {"r/#", "#", "r/#", "#"},
                        {"$dev/#", "r/#", "#", ""},
                        {"$dev/#", "r/#", "$dev/+", "r/+"},
                        {"/a", "/r", "/+", "/r"},
                        {"/+", "/r/+", "+/a", "/r/a"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(route_table_freep) RouteTable *t =
                                table_of(cases[i].local, cases[i].remote);
                char expected[64] = "";

                if (*cases[i].expected)
                        (void)snprintf(expected, sizeof(expected), "%s:1 ", cases[i].expected);
                CHECK_STR(filter_down(t, cases[i].filter), expected);
        }
}

static void test_refuses_wrong_routes(void) {
        static const struct {
                const char *local, *remote, *hint;
        } cases[] = {
                        {"a/#/b", "r", "'a/#/b'"},
                        {"a", "r+", "remote pattern 'r+'"},
                        {"", "r", "local pattern '' is empty"},
                        {"a/+", "r", "same wildcards"},
                        {"a/+/#", "r/#", "same wildcards"},
                        {"a/#", "r/+", "same wildcards"},
                        {"a/+", "r/+/+", "same wildcards"},
                        {"a", "/${product_kex}/r", "${device_name}"},
                        {"a", "/${product_key/r", "unknown placeholder"},
                        {"a", "r/${", "unknown placeholder"},
                        {"${client_id}", "r", "does not set"},
                        {"${product_key}/\xff", "r", "UTF-8"},
        };
        const RouteVariables wild = {.client_id = "a+b"};
        _cleanup_(route_table_freep) RouteTable *t = NULL;
        char *error = NULL;

        CHECK_INT(route_table_new(&t), 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                CHECK_INT(route_table_add(t,
                                          &(RouteSpec){.local = cases[i].local,
                                                       .remote = cases[i].remote,
                                                       .direction = ROUTE_BOTH,
                                                       .qos = 1},
                                          &variables, &error),
                          -EINVAL);
                CHECK(strstr(error, cases[i].hint));
                free(TAKE_PTR(error));
        }
        CHECK_INT(route_table_add(t,
                                  &(RouteSpec){.local = "${client_id}",
                                               .remote = "r",
                                               .direction = ROUTE_UP,
                                               .qos = 1},
                                  &wild, &error),
                  -EINVAL);
        CHECK(strstr(error, "wildcard"));
        free(error);
        CHECK_INT(route_table_size(t), 0);

        /* A lone '$' is a character like any other. */
        add(t, "a$/$b", "$r/{x}", ROUTE_BOTH, 1);
        CHECK_STR(up(t, "a$/$b"), "$r/{x}");
}

/* The property test: all small texts over a few levels */

typedef struct Texts {
        char texts[256][12];
        size_t n_texts;
} Texts;

static void texts_extend(Texts *texts, const char *base, const char *const *all, int depth) {
        for (const char *const *level = all; *level; level++) {
                char *text = texts->texts[texts->n_texts], longer[12];

                CHECK(texts->n_texts < ARRAY_SIZE(texts->texts));
                CHECK(snprintf(text, sizeof(longer), "%s%s", base, *level) < 12);
                if (*text)
                        texts->n_texts++;
                if (depth == 1 || strcmp(*level, "#") == 0)
                        continue;
                CHECK(snprintf(longer, sizeof(longer), "%s%s/", base, *level) < 12);
                texts_extend(texts, longer, all, depth - 1);
        }
}

static int take_filter(const char *name, int qos, void *userdata) {
        (void)qos;
        CHECK(!topic_filter_problem(name, NULL));
        (void)snprintf(userdata, 32, "%s", name);
        return 0;
}

/* Checks one route against all filters and names; returns how many names took part. */
static size_t check_route(const RouteTable *t, const Texts *filters, const Texts *names) {
        char remote[256][32], local[256][32];
        size_t n_checked = 0;

        for (size_t i = 0; i < names->n_texts; i++) {
                char all[256] = "";

                (void)snprintf(remote[i], sizeof(remote[i]), "%s", up(t, names->texts[i]));
                local[i][0] = '\0';
                if (route_down(t, names->texts[i], collect, all) > 0)
                        (void)snprintf(local[i], sizeof(local[i]), "%.*s", (int)strcspn(all, ":"),
                                       all);
                /* One-to-one */
                if (*remote[i]) {
                        CHECK(!topic_name_problem(remote[i], NULL));
                        (void)snprintf(all, sizeof(all), "%s:1 ", names->texts[i]);
                        CHECK_STR(down(t, remote[i]), all);
                        n_checked++;
                }
                if (*local[i])
                        CHECK_STR(up(t, local[i]), names->texts[i]);
        }

        for (size_t f = 0; f < filters->n_texts; f++) {
                const char *filter = filters->texts[f];
                char mapped[32] = "";

                CHECK(route_filter_down(t, filter, take_filter, mapped) <= 1);
                for (size_t i = 0; i < names->n_texts; i++) {
                        /* Complete: what the filter matches arrives. */
                        if (*remote[i] && topic_matches(filter, names->texts[i]))
                                CHECK(*mapped && topic_matches(mapped, remote[i]));
                        /* Sound: what arrives, the filter matches. */
                        if (*mapped && *local[i] && topic_matches(mapped, names->texts[i]))
                                CHECK(topic_matches(filter, local[i]));
                }
        }
        return n_checked;
}

static void test_filters_are_complete_and_sound(void) {
        static const char *const pattern_levels[] = {"", "a", "+", "$a", "#", NULL},
                                 *const name_levels[] = {"", "a", "b", "$a", NULL};
        Texts filters = {0}, locals = {0}, remotes = {0}, names = {0};
        size_t n_routes = 0, n_checked = 0;

        texts_extend(&filters, "", pattern_levels, 3);
        texts_extend(&locals, "", pattern_levels, 3);
        texts_extend(&remotes, "", pattern_levels, 2);
        texts_extend(&names, "", name_levels, 3);
        CHECK_INT(filters.n_texts, 4 + 16 + 64 + 1 + 4 + 16 - 1);
        CHECK_INT(names.n_texts, 4 + 16 + 64 - 1);

        for (size_t l = 0; l < locals.n_texts; l++)
                for (size_t r = 0; r < remotes.n_texts; r++) {
                        _cleanup_(route_table_freep) RouteTable *t = NULL;
                        _cleanup_(freep) char *error = NULL;

                        CHECK_INT(route_table_new(&t), 0);
                        if (route_table_add(t,
                                            &(RouteSpec){.local = locals.texts[l],
                                                         .remote = remotes.texts[r],
                                                         .direction = ROUTE_BOTH,
                                                         .qos = 1},
                                            &variables, &error) < 0)
                                continue;
                        n_routes++;
                        n_checked += check_route(t, &filters, &names);
                }
        CHECK(n_routes > 400);
        CHECK(n_checked > 1000);
}

/* A route is known by its number in later runs, too: it depends on what was configured only. */
static void test_numbers_and_policies(void) {
        const RouteSpec specs[] = {
                        {"a/#", "${product_key}/#", ROUTE_UP, 1, ROUTE_DROP_OLDEST},
                        {"b/${device_name}", "x", ROUTE_BOTH, 0, ROUTE_KEEP_LATEST},
                        {"ab/#", "x/#", ROUTE_UP, 1, ROUTE_REFUSE},
        };
        const RouteVariables other = {.product_key = "other", .device_name = "dn"};
        _cleanup_(route_table_freep) RouteTable *t = NULL, *again = NULL;
        RouteUp up, same;
        char *error = NULL;

        CHECK_INT(route_table_new(&t), 0);
        CHECK_INT(route_table_new(&again), 0);
        CHECK_INT(route_up(t, "a/b", &up), 1);
        CHECK(up.number == 0 && up.when_full == ROUTE_REFUSE && up.qos == 1);
        free(up.remote);
        for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
                CHECK_INT(route_table_add(t, &specs[i], &variables, &error), 0);
                CHECK_INT(route_table_add(again, &specs[ARRAY_SIZE(specs) - 1 - i], &other, &error),
                          0);
        }
        CHECK_INT(route_up(t, "a/b", &up), 1);
        CHECK(up.when_full == ROUTE_DROP_OLDEST && up.number != 0);
        CHECK_STR(route_name(t, up.number), "a/#");
        CHECK_INT(route_up(again, "a/c", &same), 1);
        CHECK_STR(same.remote, "other/c");
        CHECK_INT(same.number, up.number);
        free(up.remote);
        free(same.remote);
        CHECK_INT(route_up(t, "b/dn", &up), 1);
        CHECK(up.when_full == ROUTE_KEEP_LATEST && up.qos == 0);
        CHECK_STR(route_name(t, up.number), "b/${device_name}");
        free(up.remote);
        CHECK(!route_name(t, up.number + 1));
}

TEST_MAIN(TEST(test_numbers_and_policies),
          TEST(test_empty_table_passes_through),
          TEST(test_maps_names_both_ways),
          TEST(test_captures_keep_their_order),
          TEST(test_no_name_becomes_empty),
          TEST(test_direction_order_and_qos),
          TEST(test_callback_ends_the_walk),
          TEST(test_maps_filters),
          TEST(test_refuses_wrong_routes),
          TEST(test_filters_are_complete_and_sound))
