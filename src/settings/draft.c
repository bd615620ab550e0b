/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settings/draft.h"
#include "util/file.h"
#include "util/parse.h"

static void *field_of(const SettingsKey *key, void *base) {
        return (char *)base + key->offset;
}

void draft_store_integer(const SettingsKey *key, void *base, int64_t value) {
        void *field = field_of(key, base);

        assert(value >= 0);
        switch (key->width) {
        case sizeof(bool):
                *(bool *)field = value != 0;
                break;
        case sizeof(uint32_t):
                *(uint32_t *)field = (uint32_t)value;
                break;
        case sizeof(uint64_t):
                *(uint64_t *)field = (uint64_t)value;
                break;
        default:
                assert(false);
        }
}

int draft_store_string(const SettingsKey *key, void *base, const char *value) {
        char **field = field_of(key, base);
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        (void)secret_free(*field);
        *field = copy;
        return 0;
}

const char *draft_string(const SettingsKey *key, const void *base) {
        return *(char *const *)(const void *)((const char *)base + key->offset);
}

int draft_store_fallback(const SettingsKey *key, void *base) {
        uint64_t number = 0;
        int r = 0;

        if (!key->fallback)
                return 0;
        switch (key->type) {
        case KEY_STRING:
                return draft_store_string(key, base, key->fallback);
        case KEY_INTEGER:
                r = parse_unsigned(key->fallback, INT64_MAX, &number);
                break;
        case KEY_BOOL:
                number = strcmp(key->fallback, "true") == 0;
                break;
        case KEY_WORD:
                r = settings_key_word(key, key->fallback);
                number = (uint64_t)r;
                break;
        case KEY_LIST:
                return 0;
        default:
                break;
        }
        assert(r >= 0); /* or the table is wrong */
        draft_store_integer(key, base, (int64_t)number);
        return 0;
}

static bool key_is_of_element(const SettingsKey *key) {
        return strstr(key->path, "[]") != NULL;
}

int draft_new(Draft **ret) {
        _cleanup_(draft_freep) Draft *draft = calloc(1, sizeof(*draft));
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);

        if (!draft)
                return -ENOMEM;
        for (size_t i = 0; i < n_keys; i++) {
                int r = key_is_of_element(&keys[i]) ? 0 : draft_store_fallback(&keys[i], draft);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(draft);
        return 0;
}

Draft *draft_free(Draft *draft) {
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);

        if (!draft)
                return NULL;
        for (size_t i = 0; i < n_keys; i++)
                /* Settings come first in the struct and free themselves. */
                if (keys[i].type == KEY_STRING && !key_is_of_element(&keys[i]) &&
                    keys[i].offset >= sizeof(Settings))
                        (void)secret_free(*(char **)field_of(&keys[i], draft));
        settings_done(&draft->settings);
        for (size_t i = 0; i < draft->n_roots; i++)
                free(draft->roots[i].file);
        for (size_t i = 0; i < draft->n_routes; i++) {
                free(draft->routes[i].local);
                free(draft->routes[i].remote);
        }
        explicit_bzero(draft, sizeof(*draft));
        free(draft);
        return NULL;
}

/* Origins */

static size_t index_of(const char *path) {
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys), *key = settings_key_find(path);

        assert(key);
        return (size_t)(key - keys);
}

bool draft_has(const Draft *draft, const char *path) {
        return draft->origins[index_of(path)].line > 0;
}

bool draft_is_empty(const Draft *draft) {
        for (size_t i = 0; i < SETTINGS_KEYS_MAX; i++)
                if (draft->origins[i].line > 0)
                        return false;
        return true;
}

bool draft_is_bad(const Draft *draft, const char *path) {
        return draft->bad[index_of(path)];
}

Origin draft_origin(const Draft *draft, const char *path) {
        if (draft_has(draft, path))
                return draft->origins[index_of(path)];
        if (strncmp(path, "identity.", strlen("identity.")) == 0)
                return draft->identity;
        if (strncmp(path, "cloud.", strlen("cloud.")) == 0)
                return draft->cloud;
        return draft->file;
}
