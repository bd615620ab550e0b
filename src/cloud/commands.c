/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/commands.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cloud/target.h"
#include "util/clock.h"

/* Kept free for what the library reports and for the end: these must never fail for memory. */
#define SPARE 4U

int commands_init(Commands *commands) {
        Command *ring = calloc(32, sizeof(*ring));

        if (!ring)
                return -ENOMEM;
        *commands = (Commands){.ring = ring, .size = 32};
        (void)pthread_mutex_init(&commands->lock, NULL);
        (void)pthread_cond_init(&commands->wake, NULL);
        return 0;
}

void command_done(Command *command) {
        message_unref(command->message);
        if (command->target)
                target_done(command->target);
        free(command->target);
        free(command->filter);
        *command = (Command){.kind = command->kind};
}

void commands_done(Commands *commands) {
        for (; commands->n > 0; commands->n--) {
                command_done(&commands->ring[commands->first]);
                commands->first = (commands->first + 1) % commands->size;
        }
        free(commands->ring);
        (void)pthread_cond_destroy(&commands->wake);
        (void)pthread_mutex_destroy(&commands->lock);
        *commands = (Commands){0};
}

static int grow(Commands *c) {
        size_t size = c->size * 2, head = c->size - c->first;
        Command *ring = calloc(size, sizeof(*ring));

        if (!ring)
                return -ENOMEM;
        if (head > c->n)
                head = c->n;
        memcpy(ring, c->ring + c->first, head * sizeof(*ring));
        memcpy(ring + head, c->ring, (c->n - head) * sizeof(*ring));
        free(c->ring);
        c->ring = ring;
        c->size = size;
        c->first = 0;
        return 0;
}

static void append(Commands *c, const Command *command) {
        c->ring[(c->first + c->n++) % c->size] = *command;
        (void)pthread_cond_signal(&c->wake);
}

int commands_push(Commands *commands, const Command *command) {
        int r = 0;

        (void)pthread_mutex_lock(&commands->lock);
        if (commands->n + SPARE >= commands->size)
                r = grow(commands);
        if (r == 0)
                append(commands, command);
        (void)pthread_mutex_unlock(&commands->lock);
        return r;
}

void commands_post(Commands *commands, const Command *command) {
        (void)pthread_mutex_lock(&commands->lock);
        assert(commands->n < commands->size);
        append(commands, command);
        (void)pthread_mutex_unlock(&commands->lock);
}

/* Returns false once the deadline has passed. */
static bool wait_once(Commands *commands, uint64_t deadline_usec) {
        const struct timespec deadline = {
                        .tv_sec = (time_t)(deadline_usec / USEC_PER_SEC),
                        .tv_nsec = (long)(deadline_usec % USEC_PER_SEC * 1000),
        };

        if (deadline_usec == USEC_INFINITY)
                return pthread_cond_wait(&commands->wake, &commands->lock) == 0;
        return pthread_cond_clockwait(&commands->wake, &commands->lock, CLOCK_MONOTONIC,
                                      &deadline) == 0;
}

bool commands_wait(Commands *commands, uint64_t deadline_usec, Command *ret) {
        bool found;

        (void)pthread_mutex_lock(&commands->lock);
        commands->asked = false;
        while (commands->n == 0 && wait_once(commands, deadline_usec))
                commands->asked = false;
        found = commands->n > 0;
        if (found) {
                *ret = commands->ring[commands->first];
                commands->first = (commands->first + 1) % commands->size;
                commands->n--;
        }
        (void)pthread_mutex_unlock(&commands->lock);
        return found;
}

uint64_t commands_stall_usec(Commands *commands, uint64_t now_usec) {
        uint64_t stall = 0;

        (void)pthread_mutex_lock(&commands->lock);
        if (commands->asked)
                stall = now_usec - commands->asked_usec;
        else {
                commands->asked = true;
                commands->asked_usec = now_usec;
                (void)pthread_cond_signal(&commands->wake);
        }
        (void)pthread_mutex_unlock(&commands->lock);
        return stall;
}
