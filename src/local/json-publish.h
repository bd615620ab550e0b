/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The op "pub" of the JSON codec: a topic, a payload in one of two forms, and what is promised.
 */

#include "local/json-request.h"

/* 0, or CODEC_REFUSED with the request saying why. */
int json_decode_publish(JsonLine *line, Request *request);
