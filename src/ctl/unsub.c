/* SPDX-License-Identifier: Apache-2.0 */

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/reply.h"
#include "util/clock.h"

static int say_hello(const Options *options, Connection *connection) {
        _cleanup_(json_decrefp) json_t *hello = NULL;

        return reply_ask(options, connection,
                         json_pack("{s:s, s:i, s:s}", "op", "hello", "id", 0, "client",
                                   options->durable),
                         "hello", clock_now_usec() + REPLY_TIMEOUT_SEC * USEC_PER_SEC, &hello);
}

int command_unsub(const Options *options, char **args) {
        _cleanup_(connection_done) Connection connection = CONNECTION_NULL;
        int r;

        if (!options->durable)
                return options_complain("'unsub' needs --durable: other subscriptions end with "
                                        "the command that made them");
        r = reply_connect(options, &connection);
        if (r == 0)
                r = say_hello(options, &connection);
        for (int i = 0; r == 0 && args[i]; i++) {
                _cleanup_(json_decrefp) json_t *ack = NULL;

                /* No deadline: the disk may take its time. */
                r = reply_ask(options, &connection,
                              json_pack("{s:s, s:i, s:s}", "op", "unsub", "id", i + 1, "filter",
                                        args[i]),
                              "ack", USEC_INFINITY, &ack);
                if (r == 0 && options->json)
                        reply_print(ack);
                else if (r == 0)
                        (void)printf("unsubscribed %s\n", args[i]);
        }
        return r;
}
