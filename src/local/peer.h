/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Peer
 *
 * The kernel's word on who is at the other end of a Unix socket, as of its connect().
 */

#include <sys/types.h>

#include "util/macro.h"

typedef struct Peer {
        pid_t pid;
        uid_t uid;
        gid_t gid;
} Peer;

/* 0 or -errno. */
_warn_unused_ int peer_of(int fd, Peer *ret);
