/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reader
 *
 * From the text of a configuration to a Draft, row by row of the table. The only part that knows
 * libconfig.
 */

#include "settings/draft.h"
#include "settings/errors.h"
#include "settings/source.h"
#include "util/macro.h"

/* Returns 0, also when it has added errors; -EINVAL when the text can't be understood at all (an
 * error was added); or -ENOMEM. */
_warn_unused_ int reader_read(const Source *source, Draft *draft, SettingsErrors *errors);
