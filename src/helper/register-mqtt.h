/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * auth = register and register-free, over MQTT
 */

#include "helper/answer.h"
#include "helper/request.h"

/* The client id with its list, for these random digits. Returns 0 or -ENOMEM; the caller frees. */
_warn_unused_ int register_mqtt_client_id(const Request *request, const char *random, char **ret);

/* Returns 0 with @answer filled in, or -errno. */
_warn_unused_ int register_mqtt_run(const Request *request, Answer *answer);
