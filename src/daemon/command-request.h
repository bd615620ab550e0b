/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Command request
 *
 * What a credential command is told (docs/CREDENTIAL-COMMAND.md).
 */

#include <stddef.h>

#include "settings/settings.h"
#include "util/macro.h"

/*
 * @reason is "start", "expired" or "refused"; @root says which of the roots goes with a broker.
 * The text holds a secret: the caller frees it with secret_free(). Returns 0 or -errno (-E2BIG:
 * longer than a command may be told).
 */
_warn_unused_ int command_request_make(const Settings *settings,
                                       const char *reason,
                                       size_t root,
                                       char **ret);
