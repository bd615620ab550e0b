/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Server
 *
 * The listening socket and all sessions, with the limits on what they may make us hold. Loop
 * thread only.
 */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "local/session.h"
#include "util/macro.h"

typedef struct LocalServer LocalServer;

typedef struct LocalLimits {
        unsigned max_clients;
        size_t client_buffer_bytes; /* unsent output of one session, beyond which it is dropped */
        size_t memory_bytes;        /* input and output of all sessions together */
} LocalLimits;

/* Counters since start, for status and metrics. */
typedef struct LocalCounters {
        uint64_t accepted, refused, dropped_slow;
        size_t n_sessions;
        size_t buffered_bytes;
} LocalCounters;

/*
 * Binds and listens at @path with mode 0660; a stale socket file is replaced, a live one is not
 * (-EADDRINUSE). Returns the fd or -errno (-ENAMETOOLONG for paths over 107 bytes).
 */
_warn_unused_ int local_listen(const char *path);

/* Serves on @take_fd (taken on success only). The handler's functions get @userdata. */
_warn_unused_ int local_server_new(LocalServer **ret,
                                   sd_event *event,
                                   int take_fd,
                                   const LocalLimits *limits,
                                   const LocalHandler *handler,
                                   void *userdata);
LocalServer *local_server_free(LocalServer *server);

/* Calls @func for every open session. */
void local_server_each(LocalServer *server,
                       void (*func)(LocalSession *session, void *userdata),
                       void *userdata);

/* For whoever comes from now on. */
void local_server_set_limits(LocalServer *server, const LocalLimits *limits);

/* Accepts nobody any more: who connects now waits in the socket's queue, for the next to serve it.
 */
void local_server_stop_accepting(LocalServer *server);

/* Sends what can be sent now without waiting; for a clean stop. */
void local_server_flush(LocalServer *server);

void local_server_counters(const LocalServer *server, LocalCounters *ret);

DEFINE_CLEANUP(LocalServer *, local_server_free);
