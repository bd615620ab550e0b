/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/difference.h"

#include <stdio.h>
#include <string.h>

#include "settings/draft.h"
#include "settings/table.h"

static bool strings_differ(const char *a, const char *b) {
        return a && b ? strcmp(a, b) != 0 : a != b;
}

/* Keys whose values become something else in Settings */

static bool endpoints_differ(const Settings *a, const Settings *b) {
        return strings_differ(a->identity.host, b->identity.host) ||
               a->identity.port != b->identity.port;
}

static bool timestamps_differ(const Settings *a, const Settings *b) {
        return a->identity.timestamp_kind != b->identity.timestamp_kind ||
               strings_differ(a->identity.timestamp, b->identity.timestamp);
}

static bool roots_differ(const Settings *a, const Settings *b) {
        if (a->n_roots != b->n_roots)
                return true;
        for (size_t i = 0; i < a->n_roots; i++)
                if (strcmp(a->roots[i].file, b->roots[i].file) != 0 ||
                    a->roots[i].port != b->roots[i].port)
                        return true;
        return false;
}

static bool routes_differ(const Settings *a, const Settings *b) {
        if (a->n_routes != b->n_routes)
                return true;
        for (size_t i = 0; i < a->n_routes; i++) {
                const SettingsRoute *x = &a->route_list[i], *y = &b->route_list[i];

                if (strcmp(x->local, y->local) != 0 || strcmp(x->remote, y->remote) != 0 ||
                    x->direction != y->direction || x->qos != y->qos ||
                    x->when_full != y->when_full)
                        return true;
        }
        return false;
}

static const struct {
        const char *path;
        bool (*differ)(const Settings *a, const Settings *b);
} derived[] = {
                {"cloud.endpoint", endpoints_differ},
                {"cloud.timestamp", timestamps_differ},
                {"cloud.tls.roots", roots_differ},
                {"routes", routes_differ},
};

/* A row that stands neither in Settings nor above has changed, as far as anybody knows. */
static bool derived_differ(const char *path, const Settings *a, const Settings *b) {
        for (size_t i = 0; i < ARRAY_SIZE(derived); i++)
                if (strcmp(derived[i].path, path) == 0)
                        return derived[i].differ(a, b);
        return true;
}

/* Any key */

static bool is_element(const SettingsKey *key) {
        return strstr(key->path, "[]") != NULL;
}

static bool starts_with(const char *path, const char *prefix) {
        return strncmp(path, prefix, strlen(prefix)) == 0;
}

/* Settings come first in a Draft. */
static bool keys_differ(const SettingsKey *key, const Settings *a, const Settings *b) {
        const char *x = (const char *)a + key->offset, *y = (const char *)b + key->offset;

        if (key->offset >= sizeof(Settings))
                /* One of the ways to give the secret, which is compared by itself. */
                return !starts_with(key->path, "identity.") && derived_differ(key->path, a, b);
        if (key->type == KEY_STRING)
                return strings_differ(*(char *const *)(const void *)x,
                                      *(char *const *)(const void *)y);
        return memcmp(x, y, key->width) != 0;
}

static SettingsPart part_of(const char *path) {
        static const struct {
                const char *prefix;
                SettingsPart part;
        } parts[] = {
                        /* the first that fits */
                        {"local.socket", SETTINGS_FIXED},
                        {"local.state", SETTINGS_FIXED},
                        {"cloud.tls.min_version", SETTINGS_FIXED},
                        {"cloud.limits.", SETTINGS_LIMITS},
                        {"cloud.reconnect.", SETTINGS_LIMITS},
                        {"cloud.connect_timeout", SETTINGS_LIMITS},
                        {"cloud.", SETTINGS_CONNECTION},
                        {"identity.", SETTINGS_CONNECTION},
                        {"routes", SETTINGS_ROUTES},
                        {"local.", SETTINGS_LOCAL},
                        {"store.", SETTINGS_STORE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (starts_with(path, parts[i].prefix))
                        return parts[i].part;
        return SETTINGS_FIXED;
}

static void append(char *list, size_t size, const char *word) {
        static const char more[] = ", ...";
        size_t used = strlen(list);

        if (used >= sizeof(more) - 1 && strcmp(list + used - (sizeof(more) - 1), more) == 0)
                return;
        /* Room for the dots is kept. */
        if (used + strlen(word) + 2 + sizeof(more) > size)
                word = "...";
        (void)snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", word);
}

static void note(SettingsDifference *difference, SettingsPart part, const char *word) {
        difference->parts |= part;
        if (part == SETTINGS_FIXED)
                append(difference->fixed, sizeof(difference->fixed), word);
        else
                append(difference->keys, sizeof(difference->keys), word);
}

void settings_compare(const Settings *old, const Settings *new, SettingsDifference *ret) {
        SettingsDifference difference = {0};
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);

        for (size_t i = 0; i < n_keys; i++)
                if (!is_element(&keys[i]) && keys_differ(&keys[i], old, new))
                        note(&difference, part_of(keys[i].path), keys[i].path);
        if (strings_differ(old->identity.secret, new->identity.secret))
                note(&difference, SETTINGS_CONNECTION, "the secret");
        if (old->pem_digest != new->pem_digest)
                note(&difference, SETTINGS_CONNECTION, "the content of certificate files");
        /* Names in the cloud may hold the identity, limits follow the kind of cloud. */
        if (difference.parts & SETTINGS_CONNECTION)
                difference.parts |= SETTINGS_ROUTES | SETTINGS_LIMITS;
        *ret = difference;
}

static void swap(char **a, char **b) {
        char *value = *a;

        *a = *b;
        *b = value;
}

void settings_swap_fixed(Settings *a, Settings *b) {
        bool named = a->socket_named;

        swap(&a->socket_path, &b->socket_path);
        swap(&a->state_dir, &b->state_dir);
        swap(&a->tls_min_version, &b->tls_min_version);
        a->socket_named = b->socket_named;
        b->socket_named = named;
}
