/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Backoff
 *
 * Decorrelated jitter: each delay is drawn between the shortest one and three times the one
 * before, so that a fleet cut off at one instant does not come back at one instant. Pure.
 */

#include <stdint.h>

typedef struct BackoffRange {
        uint64_t min_usec, max_usec;
} BackoffRange;

/*
 * The delay after @previous_usec (0 before the first) in @range; @random is any 32 random bits.
 * The first delay lies between min and 3 x min; none is outside the range.
 */
uint64_t backoff_next_usec(BackoffRange range, uint64_t previous_usec, uint32_t random);
