/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * auth = https
 *
 * The device proves itself to /auth/devicename and gets an id and a token to connect with, good
 * for seven days.
 */

#include "helper/answer.h"
#include "helper/json-reply.h"
#include "helper/request.h"

#define DEVICENAME_TOKEN_SEC (7U * 24U * 3600U)

/* What is signed; the caller frees @ret. */
_warn_unused_ int devicename_content(const Request *request, char **ret);

/* Reads the service's reply. Returns 1; 0 when it is incomplete; or -ENOMEM. */
_warn_unused_ int devicename_take(const Request *request, JsonReply *reply, Answer *ret_answer);

/* Returns 0 with @answer filled in, or -errno. */
_warn_unused_ int devicename_run(const Request *request, Answer *answer);
