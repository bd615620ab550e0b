/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/buffer.h"

#define BUFFER_ALLOCATION_MIN 512U

void buffer_deinit(Buffer *buffer) {
        free(buffer->bytes);
        *buffer = (Buffer){.size_max = buffer->size_max};
}

/* Grows to at least double, so that copying costs a constant for each byte ever appended. */
static int buffer_grow(Buffer *buffer, size_t needed) {
        size_t allocated = buffer->allocated * 2;
        uint8_t *bytes;

        if (allocated < needed)
                allocated = needed;
        if (allocated < BUFFER_ALLOCATION_MIN)
                allocated = BUFFER_ALLOCATION_MIN;
        bytes = malloc(allocated);
        if (!bytes)
                return -ENOMEM;
        if (buffer->bytes)
                memcpy(bytes, buffer_data(buffer), buffer_size(buffer));
        free(buffer->bytes);

        buffer->end = buffer_size(buffer);
        buffer->begin = 0;
        buffer->bytes = bytes;
        buffer->allocated = allocated;
        return 0;
}

int buffer_reserve(Buffer *buffer, size_t size, uint8_t **ret) {
        size_t used = buffer_size(buffer);

        if (size > SIZE_MAX / 4 - used || (buffer->size_max > 0 && used + size > buffer->size_max))
                return -ENOBUFS;

        if (!buffer->bytes || size > buffer->allocated - buffer->end) {
                /* Moving is free of charge once at least as much was consumed as is left. */
                if (buffer->bytes && buffer->begin >= used && used + size <= buffer->allocated) {
                        memmove(buffer->bytes, buffer_data(buffer), used);
                        buffer->begin = 0;
                        buffer->end = used;
                } else {
                        int r = buffer_grow(buffer, used + size);

                        if (r < 0)
                                return r;
                }
        }
        *ret = buffer->bytes + buffer->end;
        return 0;
}

void buffer_commit(Buffer *buffer, size_t size) {
        assert(size <= buffer->allocated - buffer->end);
        buffer->end += size;
}

int buffer_append(Buffer *buffer, const void *data, size_t size) {
        uint8_t *room = NULL;
        int r;

        if (size == 0)
                return 0;
        r = buffer_reserve(buffer, size, &room);
        if (r < 0)
                return r;
        memcpy(room, data, size);
        buffer_commit(buffer, size);
        return 0;
}

void buffer_consume(Buffer *buffer, size_t size) {
        assert(size <= buffer_size(buffer));
        buffer->begin += size;
        if (buffer->begin == buffer->end)
                buffer->begin = buffer->end = 0;
}

void buffer_truncate(Buffer *buffer, size_t size) {
        assert(size <= buffer_size(buffer));
        buffer->end = buffer->begin + size;
}

void buffer_trim(Buffer *buffer) {
        if (buffer_size(buffer) == 0)
                buffer_deinit(buffer);
}
