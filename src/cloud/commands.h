/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Commands
 *
 * The way into the cloud thread: a queue that any thread may append to and one thread waits on.
 * Bounded by those who append: the uplink's window, one attempt at a time.
 */

#include <pthread.h>

#include "cloud/transport.h"

typedef enum CommandKind {
        COMMAND_CONNECT,     /* target */
        COMMAND_CLOSE,       /* */
        COMMAND_PUBLISH,     /* token, message, qos */
        COMMAND_SUBSCRIBE,   /* token, filter, qos */
        COMMAND_UNSUBSCRIBE, /* token, filter */
        COMMAND_FAILED,      /* from the library: the attempt ended; code, words */
        COMMAND_LOST,        /* from the library: the connection ended */
        COMMAND_QUIT,        /* */
} CommandKind;

typedef struct Command {
        CommandKind kind;
        int qos, code;
        uint64_t epoch, token;
        Message *message;
        TransportTarget *target;
        char *filter;
        const char *words; /* static */
} Command;

typedef struct Commands {
        pthread_mutex_t lock;
        pthread_cond_t wake;
        Command *ring;
        size_t first, n, size;
        bool asked; /* the thread that waits has not come round since... */
        uint64_t asked_usec;
} Commands;

_warn_unused_ int commands_init(Commands *commands);
void commands_done(Commands *commands);

/* Frees what a command holds. */
void command_done(Command *command);

/* Takes what @command holds on success only. Returns 0 or -ENOMEM. */
_warn_unused_ int commands_push(Commands *commands, const Command *command);

/* The same for FAILED, LOST, CLOSE and QUIT, for which there is always room: an attempt makes one
 * of the first two and has one CLOSE, and there is one QUIT. */
void commands_post(Commands *commands, const Command *command);

/* Waits for the next command until @deadline_usec (monotonic; USEC_INFINITY: for ever). Returns
 * whether there was one. */
bool commands_wait(Commands *commands, uint64_t deadline_usec, Command *ret);

/* Asks the thread that waits for a sign of life, which it gives as soon as it waits again. Returns
 * for how long one has been asked for in vain; 0 when the last was given. */
uint64_t commands_stall_usec(Commands *commands, uint64_t now_usec);
