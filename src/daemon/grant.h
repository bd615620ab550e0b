/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Grant
 *
 * What a credential command answered (docs/CREDENTIAL-COMMAND.md).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

typedef enum GrantResult {
        GRANT_NONE, /* no result line */
        GRANT_OK,
        GRANT_TEMPORARY,
        GRANT_REFUSED,
} GrantResult;

/* Strings are NULL where the answer had none. Freed and wiped by grant_done(). */
typedef struct Grant {
        GrantResult result;
        char *code, *message;
        char *client_id, *username, *password, *host;
        uint16_t port;           /* 0: none */
        uint64_t expires_in_sec; /* 0: never */
        char *device_secret, *device_token;
} Grant;

void grant_done(Grant *grant);

/* Reads an answer; cuts @text up and leaves the caller to wipe it. 0, -EBADMSG or -ENOMEM. */
_warn_unused_ int grant_parse(char *text, size_t size, Grant *ret);
