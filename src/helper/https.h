/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * HTTPS
 *
 * One POST, by libcurl: HTTPS and nothing else, certificates checked against one file of roots or
 * the system's, no redirects, everything bounded in time and size. https_proxy and no_proxy from
 * the environment are obeyed.
 */

#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

#define HTTPS_BODY_MAX    (64U * 1024U)
#define HTTPS_CONNECT_SEC 10
#define HTTPS_TOTAL_SEC   30

/* Why there is no answer; explain_https() has the words. */
enum {
        _HTTPS_E_SUCCESS,

        HTTPS_E_URL,
        HTTPS_E_DNS,
        HTTPS_E_CONNECT,
        HTTPS_E_TIMEOUT,
        HTTPS_E_PROXY,
        HTTPS_E_ROOT_FILE,
        HTTPS_E_UNTRUSTED,
        HTTPS_E_EXPIRED,
        HTTPS_E_NOT_YET_VALID,
        HTTPS_E_WRONG_HOST,
        HTTPS_E_TLS,
        HTTPS_E_NOT_HTTP,
        HTTPS_E_TOO_LARGE,
        HTTPS_E_CUT,
        HTTPS_E_OTHER,
        _HTTPS_E_MAX,
};

typedef struct HttpsReply {
        char *body; /* with a NUL behind it that doesn't count */
        size_t size;
        int status;
} HttpsReply;

/* Wipes and frees. */
void https_reply_done(HttpsReply *reply);

/* Sends @form to @url. @root_file NULL: the system's roots. Returns 0, HTTPS_E_* or -errno. */
_warn_unused_ int https_post(const char *url,
                             const char *root_file,
                             const char *form,
                             HttpsReply *ret);

/*
 * Shakes hands with a TLS server that need not speak HTTP, and hangs up: finds the fault where the
 * MQTT library would only say that it failed. No proxy is used. Returns like https_post().
 */
_warn_unused_ int https_probe(const char *host, uint16_t port, const char *root_file);
