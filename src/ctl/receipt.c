/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/reply.h"
#include "util/clock.h"
#include "util/parse.h"

int command_receipt(const Options *options, char **args) {
        _cleanup_(connection_done) Connection connection = CONNECTION_NULL;
        _cleanup_(json_decrefp) json_t *ack = NULL;
        uint64_t receipt = 0;
        const char *state;
        int r;

        if (parse_unsigned(args[0], INT64_MAX, &receipt) < 0 || receipt == 0)
                return options_complain("a receipt is a number, as 'pub' prints it, not '%s'",
                                        args[0]);
        if (options->wait && strcmp(options->wait, "sent") == 0)
                return options_complain("a receipt can wait for stored or delivered, not sent");
        r = reply_connect(options, &connection);
        if (r != 0)
                return r;
        /* No deadline: it may take as long as an outage. */
        r = reply_ask(options, &connection,
                      json_pack("{s:s, s:i, s:I, s:s*}", "op", "receipt", "id", 1, "receipt",
                                (json_int_t)receipt, "wait", options->wait),
                      "ack", USEC_INFINITY, &ack);
        if (r != 0)
                return r;
        state = json_string_value(json_object_get(ack, "state"));
        if (options->json)
                reply_print(ack);
        else
                (void)puts(state ? state : "done");
        return EXIT_DONE;
}
