/* SPDX-License-Identifier: Apache-2.0 */
#include "util/backoff.h"

uint64_t backoff_next_usec(BackoffRange range, uint64_t previous_usec, uint32_t random) {
        uint64_t top;

        if (range.max_usec < range.min_usec)
                range.max_usec = range.min_usec;
        /* A delay that grew in another range must not let this one start beyond its end. */
        if (previous_usec < range.min_usec)
                previous_usec = range.min_usec;
        if (previous_usec > range.max_usec)
                previous_usec = range.max_usec;

        top = previous_usec > range.max_usec / 3 ? range.max_usec : previous_usec * 3;
        return range.min_usec + (top - range.min_usec) * random / UINT32_MAX;
}
