/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Strict parsing of small texts: the whole string or nothing, no spaces, no surprises.
 */

#include <stdint.h>

#include "util/macro.h"

/* Decimal digits only. Returns 0, -EINVAL (not a number) or -ERANGE (more than @max). */
_warn_unused_ int parse_unsigned(const char *s, uint64_t max, uint64_t *ret);

/*
 * "host", "host:port", "[IPv6]" or "[IPv6]:port". The host comes without brackets; the port is 0
 * where there is none. Returns 0, -ENOMEM, -EINVAL (no valid host) or -ERANGE (no valid port). The
 * caller frees @ret_host.
 */
_warn_unused_ int parse_host_port(const char *s, char **ret_host, uint16_t *ret_port);
