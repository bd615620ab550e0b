/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Command
 *
 * Runs a program once: feeds it text, collects what it writes, waits for its end on the event
 * loop, kills it when it takes too long. What it says on standard error is logged line by line.
 */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "util/macro.h"

typedef struct RunningCommand RunningCommand;

/* How it ended. */
typedef struct CommandEnd {
        char *output; /* with a NUL behind it; may be cut up; wiped after the call */
        size_t output_size;
        const char *problem; /* NULL: it ended with status 0; else what happened, for people */
} CommandEnd;

typedef void (*CommandEndFunc)(const CommandEnd *end, void *userdata);

/*
 * Starts @path without arguments. @input is written to it, at most 16 KiB, and then its input
 * ends. After @time_usec it is killed, with all that it has started. @func is called once, unless
 * command_free() comes first. Returns 0 or -errno.
 */
_warn_unused_ int command_start(RunningCommand **ret,
                                sd_event *event,
                                const char *path,
                                const char *input,
                                uint64_t time_usec,
                                CommandEndFunc func,
                                void *userdata);

/* Kills it if it still runs. */
RunningCommand *command_free(RunningCommand *command);

DEFINE_CLEANUP(RunningCommand *, command_free);
