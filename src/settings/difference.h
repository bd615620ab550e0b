/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Difference
 *
 * What has changed between two settings, and which part of the daemon that concerns. What is in a
 * file that they name counts with them: the secret, certificates.
 */

#include "settings/settings.h"

typedef enum SettingsPart {
        SETTINGS_CONNECTION = 1 << 0, /* who we are, where the cloud is, how to get there */
        SETTINGS_LIMITS = 1 << 1,     /* how fast, how often */
        SETTINGS_ROUTES = 1 << 2,
        SETTINGS_LOCAL = 1 << 3,
        SETTINGS_STORE = 1 << 4,
        SETTINGS_FIXED = 1 << 5, /* can't change while it runs */
} SettingsPart;

/* Lists of keys, for people: "cloud.keepalive, routes". What doesn't fit is left out, with "...".
 */
typedef struct SettingsDifference {
        unsigned parts;  /* of SettingsPart */
        char keys[512];  /* of all parts but FIXED */
        char fixed[128]; /* of FIXED */
} SettingsDifference;

void settings_compare(const Settings *old, const Settings *new, SettingsDifference *ret);

/* Exchanges what can't change while the daemon runs: to keep it, or to undo that. */
void settings_swap_fixed(Settings *a, Settings *b);
