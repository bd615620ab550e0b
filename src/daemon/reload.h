/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reload
 *
 * Reads the configuration again, beside the one that is in use, and says what came of it.
 */

#include "daemon/setup.h"
#include "settings/difference.h"

/*
 * Reads and checks the file, and compares it with what is in use. Where it can't change while the
 * daemon runs, the new setup has what is in use, and the old one what was read. Returns 0; or
 * -errno after each error has been logged, and that everything stays as it was.
 */
_warn_unused_ int reload_read(Setup **ret,
                              const char *path,
                              Setup *in_use,
                              SettingsDifference *ret_difference);

/* The new setup, as reload_read() gave it, can't be used for a reason that was logged. */
void reload_give_up(Setup *setup, Setup *in_use);

/* Logs that the new setup is in use. */
void reload_say(const SettingsDifference *difference);
