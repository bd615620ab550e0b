/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A status object as OpenMetrics text, version 1.0.
 */

#include <jansson.h>
#include <stdio.h>

/* Members that are absent are left out. Errors show in @out. */
void openmetrics_print(const json_t *status, FILE *out);
