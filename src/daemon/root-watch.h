/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Root watch
 *
 * Says once a day which trusted roots end within 90 days: a gateway in the field has to get the new
 * ones before, not after.
 */

#include <systemd/sd-event.h>

#include "settings/settings.h"

typedef struct RootWatch RootWatch;

/* Looks at once, then daily. @settings must outlive it. Returns 0 or -errno. */
_warn_unused_ int root_watch_new(RootWatch **ret, sd_event *event, const Settings *settings);
/* Looks at the roots of other settings from now on, and now. */
void root_watch_set_settings(RootWatch *watch, const Settings *settings);
RootWatch *root_watch_free(RootWatch *watch);

DEFINE_CLEANUP(RootWatch *, root_watch_free);
