/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The authentication service
 *
 * A form goes there, JSON with a "code" comes back; only code 200 is a success.
 */

#include "helper/answer.h"
#include "helper/json-reply.h"
#include "helper/request.h"

/*
 * Posts @params to @path below the service's URL. Returns 1 and the reply when the service said
 * 200; 0 with the failure in @answer; or -ENOMEM. What @params name "sign" is kept out of messages.
 */
_warn_unused_ int service_call(const Request *request,
                               const char *path,
                               const SignParam *params,
                               size_t n_params,
                               Answer *answer,
                               JsonReply **ret);

/* For a reply that says 200 and yet is not what was asked for. Returns 0 or -ENOMEM. */
_warn_unused_ int service_answer_incomplete(const Request *request, Answer *answer);
