/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)

void lines_init(Lines *lines, int fd, size_t line_max) {
        *lines = (Lines){.fd = fd, .line_max = line_max};
}

void lines_deinit(Lines *lines) {
        buffer_deinit(&lines->buffer);
}

static int take(Lines *lines, size_t size, size_t separator, const char **ret, size_t *ret_size) {
        bool too_long = lines->skipping || size > lines->line_max;

        lines->taken = size + separator;
        lines->scanned = 0;
        lines->skipping = false;
        if (too_long)
                return LINES_TOO_LONG;
        *ret = (const char *)buffer_data(&lines->buffer);
        *ret_size = size;
        return LINES_LINE;
}

int lines_next(Lines *lines, const char **ret, size_t *ret_size) {
        const uint8_t *data, *end;
        size_t size;

        buffer_consume(&lines->buffer, lines->taken);
        lines->taken = 0;

        size = buffer_size(&lines->buffer);
        if (size > 0) {
                data = buffer_data(&lines->buffer);
                end = memchr(data + lines->scanned, '\n', size - lines->scanned);
                if (end)
                        return take(lines, (size_t)(end - data), 1, ret, ret_size);
        }
        if (lines->ended)
                return size > 0 || lines->skipping ? take(lines, size, 0, ret, ret_size)
                                                   : LINES_END;

        lines->scanned = size;
        if (size > lines->line_max) {
                buffer_consume(&lines->buffer, size);
                lines->scanned = 0;
                lines->skipping = true;
        }
        return LINES_MORE_NEEDED;
}

int lines_fill(Lines *lines) {
        uint8_t *room;
        ssize_t n;
        int r;

        buffer_consume(&lines->buffer, lines->taken);
        lines->taken = 0;

        r = buffer_reserve(&lines->buffer, READ_SIZE, &room);
        if (r < 0)
                return r;
        do
                n = read(lines->fd, room, READ_SIZE);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        buffer_commit(&lines->buffer, (size_t)n);
        if (n == 0)
                lines->ended = true;
        return 0;
}
