/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rate
 *
 * "At most N in any period": remembers when the last N happened and allows the next once the
 * oldest of them is a period ago. A token bucket would let twice its burst through in one period,
 * which a cloud that counts by the minute does not forgive. Pure: the caller gives the time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

typedef struct Rate {
        uint64_t *taken_usec; /* ring of the last max times; NULL: no limit */
        size_t max, next, n;
        uint64_t period_usec;
} Rate;

/* @max 0: no limit. Returns 0 or -ENOMEM. */
_warn_unused_ int rate_init(Rate *rate, size_t max, uint64_t period_usec);
void rate_done(Rate *rate);

/* Changes the limit; what has happened lately still counts. 0, or -ENOMEM and nothing changed. */
_warn_unused_ int rate_set_max(Rate *rate, size_t max);

/* Microseconds from @now_usec (monotonic) until one more is allowed; 0 if it is. */
uint64_t rate_wait_usec(const Rate *rate, uint64_t now_usec);

/* As if all that is allowed had been taken at @now_usec. */
void rate_fill(Rate *rate, uint64_t now_usec);

/* Counts one at @now_usec if it is allowed; says whether it was. */
bool rate_take(Rate *rate, uint64_t now_usec);
