/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The command line: one table of options, each with the commands that take it, from which both
 * parsing and help are made.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/macro.h"

/* What the program exits with. */
enum {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,       /* refused or failed */
        EXIT_USAGE = 64,       /* the command line is wrong */
        EXIT_UNAVAILABLE = 69, /* the daemon can't be reached, or was lost */
};

typedef struct Options {
        const char *socket_path;
        const char *instance; /* NULL: the usual one */
        bool json, help, version;

        const char *file, *wait;
        bool lines;
        int qos;
        uint32_t ttl_sec; /* 0: none */

        uint64_t count; /* 0: no limit */
        bool topics;
        const char *durable; /* the name to subscribe under; NULL: not durable */

        const char *config; /* NULL: the default */
        bool explain, show_secret;

        uint64_t limit, receipt; /* 0: none */
        bool all, yes;

        bool prometheus;
        const char *label, *output; /* NULL: none */

        char instance_socket[108], instance_config[256]; /* what the two paths then are */
} Options;

typedef struct Command {
        const char *name, *arguments, *summary;
        int args_min, args_max; /* of what follows the name; -1: any number */
        /* Returns what the program exits with. @args ends with NULL. */
        int (*run)(const Options *options, char **args);
} Command;

/* The table ends with an entry without a name. */
extern const Command commands[];

/*
 * Parses the command line. Stores the command, NULL where --help or --version came without one,
 * and what follows its name. Returns 0, or EXIT_USAGE after having said why.
 */
_warn_unused_ int options_parse(
                int argc, char **argv, Options *ret, const Command **ret_command, char ***ret_args);

/* @command NULL: of the whole program. */
void options_help(const Command *command, FILE *f);

/* Says on stderr what is wrong, with the program's name in front. Returns EXIT_USAGE. */
_printf_(1, 2) int options_complain(const char *format, ...);
