/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "settings/asking.h"
#include "settings/check.h"
#include "settings/files.h"
#include "settings/profile.h"
#include "settings/secret.h"
#include "util/parse.h"

/* More complaints about one identity than it has keys would be a loop. */
#define IDENTITY_ERRORS_MAX 32U

/* A key that has a meaning only with other kinds of clouds is a mistake worth a word. */
static void check_modes(Draft *draft, SettingsErrors *errors) {
        AuthMode mode = draft->settings.identity.mode;
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);

        for (size_t i = 0; i < n_keys; i++) {
                if (draft->origins[i].line == 0 || (keys[i].modes & MODE_BIT(mode)))
                        continue;
                draft->bad[i] = true;
                settings_errors_add(errors, draft->origins[i],
                                    "key '%s' (%s) has no meaning with cloud.auth = \"%s\". Remove "
                                    "it, or change cloud.auth.",
                                    keys[i].path, keys[i].help, auth_mode_to_string(mode));
        }
}

static void check_profile(Draft *draft) {
        Settings *s = &draft->settings;
        const Profile *profile = profile_get(s->identity.mode);

        if (!draft_has(draft, "cloud.limits.connects_per_minute"))
                s->connects_per_minute = profile->connects_per_minute;
        if (!draft_has(draft, "cloud.limits.qos1_per_second"))
                s->qos1_per_second = profile->qos1_per_second;
        if (!draft_has(draft, "cloud.limits.qos0_per_second"))
                s->qos0_per_second = profile->qos0_per_second;
        if (!draft_has(draft, "cloud.limits.unacknowledged"))
                s->unacknowledged = profile->unacknowledged;
        s->max_topic_bytes = profile->max_topic_bytes;
        s->max_topic_slashes = profile->max_topic_slashes;
        s->max_payload_bytes = profile->max_payload_bytes;
        s->max_subscriptions = profile->max_subscriptions;
        s->max_filters_per_subscribe = profile->max_filters_per_subscribe;
        s->subscription_qos_max = profile->subscription_qos_max;
}

/* Identity */

static int check_endpoint(Draft *draft) {
        Identity *identity = &draft->settings.identity;
        int r;

        if (!draft->endpoint)
                return 0;
        r = parse_host_port(draft->endpoint, &identity->host, &identity->port);
        /* Anything else the reader has refused. */
        return r == -ENOMEM ? r : 0;
}

static int check_timestamp(Draft *draft) {
        Identity *identity = &draft->settings.identity;

        identity->timestamp_kind = TIMESTAMP_FIXED;
        if (strcmp(draft->timestamp, "now") == 0)
                identity->timestamp_kind = TIMESTAMP_NOW;
        else if (strcmp(draft->timestamp, "none") == 0)
                identity->timestamp_kind = TIMESTAMP_NONE;
        else if (!(identity->timestamp = strdup(draft->timestamp)))
                return -ENOMEM;
        return 0;
}

/* The place of a key's string in an Identity, or NULL. */
static char **identity_field(const SettingsKey *key, Identity *identity) {
        size_t begin = offsetof(Draft, settings.identity);

        if (key->secret)
                return &identity->secret;
        if (strcmp(key->path, "cloud.endpoint") == 0)
                return &identity->host;
        if (key->type != KEY_STRING || key->offset < begin ||
            key->offset >= begin + sizeof(*identity))
                return NULL;
        return (char **)(void *)((char *)identity + (key->offset - begin));
}

/* Where the value of an identity's key comes from: a secret's may be in a file of its own. */
static Origin identity_origin(const Draft *draft, const SettingsKey *key) {
        char file_key[SETTINGS_PATH_MAX];

        if (key->secret && !draft_has(draft, key->path)) {
                (void)snprintf(file_key, sizeof(file_key), "%s_file", key->path);
                return draft_origin(draft, file_key);
        }
        return draft_origin(draft, key->path);
}

static void refuse_identity(const Draft *draft,
                            const SettingsKey *key,
                            bool missing,
                            const char *sentence,
                            SettingsErrors *errors) {
        bool show = missing && key->example;

        settings_errors_add(errors, identity_origin(draft, key), "key '%s': %s%s%s%s%s%s",
                            key->path, sentence, show ? ". For example: " : "",
                            show ? strrchr(key->path, '.') + 1 : "", show ? " = \"" : "",
                            show ? key->example : "", show ? "\";" : ".");
}

/* Puts a constant into a place that will only be read. */
static void borrow(char **field, const char *constant) {
        memcpy(field, &constant, sizeof(*field));
}

/*
 * identity_check() stops at the first fault. To hear of all, it is asked again and again about a
 * copy in which what it has named stands replaced by the table's example.
 */
