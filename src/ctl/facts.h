/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Facts
 *
 * The members of the daemon's "status" and "state" objects for people. What isn't known here is
 * shown under its own name: a newer daemon may tell more.
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/macro.h"

#define FACT_TEXT_MAX 1024U

/* The value in words; @now is seconds since 1970. Long texts are cut. */
void fact_text(const char *name, const json_t *value, int64_t now, char ret[FACT_TEXT_MAX]);

/* The name in words: "retry_in" is "retry in". */
void fact_label(const char *name, char ret[FACT_TEXT_MAX]);

/* "2026-11-21 22:50:01", local time. */
void fact_time(int64_t seconds, char ret[FACT_TEXT_MAX]);

/* "45 s", "12 min", "3 h 20 min", "17 days". */
void fact_duration(int64_t seconds, char ret[FACT_TEXT_MAX]);

/* Every member (jansson walks only what is not const) but the protocol's own ("op", "id"), a line
 * each, in columns. */
void facts_print(json_t *object, int64_t now, FILE *f);
/* The same without what every state has, on one line: ", reason: closed, retry in: 2 s". */
void facts_print_line(json_t *object, int64_t now, FILE *f);
