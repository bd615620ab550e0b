/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Listener
 *
 * The socket that programs connect to: the one that systemd has made and passed, or else one of our
 * own. What systemd made outlives us, so that programs which connect meanwhile are only late.
 */

#include <stdbool.h>

#include "util/macro.h"

/* FileDescriptorName= of the socket unit. */
#define LISTENER_NAME "iotlinkd"

typedef struct Listener {
        int fd;
        char path[108]; /* where it is; for people */
        bool inherited;
} Listener;

/* @path is used when systemd has passed none. Call before any thread starts; logs why it fails.
 * Returns 0 or -errno. */
_warn_unused_ int listener_open(const char *path, Listener *ret);

/* Closes what is still open, and removes the socket file if it is ours. */
void listener_done(Listener *listener);
