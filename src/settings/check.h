/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The checks that need more than one key, or a look at the system
 */

#include "settings/draft.h"
#include "settings/errors.h"
#include "util/macro.h"

/*
 * Completes draft->settings: profile, secret, endpoint, roots, routes. Adds an error for each
 * thing that is wrong. Returns 0 or -ENOMEM.
 */
_warn_unused_ int settings_check(Draft *draft, SettingsErrors *errors);
