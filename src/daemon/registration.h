/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Registration
 *
 * What a registration gave, kept in a file of its own in the state directory: written whole to
 * another name, flushed to the disk and renamed, so that after a power cut there is the old state
 * or the new one. Mode 0600.
 */

#include "util/macro.h"

/* Freed and wiped by registration_done(). NULL where there is none. */
typedef struct Registration {
        char *device_secret;            /* register */
        char *client_id, *device_token; /* register-free */
} Registration;

void registration_done(Registration *registration);

/* The file for this device, "STATE/registration-PRODUCT.DEVICE". 0 or -ENOMEM. */
_warn_unused_ int registration_path(const char *state_dir,
                                    const char *product_key,
                                    const char *device_name,
                                    char **ret);

/* Returns 0, -ENOENT when there is none, -EBADMSG when the file is not one, -EPERM when others can
 * read it, or another -errno. */
_warn_unused_ int registration_load(const char *path, Registration *ret);

/* On the disk when it returns 0; else -errno, and nothing has changed. */
_warn_unused_ int registration_store(const char *path, const Registration *registration);
