/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Buffer
 *
 * A growable queue of bytes in one piece: appended at the end, consumed at the front, both in
 * amortized constant time a byte. A zeroed struct is an empty buffer without a limit.
 */

#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

typedef struct Buffer {
        uint8_t *bytes;
        size_t begin, end; /* what is in it */
        size_t allocated;
        size_t size_max; /* 0: no limit */
} Buffer;

void buffer_deinit(Buffer *buffer);

static inline const uint8_t *buffer_data(const Buffer *buffer) {
        return buffer->bytes + buffer->begin;
}

static inline size_t buffer_size(const Buffer *buffer) {
        return buffer->end - buffer->begin;
}

/* Room for @size more bytes, to be filled by the caller, who then says with buffer_commit() how
 * many there are. 0, -ENOMEM, or -ENOBUFS when the buffer would get over its limit. */
_warn_unused_ int buffer_reserve(Buffer *buffer, size_t size, uint8_t **ret);
void buffer_commit(Buffer *buffer, size_t size);

/* Errors as buffer_reserve(); nothing is appended then. */
_warn_unused_ int buffer_append(Buffer *buffer, const void *data, size_t size);

void buffer_consume(Buffer *buffer, size_t size);
/* Takes back what was appended last, down to @size bytes in all. */
void buffer_truncate(Buffer *buffer, size_t size);
/* Gives the memory back if the buffer is empty. */
void buffer_trim(Buffer *buffer);
