/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * auth = register, over HTTPS: /auth/register/device
 */

#include "helper/answer.h"
#include "helper/request.h"

/* Returns 0 with @answer filled in, or -errno. */
_warn_unused_ int register_https_run(const Request *request, Answer *answer);
