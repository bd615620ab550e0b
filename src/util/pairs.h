/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Pairs
 *
 * Text of lines "name=value": what the daemon and the credential command say to each other, and
 * the form of the stored registration. Names are lower-case letters, digits and '_'; values are
 * anything but line breaks and NUL. An empty line ends the text.
 */

#include <stddef.h>

#include "util/macro.h"

/* Called for each pair; both end in NUL. A negative return ends the walk and is forwarded. */
typedef int (*PairFunc)(const char *name, char *value, void *userdata);

/*
 * Walks through @text, which it cuts into strings in place and which has a NUL behind its @size
 * bytes. Returns 0, -EBADMSG when a line is not of the form, or what @func returned.
 */
_warn_unused_ int pairs_parse(char *text, size_t size, PairFunc func, void *userdata);
