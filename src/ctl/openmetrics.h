/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A status object as metrics: OpenMetrics text, version 1.0, or the older text format of
 * Prometheus, which is all that node-exporter's collector of text files takes.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct MetricsStyle {
        bool prometheus;   /* the older format */
        const char *label; /* "name=value", on every sample; NULL: none */
} MetricsStyle;

/* Whether @label is a name that a label may have, '=', and any UTF-8 text. */
bool metrics_label_is_valid(const char *label);

/* Members that are absent are left out. @status NULL: the daemon can't be reached, which is all
 * that is said. Errors show in @out. */
void metrics_print(const json_t *status, const MetricsStyle *style, FILE *out);
