/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The members of a line, checked. A member whose value is null counts as absent. Functions return
 * 0 to go on, or CODEC_REFUSED with the request saying why; outputs are untouched then, and where
 * their names say so also for an absent member.
 */

#include <jansson.h>

#include "local/codec.h"

/* Says why; for the caller to return. Always CODEC_REFUSED. */
int request_refuse(Request *request, LocalError error, const char *format, ...) _printf_(3, 4);

/* NULL if absent. Borrowed from the line. */
const json_t *member(const json_t *line, const char *name);

/* A string without U+0000, which makes it @nul_error; NULL if absent. Borrowed from the line. */
int member_string(const json_t *line,
                  const char *name,
                  LocalError nul_error,
                  const char **ret,
                  Request *request);

/* From @min to @max. */
int member_integer(const json_t *line,
                   const char *name,
                   int64_t min,
                   int64_t max,
                   int64_t *value_if_present,
                   Request *request);

int member_bool(const json_t *line, const char *name, bool *value_if_present, Request *request);

/* To the member of the request that is called the same; but for qos, absent leaves it as it is. */
int member_qos(const json_t *line, int qos_if_absent, Request *request);
int member_id(const json_t *line, Request *request);
int member_wait(const json_t *line, Request *request);
int member_filter(const json_t *line, Request *request);
