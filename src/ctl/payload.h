/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Payloads in JSON: as text where the bytes are valid UTF-8, else as Base64.
 */

#include <jansson.h>
#include <stddef.h>

#include "util/macro.h"

/* Sets "payload" or "payload_b64" of @object. Returns 0 or -ENOMEM. */
_warn_unused_ int payload_set(json_t *object, const void *data, size_t size);

/*
 * The bytes of the object's payload. @ret_data is to be freed; it has a NUL behind that doesn't
 * count. Returns 0, -ENOMEM or -EBADMSG (no payload in it).
 */
_warn_unused_ int payload_get(const json_t *object, char **ret_data, size_t *ret_size);
