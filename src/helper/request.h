/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Request
 *
 * What the daemon asks for, as docs/CREDENTIAL-COMMAND.md has it: lines name=value up to an empty
 * one. Names that are not known here are skipped; everything else must be as documented.
 */

#include <stddef.h>
#include <stdint.h>

#include "auth/sign.h"
#include "util/macro.h"

#define REQUEST_SIZE_MAX (64U * 1024U)

enum {
        _REQUEST_E_SUCCESS,

        REQUEST_E_INVALID, /* with a sentence that says why */
};

typedef enum RequestAuth {
        REQUEST_AUTH_HTTPS,
        REQUEST_AUTH_REGISTER,
        REQUEST_AUTH_REGISTER_FREE,
        _REQUEST_AUTH_MAX,
} RequestAuth;

typedef enum RequestVia {
        REQUEST_VIA_MQTT,
        REQUEST_VIA_HTTPS,
        _REQUEST_VIA_MAX,
} RequestVia;

/* Strings are NULL where the request has none. Freed and wiped by request_done(). */
typedef struct Request {
        char *text; /* all strings point into it */
        size_t size;

        RequestAuth auth;
        RequestVia via;
        const char *product_key, *device_name, *client_id, *secret;
        SignMethod sign_method;
        const char *timestamp;
        const char *region, *instance_id;
        const char *host;
        uint16_t port; /* 0: none */
        const char *auth_url;
        const char *root_file, *broker_root_file;
        uint16_t broker_port; /* 0: none */
} Request;

void request_done(Request *request);

/* Both return 0; REQUEST_E_INVALID with a sentence in @ret_error, which the caller frees and which
 * never holds a secret; or -errno. */
_warn_unused_ int request_parse(const char *text, size_t size, Request *ret, char **ret_error);
_warn_unused_ int request_read(int fd, Request *ret, char **ret_error);
