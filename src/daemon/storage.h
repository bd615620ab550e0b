/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Storage
 *
 * Opens the store and gives it to the bridge; while that fails, tries again, so that the daemon
 * serves what it can meanwhile.
 */

#include <systemd/sd-event.h>

#include "bridge/bridge.h"
#include "settings/settings.h"

typedef struct Storage Storage;

/* Tries at once. @bridge and @settings must outlive it. Returns 0 or -errno, not for the disk. */
_warn_unused_ int storage_new(Storage **ret,
                              sd_event *event,
                              const Settings *settings,
                              Bridge *bridge);

/* Goes by other settings, but stays in the same directory: @settings have it, too. */
void storage_set_settings(Storage *storage, const Settings *settings);

/* Closes the store; nobody may use it any more. */
Storage *storage_free(Storage *storage);

DEFINE_CLEANUP(Storage *, storage_free);
