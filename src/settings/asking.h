/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the modes need that ask for their credentials: the program, the service, and the directory
 * where answers are kept
 */

#include "settings/draft.h"
#include "settings/errors.h"
#include "util/macro.h"

/* Fills in the defaults of draft->settings and looks at the files. Returns 0, also when it has
 * added errors, or -ENOMEM. */
_warn_unused_ int asking_check(Draft *draft, SettingsErrors *errors);
