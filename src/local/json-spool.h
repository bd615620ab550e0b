/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The ops "receipt" and "spool" of the JSON codec: what became of stored messages.
 */

#include "local/json-request.h"

/* 0, or CODEC_REFUSED with the request saying why. */
int json_decode_receipt(JsonLine *line, Request *request);
int json_decode_spool(JsonLine *line, Request *request);
