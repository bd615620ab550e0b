/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Link log
 *
 * The link's state changes in words: what happened, to which server, why, what to do, what comes
 * next. A fault that repeats is counted and summed up, not repeated.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cloud/reason.h"

struct LinkStatus;

typedef struct LinkLog {
        Reason reason; /* of the last entry about an attempt that failed */
        uint64_t logged_at_usec;
        unsigned n_silent; /* the same again since then */
} LinkLog;

void link_log_attempt(const struct LinkStatus *status);
void link_log_online(LinkLog *log, const struct LinkStatus *status, const char *client_id);

/* The end of an attempt, or of a connection when @was_online. */
void link_log_end(LinkLog *log,
                  const struct LinkStatus *status,
                  bool was_online,
                  uint64_t now_usec);
