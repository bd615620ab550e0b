/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the identity's secret comes from: the configuration itself, a file of its own, or a
 * credential that systemd hands over. Exactly one of them.
 */

#include <stdbool.h>

#include "settings/draft.h"
#include "settings/errors.h"
#include "util/macro.h"

/* Fills draft->settings.identity.secret, or adds errors. Returns 0 or -ENOMEM. */
_warn_unused_ int secret_load(Draft *draft, SettingsErrors *errors);

/* The path of what systemd has passed by this name (LoadCredential=). 1, 0 if nothing, or -ENOMEM.
 */
_warn_unused_ int credential_find(const char *name, char **ret);

/* As a unit's ExecReload=, where systemd shows nobody the credentials that the service itself has:
 * what is missing may be among them. */
bool credentials_are_elsewhere(void);
