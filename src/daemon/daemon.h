/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Daemon
 *
 * The process: owns the event loop, the signals and everything else, from the settings to the end.
 */

#include "settings/settings.h"

/*
 * Serves until SIGTERM or SIGINT; SIGHUP reads @config_path again. Takes the settings in any case.
 * Logs what goes wrong. Returns 0 after a clean stop, else -errno. No other thread may run yet.
 */
_warn_unused_ int daemon_run(Settings *take_settings, const char *config_path);
