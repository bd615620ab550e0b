/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Clock
 *
 * All waiting inside the program is on the monotonic clock, so that clock jumps harm nothing.
 * The wall clock is read only for what people or the platform read (timestamps).
 */

#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

/* CLOCK_MONOTONIC in microseconds. */
uint64_t clock_now_usec(void);

/* The wall clock in milliseconds since 1970. */
uint64_t clock_wall_msec(void);
