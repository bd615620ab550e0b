/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Watchdog
 *
 * Tells the service manager that we are alive (WatchdogSec=), as long as both are true: the event
 * loop turns, or else nobody would tell; and the cloud thread comes round. That one may take long
 * by nature, a dead name server holds each step of an attempt up for 30 s and more: it has ten of
 * the manager's periods before it counts as hung.
 */

#include <systemd/sd-event.h>

#include "cloud/link.h"

typedef struct Watchdog Watchdog;

/* @link must outlive it. Without a watchdog in the unit it does nothing. Returns 0 or -errno. */
_warn_unused_ int watchdog_new(Watchdog **ret, sd_event *event, Link *link);
Watchdog *watchdog_free(Watchdog *watchdog);

DEFINE_CLEANUP(Watchdog *, watchdog_free);
