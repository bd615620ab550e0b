/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "ctl/commands.h"
#include "ctl/options.h"
#include "ctl/reply.h"

const Command commands[] = {
                {"status", "", "shows how the connection to the cloud is", 0, 0, command_status},
                {"pub", "TOPIC [PAYLOAD]", "publishes, and prints the receipt", 1, 2, command_pub},
                {"sub", "FILTER...", "prints messages as they come", 1, -1, command_sub},
                {"unsub", "FILTER...", "ends what 'sub --durable' began, with its messages", 1, -1,
                 command_unsub},
                {"receipt", "NUMBER", "says what became of a message that was stored", 1, 1,
                 command_receipt},
                {"spool", "list|drop [FILTER]", "shows or drops what waits for the cloud on disk",
                 1, 2, command_spool},
                {"watch", "", "prints each change of the connection's state", 0, 0, command_watch},
                {"sign", "", "shows what a CONNECT would say, without connecting", 0, 0,
                 command_sign},
                {"check", "[CONFIG]", "checks a configuration and says what it means", 0, 1,
                 command_check},
                {"metrics", "", "prints the status as OpenMetrics text", 0, 0, command_metrics},
                {NULL, NULL, NULL, 0, 0, NULL},
};

int main(int argc, char **argv) {
        const Command *command;
        Options options;
        char **args;
        int status;

        /* A reader of stdout that has gone is an error of writing, like any other. */
        (void)signal(SIGPIPE, SIG_IGN);

        argv[0] = program_invocation_short_name; /* what getopt_long() puts before its words */
        status = options_parse(argc, argv, &options, &command, &args);
        if (status != 0)
                return status;

        if (options.help)
                options_help(command, stdout);
        else if (options.version)
                (void)puts("iotlinkctl " IOTLINK_VERSION);
        else
                status = command->run(&options, args);

        errno = 0;
        if ((fflush(stdout) == EOF || ferror(stdout)) && status == EXIT_DONE && errno != EPIPE) {
                complain("Cannot write the output: %s.", strerror(errno ? errno : EIO));
                return EXIT_FAILED;
        }
        return status;
}
