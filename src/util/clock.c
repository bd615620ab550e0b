/* SPDX-License-Identifier: Apache-2.0 */
#include "util/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec now(clockid_t id) {
        struct timespec ts;

        /* Can fail only for a clock that does not exist. */
        assert(clock_gettime(id, &ts) == 0);
        return ts;
}

uint64_t clock_now_usec(void) {
        struct timespec ts = now(CLOCK_MONOTONIC);

        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_wall_msec(void) {
        struct timespec ts = now(CLOCK_REALTIME);

        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
