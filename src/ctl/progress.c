/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/facts.h"
#include "util/clock.h"

/* Seconds until everything is answered, guessed from how it went so far; -1: nobody knows. */
static int64_t seconds_left(const Progress *progress) {
        double done = (double)progress->n_answered, all = (double)progress->n_lines;

        if (progress->n_answered == 0)
                return -1;
        if (!progress->input_ended) {
                if (progress->bytes == 0 || progress->total_bytes < progress->bytes)
                        return -1;
                all *= (double)progress->total_bytes / (double)progress->bytes;
        }
        return (int64_t)((all - done) / done * (double)progress->elapsed_usec /
                                         (double)USEC_PER_SEC +
                         0.5);
}

void progress_text(const Progress *progress, char ret[PROGRESS_TEXT_MAX]) {
        uint64_t n_awaited = progress->n_lines - progress->n_answered;
        int64_t left = seconds_left(progress);
        char percent[16] = "", awaited[40] = "", refused[40] = "", remaining[64] = "";

        if (!progress->input_ended && progress->total_bytes >= progress->bytes &&
            progress->total_bytes > 0)
                (void)snprintf(percent, sizeof(percent), " (%u %%)",
                               (unsigned)((double)progress->bytes * 100 /
                                          (double)progress->total_bytes));
        if (n_awaited > 0)
                (void)snprintf(awaited, sizeof(awaited), ", %" PRIu64 " awaited", n_awaited);
        if (progress->n_refused > 0)
                (void)snprintf(refused, sizeof(refused), ", %" PRIu64 " refused",
                               progress->n_refused);
        if (left > 0) {
                char duration[FACT_TEXT_MAX];

                fact_duration(left, duration);
                (void)snprintf(remaining, sizeof(remaining), ", %.40s left", duration);
        }
        (void)snprintf(ret, PROGRESS_TEXT_MAX, "%" PRIu64 " lines%s, %" PRIu64 "/s%s%s%s",
                       progress->n_lines, percent,
                       (uint64_t)((double)progress->n_answered * (double)USEC_PER_SEC /
                                  (double)(progress->elapsed_usec + 1)),
                       awaited, refused, remaining);
}
