/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Source
 *
 * The text of a configuration with its @include files put in place, and the map from its lines
 * back to files and lines.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "settings/errors.h"
#include "settings/settings.h"
#include "util/macro.h"

#define SOURCE_BYTES_MAX ((size_t)1024 * 1024)
#define SOURCE_FILES_MAX 64U
#define SOURCE_DEPTH_MAX 10U

typedef struct SourceFile {
        char *path;
        mode_t mode;
} SourceFile;

typedef struct SourceLine {
        unsigned file; /* index */
        unsigned line;
} SourceLine;

/* An integer that doesn't fit into 32 bits. */
typedef struct SourceNumber {
        unsigned line; /* of the whole text */
        char digits[32];
} SourceNumber;

typedef struct Source {
        char *text;
        size_t size, allocated;
        SourceLine *lines;
        size_t n_lines, n_lines_allocated;
        SourceFile files[SOURCE_FILES_MAX];
        size_t n_files;
        SourceNumber *numbers;
        size_t n_numbers;
} Source;

/*
 * Reads the file and what it includes. Returns 0; -EINVAL with errors added; or the -errno of
 * the main file, with one error added.
 */
_warn_unused_ int source_read(Source *source, const char *path, SettingsErrors *errors);
/* Wipes and frees: the text may hold secrets. */
void source_done(Source *source);

/* Where line @line of the text comes from. */
Origin source_origin(const Source *source, unsigned line);
/* The mode of the file that @line comes from. */
mode_t source_mode(const Source *source, unsigned line);
/* The digits of the number in @line that a 32-bit parser has turned into @wrapped, or NULL. */
const char *source_big_number(const Source *source, unsigned line, int wrapped);
