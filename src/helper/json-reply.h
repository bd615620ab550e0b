/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON replies
 *
 * What a service sent, read with distrust. Names are matched without regard to letter case and to
 * spaces around them, because the platform's own samples differ in both. What is not there, has
 * another type or is unfit to hand on (empty, control characters, too long) is NULL alike.
 */

#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

#define JSON_REPLY_SIZE_MAX   (64U * 1024U)
#define JSON_REPLY_STRING_MAX 4096U

enum {
        _JSON_REPLY_E_SUCCESS,

        JSON_REPLY_E_INVALID, /* not a JSON object, or too large */
};

/* The library's own type, so that members need no objects of ours. */
typedef struct json_t JsonReply;

/* Makes the library wipe all memory that it frees. Call before the first reply. */
void json_reply_init(void);

_warn_unused_ int json_reply_parse(const char *text, size_t size, JsonReply **ret);
JsonReply *json_reply_free(JsonReply *reply);

/* A member that is an object; @reply may be NULL. */
JsonReply *json_reply_member(JsonReply *reply, const char *name);
const char *json_reply_string(JsonReply *reply, const char *name);
/* A whole number from 0 to @max, or a string of its digits. Returns 0 or -ENOENT. */
_warn_unused_ int json_reply_number(JsonReply *reply,
                                    const char *name,
                                    uint64_t max,
                                    uint64_t *ret);

DEFINE_CLEANUP(JsonReply *, json_reply_free);