static int check_identity(const Draft *draft, SettingsErrors *errors) {
        Identity copy = draft->settings.identity; /* borrows the strings */

        if (!copy.secret && copy.mode != AUTH_PLAIN && copy.mode != AUTH_COMMAND)
                /* secret_load() has had its say */
                borrow(&copy.secret, copy.mode == AUTH_MQ_TOKEN ? "RW|0" : "0123456789abcdef");
        for (size_t i = 0; i < IDENTITY_ERRORS_MAX; i++) {
                _cleanup_(freep) char *sentence = NULL;
                const char *path = NULL;
                char **field;
                const SettingsKey *key;
                int r;

                r = identity_check(&copy, &path, &sentence);
                if (r != -EINVAL)
                        return r;
                key = settings_key_find(path);
                if (!key) {
                        settings_errors_add(errors, draft->file, "%s: %s.", path, sentence);
                        return 0;
                }
                field = identity_field(key, &copy);
                if (!draft_is_bad(draft, path))
                        refuse_identity(draft, key, field && !*field, sentence, errors);
                if (!field || !key->example || *field == key->example)
                        return 0;
                borrow(field, key->example);
        }
        return 0;
}

/* Routes */

static RouteDirection direction_of(const RouteDraft *route) {
        return (RouteDirection)(route->direction + 1); /* up, down, both */
}

static int check_route(Draft *draft,
                       const RouteDraft *route,
                       const RouteVariables *variables,
                       SettingsErrors *errors) {
        _cleanup_(freep) char *sentence = NULL;
        const RouteSpec spec = {.local = route->local,
                                .remote = route->remote,
                                .direction = direction_of(route),
                                .qos = (int)route->qos,
                                .when_full = (RouteWhenFull)route->when_full};
        int r;

        if (!route->local || !route->remote) {
                const char *key = route->local ? "routes[].remote" : "routes[].local";

                if (!draft_is_bad(draft, key))
                        settings_errors_add(errors, route->origin,
                                            "key '%s' is missing in this route.", key);
                return 0;
        }
        if (spec.direction == ROUTE_DOWN && spec.when_full != ROUTE_REFUSE)
                settings_errors_add(errors, route->origin,
                                    "key 'routes[].when_full' is \"%s\"; it is for routes to the "
                                    "cloud only, this one's direction is \"down\".",
                                    route_when_full_to_string(spec.when_full));
        r = route_table_add(draft->settings.routes, &spec, variables, &sentence);
        if (r == -EINVAL) {
                settings_errors_add(errors, route->origin, "route: %s.", sentence);
                return 0;
        }
        return r;
}

/* @identified: the identity is good, so that a client id can be made from it. */
static int check_routes(Draft *draft, bool identified, SettingsErrors *errors) {
        Settings *s = &draft->settings;
        _cleanup_(freep) char *client_id = NULL;
        RouteVariables variables = {.product_key = s->identity.product_key,
                                    .device_name = s->identity.device_name,
                                    .client_id = "unknown"};
        int r = 0;

        /* No credentials_make() here: OpenSSL must stay asleep until TLS has set it up. */
        if (identified)
                r = identity_client_id(&s->identity, &client_id);
        if (r == -ENOENT) /* the program may name it later */
                variables.client_id = NULL;
        else if (r < 0)
                return r;
        if (client_id)
                variables.client_id = client_id;
        r = route_table_new(&s->routes);
        for (size_t i = 0; r >= 0 && i < draft->n_routes; i++) {
                RouteDraft *route = &draft->routes[i];

                r = check_route(draft, route, &variables, errors);
                if (r < 0 || !route->local || !route->remote)
                        continue;
                s->route_list[s->n_routes++] = (SettingsRoute){
                                .local = TAKE_PTR(route->local),
                                .remote = TAKE_PTR(route->remote),
                                .direction = direction_of(route),
                                .qos = (int)route->qos,
                                .when_full = (RouteWhenFull)route->when_full,
                };
        }
        return r;
}

/* Numbers that must fit each other. */
static void check_pairs(const Draft *draft, SettingsErrors *errors) {
        const Settings *s = &draft->settings;

        if (s->reconnect_min_sec > s->reconnect_max_sec)
                settings_errors_add(errors,
                                    draft_origin(draft, draft_has(draft, "cloud.reconnect.max")
                                                                        ? "cloud.reconnect.max"
                                                                        : "cloud.reconnect.min"),
                                    "key 'cloud.reconnect.max' is %u; allowed is at least "
                                    "cloud.reconnect.min, which is %u.",
                                    s->reconnect_max_sec, s->reconnect_min_sec);
        if (s->client_buffer_bytes > s->memory_bytes)
                settings_errors_add(errors,
                                    draft_origin(draft, draft_has(draft, "local.memory")
                                                                        ? "local.memory"
                                                                        : "local.client_buffer"),
                                    "key 'local.memory' is %zu; allowed is at least "
                                    "local.client_buffer, which is %zu.",
                                    s->memory_bytes, s->client_buffer_bytes);
}

int settings_check(Draft *draft, SettingsErrors *errors) {
        bool identified;
        int r;

        check_pairs(draft, errors);
        /* Without a valid mode every further complaint would be a guess. */
        if (draft_is_bad(draft, "cloud.auth"))
                return 0;
        check_modes(draft, errors);
        check_profile(draft);

        r = check_endpoint(draft);
        if (r < 0)
                return r;
        r = check_timestamp(draft);
        if (r < 0)
                return r;
        r = asking_check(draft, errors);
        if (r < 0)
                return r;
        r = secret_load(draft, errors);
        if (r < 0)
                return r;
        r = check_identity(draft, errors);
        if (r < 0)
                return r;
        identified = errors->n_lines == 0;
        r = files_check(draft, errors);
        if (r < 0)
                return r;
        return check_routes(draft, identified, errors);
}
