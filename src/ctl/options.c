/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "config.h"
#include "util/parse.h"

typedef enum OptionId {
        OPTION_SOCKET,
        OPTION_INSTANCE,
        OPTION_JSON,
        OPTION_HELP,
        OPTION_VERSION,
        OPTION_FILE,
        OPTION_LINES,
        OPTION_QOS,
        OPTION_WAIT,
        OPTION_TTL,
        OPTION_COUNT,
        OPTION_TOPICS,
        OPTION_DURABLE,
        OPTION_CONFIG,
        OPTION_EXPLAIN,
        OPTION_SHOW_SECRET,
        OPTION_LIMIT,
        OPTION_ALL,
        OPTION_RECEIPT,
        OPTION_YES,
        OPTION_PROMETHEUS,
        OPTION_LABEL,
        OPTION_OUTPUT,
        _OPTION_MAX,
} OptionId;

/* getopt_long() answers this much more than the OptionId for an option without a letter. */
#define LONG_BASE 256

typedef struct Row {
        const char *name;
        char letter;
        const char *argument; /* NULL: takes none */
        const char *commands; /* that take it; NULL: all */
        const char *help;
} Row;

static const Row rows[_OPTION_MAX] = {
                [OPTION_SOCKET] = {"socket", 0, "PATH", NULL,
                                   "the daemon's socket, if not " IOTLINK_SOCKET_PATH},
                [OPTION_INSTANCE] = {"instance", 0, "NAME", NULL,
                                     "the socket and configuration of iotlinkd@NAME"},
                [OPTION_JSON] = {"json", 0, NULL, NULL, "output for machines: JSON"},
                [OPTION_HELP] = {"help", 'h', NULL, NULL, "this text, or that of a command"},
                [OPTION_VERSION] = {"version", 0, NULL, NULL, "the program's version"},
                [OPTION_FILE] = {"file", 'f', "FILE", "pub",
                                 "take the payload from FILE ('-': stdin)"},
                [OPTION_LINES] = {"lines", 'l', NULL, "pub",
                                  "publish each line as a message of its own"},
                [OPTION_QOS] = {"qos", 'q', "N", "pub sub", "0 or 1 (default)"},
                [OPTION_WAIT] = {"wait", 'w', "WHAT", "pub receipt",
                                 "what to wait for: sent (pub only), stored or delivered"},
                [OPTION_TTL] = {"ttl", 't', "SECONDS", "pub", "give up if it is not sent by then"},
                [OPTION_COUNT] = {"count", 'C', "N", "sub", "end after N messages"},
                [OPTION_TOPICS] = {"verbose", 'v', NULL, "sub",
                                   "print each message's topic before it"},
                [OPTION_DURABLE] = {"durable", 'd', "NAME", "sub unsub",
                                    "whose subscription: what comes while NAME is away is kept"},
                [OPTION_CONFIG] = {"config", 'c', "FILE", "sign check",
                                   "the configuration, if not " IOTLINK_CONFIG_PATH},
                [OPTION_EXPLAIN] = {"explain", 'e', NULL, "sign",
                                    "show each step of the signature"},
                [OPTION_SHOW_SECRET] = {"show-secret", 0, NULL, "sign",
                                        "don't mask key and password"},
                [OPTION_LIMIT] = {"limit", 'n', "N", "spool", "list no more than N messages"},
                [OPTION_ALL] = {"all", 'a', NULL, "spool", "drop all messages"},
                [OPTION_RECEIPT] = {"receipt", 'r', "NUMBER", "spool",
                                    "drop the message with this receipt"},
                [OPTION_YES] = {"yes", 'y', NULL, "spool", "drop without asking"},
                [OPTION_PROMETHEUS] = {"prometheus", 'p', NULL, "metrics",
                                       "in the older text format of Prometheus"},
                [OPTION_LABEL] = {"label", 'L', "NAME=VALUE", "metrics",
                                  "put this label on everything"},
                [OPTION_OUTPUT] = {"output", 'o', "FILE", "metrics",
                                   "replace FILE, whole, instead of printing"},
};

int options_complain(const char *format, ...) {
        va_list args;

        (void)fputs("iotlinkctl: ", stderr);
        va_start(args, format);
        (void)vfprintf(stderr, format, args);
        va_end(args);
        (void)fputs("\nTry 'iotlinkctl --help'.\n", stderr);
        return EXIT_USAGE;
}

