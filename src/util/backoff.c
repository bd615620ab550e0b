/* SPDX-License-Identifier: Apache-2.0 */
#include "util/backoff.h"

uint64_t backoff_next_usec(BackoffRange range, uint64_t previous_usec, uint32_t random) {
        uint64_t top, span;

        if (range.max_usec < range.min_usec)
                range.max_usec = range.min_usec;
        /* A delay that grew in another range must not let this one start beyond its end. */
        if (previous_usec < range.min_usec)
                previous_usec = range.min_usec;
        if (previous_usec > range.max_usec)
                previous_usec = range.max_usec;

        top = previous_usec > range.max_usec / 3 ? range.max_usec : previous_usec * 3;
        span = top - range.min_usec;
        /* span * random / UINT32_MAX, in two parts because the product may not fit. */
        return range.min_usec + span / UINT32_MAX * random +
               span % UINT32_MAX * random / UINT32_MAX;
}
