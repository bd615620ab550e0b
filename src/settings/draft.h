/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Draft
 *
 * The settings while they are being read: what was written, where, and before the checks that
 * need more than one key.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "settings/errors.h"
#include "settings/settings.h"
#include "settings/table.h"
#include "util/macro.h"

#define SETTINGS_KEYS_MAX 64U

/* The elements of lists; each begins with where it was written. */
typedef struct RootDraft {
        Origin origin;
        char *file;
        unsigned port;
} RootDraft;

typedef struct RouteDraft {
        Origin origin;
        char *local, *remote;
        unsigned direction; /* up, down, both */
        unsigned qos;
        unsigned when_full;
} RouteDraft;

/* What was read, before the checks that need more than one key. */
typedef struct Draft {
        Settings settings;

        char *device_secret, *device_secret_file;
        char *product_secret, *product_secret_file;
        char *access_key_secret, *access_key_secret_file;
        char *token;
        char *password, *password_file;
        char *endpoint, *timestamp;
        RootDraft roots[SETTINGS_ROOTS_MAX];
        size_t n_roots;
        RouteDraft routes[SETTINGS_ROUTES_MAX];
        size_t n_routes;

        Origin origins[SETTINGS_KEYS_MAX]; /* of each row; line 0: not written */
        bool bad[SETTINGS_KEYS_MAX];       /* has been complained about */
        mode_t secret_mode;                /* of the file that the last inline secret stands in */
        Origin file;                       /* the main file, for what was written nowhere */
        Origin identity, cloud;            /* the groups, or again the main file */
} Draft;

/* A row's value into its place in @base (the Draft or a list's element). */
void draft_store_integer(const SettingsKey *key, void *base, int64_t value);
/* Copies @value; what stood there before is wiped. 0 or -ENOMEM. */
_warn_unused_ int draft_store_string(const SettingsKey *key, void *base, const char *value);
_warn_unused_ int draft_store_fallback(const SettingsKey *key, void *base);
/* The value as it stands: strings only. */
const char *draft_string(const SettingsKey *key, const void *base);

/* Frees and wipes what Settings own; the struct itself stays, zeroed. */
void settings_done(Settings *settings);

/* All defaults are in place. Returns 0 or -ENOMEM. */
_warn_unused_ int draft_new(Draft **ret);
/* Frees and wipes everything. */
Draft *draft_free(Draft *draft);
/* Whether the key was written. */
bool draft_has(const Draft *draft, const char *path);
/* Whether no key was written at all. */
bool draft_is_empty(const Draft *draft);
/* Whether its value was refused, so that nothing more needs saying about it. */
bool draft_is_bad(const Draft *draft, const char *path);
/* Where the key was written, or else the group that it belongs in, or else the main file. */
Origin draft_origin(const Draft *draft, const char *path);

DEFINE_CLEANUP(Draft *, draft_free);
