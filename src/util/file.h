/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Small files, read whole
 */

#include <stddef.h>
#include <sys/types.h>

#include "util/macro.h"

enum {
        _FILE_E_SUCCESS,

        FILE_E_EXPOSED,     /* its mode has one of the forbidden bits */
        FILE_E_NOT_REGULAR, /* a directory, a device, ... */
        FILE_E_TOO_LARGE,
};

typedef struct FileContent {
        char *data; /* with a NUL behind it that doesn't count */
        size_t size;
        mode_t mode; /* permission bits of the file that was read */
} FileContent;

/* Wipes and frees. */
void file_content_done(FileContent *content);

/*
 * Reads a file of at most @max bytes that has none of the permission bits @forbidden. Both are
 * judged on the open file, so that nobody can swap it in between. Returns 0, FILE_E_* or -errno.
 */
_warn_unused_ int file_read(const char *path, mode_t forbidden, size_t max, FileContent *ret);

/* Wipes and frees a string that held a secret; NULL is fine. Returns NULL. */
char *secret_free(char *s);

DEFINE_CLEANUP(char *, secret_free);
