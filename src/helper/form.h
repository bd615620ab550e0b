/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Form
 *
 * The body of a POST, application/x-www-form-urlencoded.
 */

#include <stddef.h>

#include "auth/sign.h"
#include "util/macro.h"

/* @params in their order, those without a value left out. Returns 0 or -ENOMEM; the caller wipes
 * and frees @ret. */
_warn_unused_ int form_encode(const SignParam *params, size_t n_params, char **ret);
