/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Each command, in a file of its own. They return what the program exits with. */

#include "ctl/options.h"

int command_status(const Options *options, char **args);
int command_pub(const Options *options, char **args);
int command_sub(const Options *options, char **args);
int command_receipt(const Options *options, char **args);
int command_spool(const Options *options, char **args);
int command_unsub(const Options *options, char **args);
int command_watch(const Options *options, char **args);
int command_sign(const Options *options, char **args);
int command_check(const Options *options, char **args);
int command_metrics(const Options *options, char **args);
