/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the two ways of publishing share: one payload, or each line of a file. */

#include <jansson.h>

#include "ctl/options.h"
#include "message/message.h"

#define PUB_PAYLOAD_MAX ((size_t)MESSAGE_PAYLOAD_MAX)

/* A "pub" request, to be json_decref()ed; @topic is valid UTF-8. Returns 0 or -ENOMEM. */
_warn_unused_ int pub_request(const Options *options,
                              const char *topic,
                              json_int_t id,
                              const void *payload,
                              size_t payload_size,
                              json_t **ret);

/* Publishes each line of what @fd reads. Returns what the program exits with. */
int pub_lines(const Options *options, const char *topic, int fd);
