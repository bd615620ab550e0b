/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * TtlClock
 *
 * A clock for what is kept longer than a run of the program: within one boot it goes by
 * CLOCK_BOOTTIME, which nobody sets; over a reboot by the wall clock, if that went forward from a
 * time that can be, else not at all. Its zero means nothing. Time is a parameter, but for what
 * reads the machine's clocks.
 */

#include <stdint.h>

/* What the machine's clocks say. */
typedef struct TtlReading {
        uint64_t boot_id; /* of this boot; 0: not known, never the same */
        uint64_t boot_msec;
        uint64_t wall_msec;
} TtlReading;

/* What is kept: what this clock said, and when. All zero when there never was one. */
typedef struct TtlMark {
        uint64_t msec;
        TtlReading at;
} TtlMark;

/* A zeroed one has not started. */
typedef struct TtlClock {
        TtlMark start;
} TtlClock;

uint64_t ttl_boot_id(void);
TtlReading ttl_reading_now(uint64_t boot_id);

TtlClock ttl_clock_start(const TtlMark *mark, const TtlReading *now);
TtlMark ttl_clock_mark(const TtlClock *clock, const TtlReading *now);

/* Now, in milliseconds. */
uint64_t ttl_clock_msec(const TtlClock *clock);
