/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tally
 *
 * Counts what happens again and again, so that the journal has one entry a minute of it at most:
 * the first at once, those that follow summed up. Pure.
 */

#include <stdint.h>

typedef struct Tally {
        uint64_t total;
        uint64_t unsaid;
        uint64_t said_usec; /* the last entry; 0: there was none */
} Tally;

void tally_add(Tally *tally, uint64_t n);

/* How many are to be said now; 0: nothing is. */
uint64_t tally_take(Tally *tally, uint64_t now_usec);

/* When there is something to say; USEC_INFINITY: there is not. */
uint64_t tally_deadline_usec(const Tally *tally);
