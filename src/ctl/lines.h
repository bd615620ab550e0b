/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lines
 *
 * Lines of bytes from a descriptor: a socket, a pipe or a file.
 */

#include <stdbool.h>
#include <stddef.h>

#include "util/buffer.h"
#include "util/macro.h"

typedef struct Lines {
        int fd; /* borrowed */
        size_t line_max;
        Buffer buffer;
        size_t scanned; /* of the buffer, for the end of a line: nothing found */
        size_t taken;   /* of the buffer, by the line that lines_next() gave last */
        bool ended;     /* the descriptor has */
        bool skipping;  /* inside a line that is too long */
} Lines;

enum {
        LINES_MORE_NEEDED, /* call lines_fill() */
        LINES_LINE,
        LINES_TOO_LONG, /* one line was skipped */
        LINES_END,
};

void lines_init(Lines *lines, int fd, size_t line_max);
void lines_deinit(Lines *lines);

/*
 * The next line of what was read, without its line feed, valid until the next call. A last line
 * needs none. Returns LINES_*; only LINES_LINE sets the outputs.
 */
_warn_unused_ int lines_next(Lines *lines, const char **ret, size_t *ret_size);

/* Reads once. Returns 0 or -errno. */
_warn_unused_ int lines_fill(Lines *lines);
