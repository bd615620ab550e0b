/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Meter
 *
 * Counts since start, and how many of them in the last minute (in steps of ten seconds). Pure.
 */

#include <stdint.h>

#define METER_STEPS     6U
#define METER_STEP_USEC (UINT64_C(10) * 1000000)

typedef struct Meter {
        uint64_t total;
        uint64_t steps[METER_STEPS];
        uint64_t step; /* number of the current one since the clock's zero */
} Meter;

void meter_add(Meter *meter, uint64_t n, uint64_t now_usec);
uint64_t meter_last_minute(const Meter *meter, uint64_t now_usec);
