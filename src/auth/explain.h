/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Explains credentials: every step from the identity to the CONNECT packet, for people who compare
 * them with another implementation or with the cloud's log.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "auth/identity.h"
#include "util/macro.h"

/* What stands where a secret is not shown. */
#define EXPLAIN_MASK "***"

/*
 * Writes the steps of credentials_make() to @f or, where a program has to be asked first, what is
 * signed for it and what comes of its answer; @command is the program, or NULL. Keys, tokens and
 * passwords are masked unless @show_secret. The identity must have passed identity_check(). Returns
 * 0 or -errno.
 */
_warn_unused_ int credentials_explain(const Identity *identity,
                                      const char *command,
                                      uint64_t wall_msec,
                                      bool show_secret,
                                      FILE *f);
