/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The files of TLS: roots, and the client's certificate and key
 */

#include "settings/draft.h"
#include "settings/errors.h"
#include "util/macro.h"

/* Moves the roots, or the mode's own, into draft->settings and looks at every file. Returns 0, also
 * when it has added errors, or -ENOMEM. */
_warn_unused_ int files_check(Draft *draft, SettingsErrors *errors);
