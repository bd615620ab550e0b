/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Route patterns
 *
 * What the configuration writes as the two sides of a route: placeholders replaced, and checked.
 */

#include "message/route.h"

/* @text with its placeholders replaced. @which ("local", "remote") is for the error. Returns 0,
 * -ENOMEM, or -EINVAL with a sentence in @ret_error; the caller frees both. */
_warn_unused_ int route_pattern_expand(const char *text,
                                       const char *which,
                                       const RouteVariables *variables,
                                       char **ret,
                                       char **ret_error);

/* Whether both are filters with the same wildcards. Errors are as above. */
_warn_unused_ int route_patterns_check(const char *local, const char *remote, char **ret_error);
