/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Log
 *
 * The one place that writes log lines: to the journal with fields when the journal is our stderr,
 * else as plain text to stderr. Program code logs each failure once, at the place that decides
 * what happens next; library code returns errors instead. Any thread may log, and none waits for a
 * reader of stderr: lines that it does not take are counted.
 *
 * What repeats is limited here (log-limit.h) but for the events that the link tells, which counts
 * them itself. Lines to stderr begin with a word and not with "<4>": systemd hands the journal to
 * those who know it, and to others that is noise.
 *
 * No secret is ever given to these functions: passwords, secrets, tokens and signed texts stay out.
 */

#include <stdbool.h>
#include <stddef.h>

#include "util/log-event.h"
#include "util/macro.h"

/* A journal field, name without the "IOTLINK_" in front: {"REASON", "dns"}. NULL values are left
 * out. */
typedef struct LogField {
        const char *name;
        const char *value;
} LogField;

/* Call once before any thread starts. @debug lets log_debug() through. */
void log_open(bool debug);

/* Whether lines go to the journal. */
bool log_is_journal(void);

void log_debug(const char *format, ...) _printf_(1, 2);
void log_info(const char *format, ...) _printf_(1, 2);
void log_warning(const char *format, ...) _printf_(1, 2);
void log_error(const char *format, ...) _printf_(1, 2);

/* Logs an error with the words for the negative errno @r behind it ("...: No space left"); returns
 * @r. */
int log_error_errno(int r, const char *format, ...) _printf_(2, 3);

/* Logs a state change with its MESSAGE_ID, IOTLINK_EVENT and up to 16 more fields. */
void log_event(LogEvent event, const LogField *fields, size_t n_fields, const char *format, ...)
                _printf_(4, 5);
