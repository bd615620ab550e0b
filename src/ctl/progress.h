/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How far publishing many lines has come, in a line for a terminal.
 */

#include <stdbool.h>
#include <stdint.h>

#define PROGRESS_TEXT_MAX 224U

typedef struct Progress {
        uint64_t n_lines;    /* read, and sent to the daemon */
        uint64_t n_answered; /* of them */
        uint64_t n_refused;
        uint64_t bytes, total_bytes; /* of the input: read, and all; 0: nobody knows */
        bool input_ended;
        uint64_t elapsed_usec;
} Progress;

/* "1200 lines (12 %), 300/s, 64 awaited, 3 refused, 29 s left"; what is not known or zero is left
 * out. */
void progress_text(const Progress *progress, char ret[PROGRESS_TEXT_MAX]);
