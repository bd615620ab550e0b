/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Answer
 *
 * What the program tells the daemon, as docs/CREDENTIAL-COMMAND.md has it: credentials, or why
 * there are none.
 */

#include <stdint.h>

#include "util/macro.h"

typedef enum Result {
        RESULT_OK,
        RESULT_TEMPORARY, /* no answer this time */
        RESULT_REFUSED,   /* and will be, until a person does something */
} Result;

/* Strings belong to the Answer; NULL where not set. Freed and wiped by answer_done(). */
typedef struct Answer {
        Result result;
        int code; /* the service's own; 0: none */
        char *message;

        char *client_id;
        char *username;
        char *password;
        char *host;
        uint16_t port;        /* 0: none */
        uint32_t expires_sec; /* 0: never */
        char *device_secret;
        char *device_token;
} Answer;

void answer_done(Answer *answer);

/* Drops what is in @answer and makes it a failure. Returns 0 or -ENOMEM. */
_warn_unused_ int answer_fail(Answer *answer, Result result, int code, const char *format, ...)
                _printf_(4, 5);

/*
 * The lines as one text, which the caller wipes and frees. Returns 0; -ENOMEM; or -EBADMSG when a
 * value holds a control character, which could pass for a line of its own.
 */
_warn_unused_ int answer_format(const Answer *answer, char **ret);
