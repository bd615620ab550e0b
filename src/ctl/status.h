/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon's status object, for the commands that show it.
 */

#include <jansson.h>

#include "ctl/options.h"

/* Asks the daemon. Returns 0 and the object, or what the program exits with after having said why.
 */
int status_ask(const Options *options, json_t **ret);
