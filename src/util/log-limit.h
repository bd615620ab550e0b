/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Log limit
 *
 * What may repeat must not fill the journal: not when somebody else makes it repeat, nor for a day.
 * A place in the code may write a hundred lines at once and one more every ten minutes; the same
 * text four times at once and again every quarter of an hour. What is left out is counted, and the
 * next line of the place says how many there were. Pure: the caller gives the time.
 */

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_SITES 64U
#define LOG_LIMIT_TEXTS 256U

/*
 * So many at once, and one more each interval: a token bucket in one number, the time at which it
 * is full again. Says whether one may be taken now.
 */
bool log_bucket_has(uint64_t full_usec, unsigned burst, uint64_t interval_usec, uint64_t now_usec);
void log_bucket_take(uint64_t *full_usec, uint64_t interval_usec, uint64_t now_usec);

typedef struct LogLimit {
        struct LogSite {
                const char *format; /* which is unlike any other place's */
                uint64_t full_usec;
                unsigned n_left_out;
        } sites[LOG_LIMIT_SITES];
        struct LogText {
                uint32_t hash;
                uint64_t full_usec;
        } texts[LOG_LIMIT_TEXTS];
} LogLimit;

/*
 * Whether the place with this @format may write @text now. If so, @ret_left_out is how many of its
 * lines were not written since the last one that was.
 */
bool log_limit_take(LogLimit *limit,
                    const char *format,
                    const char *text,
                    uint64_t now_usec,
                    unsigned *ret_left_out);
