/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * UTF-8, strictly as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * U+0000 is a character like any other here.
 */

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const void *data, size_t size);