/* Whether @word is one of @words, which spaces part. */
static bool is_among(const char *words, const char *word) {
        size_t len = strlen(word);

        for (const char *p = words; *p; p += strspn(p, " ")) {
                size_t n = strcspn(p, " ");

                if (n == len && strncmp(p, word, len) == 0)
                        return true;
                p += n;
        }
        return false;
}

static int set_number(const char *what, uint64_t min, uint64_t max, uint64_t *ret) {
        uint64_t number;

        if (parse_unsigned(optarg, max, &number) < 0 || number < min)
                return options_complain("%s must be a number from %llu to %llu, not '%s'", what,
                                        (unsigned long long)min, (unsigned long long)max, optarg);
        *ret = number;
        return 0;
}

static int set_option(Options *o, OptionId id) {
        uint64_t number = 0;
        int r = 0;

        switch (id) {
        case OPTION_SOCKET:
                o->socket_path = optarg;
                break;
        case OPTION_INSTANCE:
                o->instance = optarg;
                break;
        case OPTION_JSON:
                o->json = true;
                break;
        case OPTION_HELP:
                o->help = true;
                break;
        case OPTION_VERSION:
                o->version = true;
                break;
        case OPTION_FILE:
                o->file = optarg;
                break;
        case OPTION_LINES:
                o->lines = true;
                break;
        case OPTION_QOS:
                r = set_number("--qos", 0, 1, &number);
                if (r == 0)
                        o->qos = (int)number;
                break;
        case OPTION_WAIT:
                if (!is_among("sent stored delivered", optarg))
                        return options_complain(
                                        "--wait must be sent, stored or delivered, not '%s'",
                                        optarg);
                o->wait = optarg;
                break;
        case OPTION_TTL:
                r = set_number("--ttl", 1, UINT32_MAX, &number);
                if (r == 0)
                        o->ttl_sec = (uint32_t)number;
                break;
        case OPTION_COUNT:
                r = set_number("-C", 1, UINT32_MAX, &o->count);
                break;
        case OPTION_TOPICS:
                o->topics = true;
                break;
        case OPTION_DURABLE:
                o->durable = optarg;
                break;
        case OPTION_CONFIG:
                o->config = optarg;
                break;
        case OPTION_EXPLAIN:
                o->explain = true;
                break;
        case OPTION_SHOW_SECRET:
                o->show_secret = true;
                break;
        case OPTION_LIMIT:
                r = set_number("--limit", 1, INT64_MAX, &o->limit);
                break;
        case OPTION_ALL:
                o->all = true;
                break;
        case OPTION_RECEIPT:
                r = set_number("--receipt", 1, INT64_MAX, &o->receipt);
                break;
        case OPTION_YES:
                o->yes = true;
                break;
        case OPTION_PROMETHEUS:
                o->prometheus = true;
                break;
        case OPTION_LABEL:
                o->label = optarg;
                break;
        case OPTION_OUTPUT:
                o->output = optarg;
                break;
        case _OPTION_MAX:
        default:
                assert(false);
        }
        return r;
}

static OptionId id_of(int c) {
        if (c >= LONG_BASE)
                return (OptionId)(c - LONG_BASE);
        for (size_t i = 0; i < _OPTION_MAX; i++)
                if (c > 0 && rows[i].letter == c)
                        return (OptionId)i;
        return _OPTION_MAX;
}

/* All options wherever they stand; bits of @ret_given say which there were. */
static int parse_options(int argc, char **argv, Options *o, uint32_t *ret_given) {
        struct option long_options[_OPTION_MAX + 1] = {0};
        char letters[2 * _OPTION_MAX + 1], *p = letters;
        int c, r;

        for (size_t i = 0; i < _OPTION_MAX; i++) {
                long_options[i] = (struct option){
                                .name = rows[i].name,
                                .has_arg = rows[i].argument ? required_argument : no_argument,
                                .val = LONG_BASE + (int)i,
                };
                if (rows[i].letter)
                        *p++ = rows[i].letter;
                if (rows[i].letter && rows[i].argument)
                        *p++ = ':';
        }
        *p = '\0';

        *ret_given = 0;
        while ((c = getopt_long(argc, argv, letters, long_options, NULL)) >= 0) {
                OptionId id = id_of(c);

                if (id == _OPTION_MAX) { /* getopt_long() has said what is wrong */
                        (void)fputs("Try 'iotlinkctl --help'.\n", stderr);
                        return EXIT_USAGE;
                }
                r = set_option(o, id);
                if (r != 0)
                        return r;
                *ret_given |= UINT32_C(1) << id;
        }
        return 0;
}

static const Command *command_find(const char *name) {
        for (const Command *command = commands; command->name; command++)
                if (strcmp(command->name, name) == 0)
                        return command;
        return NULL;
}

