/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Base64, RFC 4648 §4, strictly: the standard alphabet, padded, nothing else in between.
 */

#include <stddef.h>

#include "util/macro.h"

/* Characters that @size bytes become; no NUL is counted or written. */
size_t base64_encoded_size(size_t size);
/* Writes base64_encoded_size(size) characters to @ret_text. */
void base64_encode(const void *data, size_t size, char *ret_text);

/* The most bytes that @text_size characters can become. */
size_t base64_decoded_size_max(size_t text_size);
/* Decodes to @ret_data, which has room for the most. 0, or -EBADMSG when @text is not Base64 (what
 * is in @ret_data is then undefined). */
_warn_unused_ int base64_decode(const char *text,
                                size_t text_size,
                                void *ret_data,
                                size_t *ret_size);
