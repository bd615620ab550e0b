/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From a parsed line to a request: the ops of docs/PROTOCOL.md and their members.
 */

#include <jansson.h>

#include "local/codec.h"

/* What the last request points into. */
typedef struct JsonLine {
        json_t *object; /* NULL once nothing of it is needed */
        Message *message;
} JsonLine;

/* 0, or CODEC_REFUSED with the request saying why. */
int json_decode_request(JsonLine *line, Request *request);
