/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Connection
 *
 * To the daemon: one JSON object a line, each way (docs/PROTOCOL.md). Blocking, with a deadline.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/lines.h"
#include "util/macro.h"

typedef struct Connection {
        int fd;
        int stop_fd;   /* a signalfd that ends waiting, or -1 */
        int output_fd; /* a pipe whose reader's leaving ends waiting, or -1 */
        Lines lines;
} Connection;

enum {
        _CONNECTION_E_SUCCESS,

        CONNECTION_E_CLOSED,  /* the daemon has closed it */
        CONNECTION_E_STOPPED, /* by a signal, or because nobody reads the output any more */
};

#define CONNECTION_NULL                                  \
        (Connection) {                                   \
                .fd = -1, .stop_fd = -1, .output_fd = -1 \
        }

/* Returns 0 or -errno. */
_warn_unused_ int connection_open(Connection *connection, const char *path);
void connection_done(Connection *connection);

/*
 * Makes SIGINT, SIGTERM and the end of stdout's reader end waiting: for commands that run until
 * they are stopped. Returns 0 or -errno.
 */
_warn_unused_ int connection_until_stopped(Connection *connection);

/* Sends the object as a line. Returns 0, CONNECTION_E_CLOSED or -errno. */
_warn_unused_ int connection_send(Connection *connection, const json_t *object);
/* The same for bytes that are lines already. */
_warn_unused_ int connection_write(Connection *connection, const void *data, size_t size);

/* Whether connection_receive() would have to wait. */
bool connection_is_drained(const Connection *connection);

/*
 * The daemon's next object, to be json_decref()ed. @deadline_usec is on the monotonic clock, or
 * USEC_INFINITY. Returns 0, CONNECTION_E_*, -ETIMEDOUT, -EBADMSG (not an object) or -errno.
 */
_warn_unused_ int connection_receive(Connection *connection, uint64_t deadline_usec, json_t **ret);
