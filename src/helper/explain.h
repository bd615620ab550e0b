/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Explain
 *
 * Each way in which a service refuses or fails, as sentences for people: what happened and what
 * to do about it, and whether trying again soon makes sense. Pure.
 */

#include <stddef.h>

#include "helper/answer.h"

typedef struct Explanation {
        Result result;
        const char *what, *advice; /* without the full stop */
} Explanation;

/* All return an explanation, also for codes that nobody has documented. */
const Explanation *explain_service(int code); /* "code" in a reply of the authentication service */
const Explanation *explain_http_status(int status);
const Explanation *explain_connack(int code);
const Explanation *explain_https(int error); /* HTTPS_E_* */

#define EXPLAIN_QUOTE_MAX 200

/*
 * What a server said, fit to be quoted: cut short. Empty where there is nothing or where it holds
 * one of @n_secrets @secrets (whatever its letter case), for servers may repeat what was sent.
 */
void explain_quote(const char *text,
                   const char *const *secrets,
                   size_t n_secrets,
                   char ret[EXPLAIN_QUOTE_MAX]);

/*
 * Makes @answer the failure that @explanation describes, on the part of @who; @code 0: none;
 * @evidence and @quote may be NULL or empty. Returns 0 or -ENOMEM.
 */
_warn_unused_ int explain_answer(Answer *answer,
                                 const Explanation *explanation,
                                 const char *who,
                                 int code,
                                 const char *evidence,
                                 const char *quote);
