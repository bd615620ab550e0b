/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON lines, docs/PROTOCOL.md.
 */

#include "local/codec.h"

/* The longest line: a payload of the most bytes, each escaped as \u00XX, with room for the rest. */
#define JSON_LINE_MAX ((size_t)8 * MESSAGE_PAYLOAD_MAX)
/* What is skipped at most in search of the end of a longer line. */
#define JSON_SKIP_MAX (4 * JSON_LINE_MAX)

extern const CodecOps codec_json;
