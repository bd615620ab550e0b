/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/options.h"

#include <getopt.h>

#include "config.h"
#include "test.h"

static int run_nothing(const Options *options, char **args) {
        (void)options;
        (void)args;
        return 0;
}

/* The real table is the program's; these have its names. */
const Command commands[] = {
                {"status", "", "does", 0, 0, run_nothing},
                {"pub", "TOPIC [PAYLOAD]", "does", 1, 2, run_nothing},
                {"sub", "FILTER...", "does", 1, -1, run_nothing},
                {"unsub", "FILTER...", "does", 1, -1, run_nothing},
                {"receipt", "NUMBER", "does", 1, 1, run_nothing},
                {"spool", "list|drop [FILTER]", "does", 1, 2, run_nothing},
                {"sign", "", "does", 0, 0, run_nothing},
                {NULL, NULL, NULL, 0, 0, NULL},
};

#define ARGS_MAX 16

typedef struct Parsed {
        Options options;
        const Command *command;
        char **args;
        char *argv[ARGS_MAX]; /* getopt_long() sorts it */
        char words[ARGS_MAX][64];
} Parsed;

static int parse(Parsed *p, const char *line) {
        char copy[256], *word, *save = NULL;
        int argc = 0;

        (void)snprintf(copy, sizeof(copy), "iotlinkctl %s", line);
        for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
                CHECK(argc < ARGS_MAX - 1);
                (void)snprintf(p->words[argc], sizeof(p->words[argc]), "%s", word);
                p->argv[argc] = p->words[argc];
                argc++;
        }
        p->argv[argc] = NULL;
        optind = 0; /* begin anew */
        return options_parse(argc, p->argv, &p->options, &p->command, &p->args);
}

static void test_defaults(void) {
        Parsed p;

        CHECK_INT(parse(&p, "status"), 0);
        CHECK_STR(p.command->name, "status");
        CHECK(!p.args[0]);
        CHECK_STR(p.options.socket_path, IOTLINK_SOCKET_PATH);
        CHECK(!p.options.json && !p.options.wait && !p.options.config);
        CHECK_INT(p.options.qos, 1);
        CHECK_INT(p.options.ttl_sec, 0);
        CHECK_INT(p.options.count, 0);
}

static void test_an_instance_has_its_paths(void) {
        Parsed p;

        CHECK_INT(parse(&p, "--instance one status"), 0);
        CHECK_STR(p.options.socket_path, "/run/iotlinkd/one.sock");
        CHECK_INT(parse(&p, "sign --instance one"), 0);
        CHECK(strstr(p.options.config, "/iotlinkd/one.conf"));
        CHECK_INT(parse(&p, "sign --instance one --config /c"), 0);
        CHECK_STR(p.options.config, "/c");
        CHECK_INT(parse(&p, "--instance one --socket /s status"), EXIT_USAGE);
        CHECK_INT(parse(&p, "--instance ../one status"), EXIT_USAGE);
        CHECK_INT(parse(&p, "--instance one"), EXIT_USAGE);
}

static void test_options_stand_anywhere(void) {
        Parsed p;

        CHECK_INT(parse(&p, "--json --socket /s pub --qos 0 t --wait sent -t 5 x"), 0);
        CHECK_STR(p.command->name, "pub");
        CHECK_STR(p.args[0], "t");
        CHECK_STR(p.args[1], "x");
        CHECK(!p.args[2]);
        CHECK(p.options.json);
        CHECK_STR(p.options.socket_path, "/s");
        CHECK_STR(p.options.wait, "sent");
        CHECK_INT(p.options.qos, 0);
        CHECK_INT(p.options.ttl_sec, 5);

        CHECK_INT(parse(&p, "sub -vC 3 a b c"), 0);
        CHECK(p.options.topics);
        CHECK_INT(p.options.count, 3);
        CHECK_STR(p.args[2], "c");

        CHECK_INT(parse(&p, "sub -d me f"), 0);
        CHECK_STR(p.options.durable, "me");
        CHECK_INT(parse(&p, "unsub --durable me a b"), 0);
        CHECK_STR(p.options.durable, "me");
        CHECK_STR(p.args[1], "b");
        CHECK_INT(parse(&p, "spool -n 5 list a/#"), 0);
        CHECK_INT(p.options.limit, 5);
        CHECK_STR(p.args[0], "list");
        CHECK_STR(p.args[1], "a/#");
        CHECK_INT(parse(&p, "spool drop -y --all"), 0);
        CHECK(p.options.yes && p.options.all);
        CHECK_INT(parse(&p, "spool drop --receipt 9223372036854775807"), 0);
        CHECK_INT(p.options.receipt, INT64_MAX);
        CHECK_INT(parse(&p, "receipt 17 --wait delivered"), 0);
        CHECK_STR(p.args[0], "17");
        CHECK_STR(p.options.wait, "delivered");

        CHECK_INT(parse(&p, "pub t -- -5"), 0);
        CHECK_STR(p.args[1], "-5");
        CHECK_INT(parse(&p, "pub t -"), 0);
        CHECK_STR(p.args[1], "-");
        CHECK_INT(parse(&p, "sign --explain --show-secret --config=/c"), 0);
        CHECK(p.options.explain && p.options.show_secret);
        CHECK_STR(p.options.config, "/c");
}

static void test_help_and_version_need_no_command(void) {
        Parsed p;

        CHECK_INT(parse(&p, "--help"), 0);
        CHECK(p.options.help && !p.command);
        CHECK_INT(parse(&p, "--version"), 0);
        CHECK(p.options.version && !p.command);
        CHECK_INT(parse(&p, "pub --help"), 0);
        CHECK(p.options.help);
        CHECK_STR(p.command->name, "pub");
}

static void test_mistakes_are_usage_errors(void) {
        static const char *const lines[] = {
                        "",
                        "spool",
                        "metrics",
                        "fly --help",
                        "spool list a b",
                        "spool list --limit 0",
                        "spool drop --receipt x",
                        "spool drop --wait stored",
                        "status --yes",
                        "receipt",
                        "receipt 1 2",
                        "receipt 1 --receipt 1",
                        "pub t --durable me",
                        "sub f --durable",
                        "statu",
                        "status extra",
                        "pub",
                        "pub a b c",
                        "sub",
                        "status --qos 1",
                        "pub t --explain",
                        "sub f --wait sent",
                        "pub t --qos 2",
                        "pub t --qos -1",
                        "pub t --qos 1x",
                        "pub t --wait",
                        "pub t --wait never",
                        "pub t --wait=sen",
                        "pub t --ttl 0",
                        "pub t --ttl 4294967296",
                        "sub f -C 0",
                        "status --nope",
                        "status -Z",
        };
        Parsed p;

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                printf("# %s\n", lines[i]);
                CHECK_INT(parse(&p, lines[i]), EXIT_USAGE);
        }
}

static void test_help_lists_only_a_command_s_own_options(void) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        Parsed p;

        CHECK(f);
        CHECK_INT(parse(&p, "sub --help"), 0);
        options_help(p.command, f);
        CHECK_INT(fclose(f), 0);
        CHECK(strstr(text, "--socket PATH") && strstr(text, "-C, --count N"));
        CHECK(!strstr(text, "--ttl") && !strstr(text, "--explain"));
        free(text);
}

TEST_MAIN(TEST(test_defaults),
          TEST(test_an_instance_has_its_paths),
          TEST(test_options_stand_anywhere),
          TEST(test_help_and_version_need_no_command),
          TEST(test_mistakes_are_usage_errors),
          TEST(test_help_lists_only_a_command_s_own_options))