static int complain_unknown_command(const char *name) {
        (void)fprintf(stderr, "iotlinkctl: there is no command '%s'. There are:\n", name);
        for (const Command *command = commands; command->name; command++)
                (void)fprintf(stderr, "  %-8s%s\n", command->name, command->summary);
        return EXIT_USAGE;
}

/* @path with NAME in place of its file's own: "/run/iotlinkd/NAME.sock". */
static bool put_name(char *ret, size_t size, const char *path, const char *name) {
        const char *file = strrchr(path, '/') + 1, *suffix = strrchr(file, '.');
        int n = snprintf(ret, size, "%.*s%s%s", (int)(file - path), path, name, suffix);

        return n >= 0 && (size_t)n < size;
}

/* The paths that follow from an instance's name, where they are not given. */
static int use_instance(Options *o, uint32_t given) {
        if (!o->instance)
                return 0;
        if (given & UINT32_C(1) << OPTION_SOCKET)
                return options_complain("--instance and --socket both say where the socket is");
        if (!o->instance[0] || strchr(o->instance, '/') ||
            !put_name(o->instance_socket, sizeof(o->instance_socket), IOTLINK_SOCKET_PATH,
                      o->instance) ||
            !put_name(o->instance_config, sizeof(o->instance_config), IOTLINK_CONFIG_PATH,
                      o->instance))
                return options_complain("'%s' can't be the name of an instance", o->instance);
        o->socket_path = o->instance_socket;
        if (!o->config)
                o->config = o->instance_config;
        return 0;
}

int options_parse(int argc,
                  char **argv,
                  Options *ret,
                  const Command **ret_command,
                  char ***ret_args) {
        Options o = {.socket_path = IOTLINK_SOCKET_PATH, .qos = 1};
        const Command *command = NULL;
        uint32_t given;
        int n_args, r;

        r = parse_options(argc, argv, &o, &given);
        if (r != 0)
                return r;

        if (optind < argc) {
                command = command_find(argv[optind]);
                if (!command)
                        return complain_unknown_command(argv[optind]);
                optind++;
        }
        if (!o.help && !o.version) {
                if (!command)
                        return options_complain("a command is missing");
                for (size_t i = 0; i < _OPTION_MAX; i++)
                        if ((given & UINT32_C(1) << i) && rows[i].commands &&
                            !is_among(rows[i].commands, command->name))
                                return options_complain("'%s' takes no option --%s", command->name,
                                                        rows[i].name);
                n_args = argc - optind;
                if (n_args < command->args_min ||
                    (command->args_max >= 0 && n_args > command->args_max))
                        return options_complain("%s arguments: iotlinkctl %s %s",
                                                n_args < command->args_min ? "missing" : "too many",
                                                command->name, command->arguments);
        }

        *ret = o;
        *ret_command = command;
        *ret_args = argv + optind;
        return use_instance(ret, given);
}

static void help_option(const Row *row, FILE *f) {
        char left[40], letter[8] = "    ";

        if (row->letter)
                (void)snprintf(letter, sizeof(letter), "-%c, ", row->letter);
        (void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name,
                       row->argument ? " " : "", row->argument ? row->argument : "");
        (void)fprintf(f, "  %-24s%s\n", left, row->help);
}

void options_help(const Command *command, FILE *f) {
        if (command)
                (void)fprintf(f, "Usage: iotlinkctl %s [OPTION...]%s%s\n\nThis %s.\n\n",
                              command->name, command->arguments[0] ? " " : "", command->arguments,
                              command->summary);
        else {
                (void)fputs("Usage: iotlinkctl COMMAND [OPTION...] [ARGUMENT...]\n\n"
                            "Talks to iotlinkd, the gateway's connection to the cloud.\n\n"
                            "Commands:\n",
                            f);
                for (const Command *c = commands; c->name; c++)
                        (void)fprintf(f, "  %s %-*s%s\n", c->name, (int)(25 - strlen(c->name)),
                                      c->arguments, c->summary);
                (void)fputs("\n", f);
        }

        (void)fputs("Options:\n", f);
        for (size_t i = 0; i < _OPTION_MAX; i++)
                if (!rows[i].commands || (command && is_among(rows[i].commands, command->name)))
                        help_option(&rows[i], f);
        (void)fputs(command ? "\nSee iotlinkctl(1).\n"
                            : "\n'iotlinkctl COMMAND --help' shows a command's own options. "
                              "See iotlinkctl(1).\n",
                    f);
}
