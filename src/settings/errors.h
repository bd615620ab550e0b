/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Collecting what is wrong with a configuration
 */

#include "settings/settings.h"
#include "util/macro.h"

/* Where something was written. Line 0: nowhere in particular; the path is borrowed. */
typedef struct Origin {
        const char *file;
        unsigned line;
} Origin;

/* Adds "FILE:LINE: " and the sentence. Never give it a secret. */
void settings_errors_add(SettingsErrors *errors, Origin origin, const char *format, ...)
                _printf_(3, 4);

/* A string from the file, fit for a terminal: cut after 64 bytes, control characters as '?'. */
typedef struct Shown {
        char text[72];
} Shown;

Shown settings_show(const char *value);
