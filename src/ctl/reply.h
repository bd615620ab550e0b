/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the commands that talk to the daemon share: opening, asking, and saying what went wrong.
 */

#include <jansson.h>
#include <stdbool.h>

#include "ctl/connection.h"
#include "ctl/options.h"

/* How long the daemon may take for what it can answer at once. */
#define REPLY_TIMEOUT_SEC 10U

/* Prints a message with the program's name in front to stderr. */
_printf_(1, 2) void complain(const char *format, ...);

/* Connects. Returns 0, or EXIT_UNAVAILABLE after having said why. */
_warn_unused_ int reply_connect(const Options *options, Connection *connection);

/* Says why the connection broke (@r is CONNECTION_E_* or -errno). Returns EXIT_UNAVAILABLE. */
int reply_lost(int r);

/*
 * Sends the request (taken; NULL: there was no memory for it) and waits for the daemon's answer: an
 * object of that op. Others are skipped, but for an error. Returns 0, or what the program exits
 * with after having said why.
 */
_warn_unused_ int reply_ask(const Options *options,
                            Connection *connection,
                            json_t *take_request,
                            const char *op,
                            uint64_t deadline_usec,
                            json_t **ret);

/* Whether the object's member @name is the string @value. */
bool reply_is(const json_t *object, const char *name, const char *value);

/* Prints an object as a line to stdout; main() notices when stdout is broken. */
void reply_print(const json_t *object);

/*
 * Says what an error object says: to stdout as it is with --json, else in words to stderr, after
 * @subject, if that isn't NULL. Returns EXIT_FAILED.
 */
int reply_refused(const Options *options, const json_t *error, const char *subject);
