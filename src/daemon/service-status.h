/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Service status
 *
 * The line that "systemctl status" shows (STATUS=): the connection's state, in short why, and what
 * waits. Said anew when the state changes, and every few seconds while the rest does.
 */

#include <systemd/sd-event.h>

#include "bridge/bridge.h"

#define SERVICE_STATUS_MAX 512U

typedef struct ServiceStatus ServiceStatus;

/* @bridge must outlive it. Returns 0 or -errno. */
_warn_unused_ int service_status_new(ServiceStatus **ret, sd_event *event, Bridge *bridge);
ServiceStatus *service_status_free(ServiceStatus *status);

/* The connection's state has changed. */
void service_status_changed(ServiceStatus *status);

/* The line. */
void service_status_line(const StatusSource *source, char ret[SERVICE_STATUS_MAX]);

DEFINE_CLEANUP(ServiceStatus *, service_status_free);
