/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/status.h"

#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/facts.h"
#include "ctl/reply.h"
#include "util/clock.h"

int status_ask(const Options *options, json_t **ret) {
        _cleanup_(connection_done) Connection connection = CONNECTION_NULL;
        int r;

        r = reply_connect(options, &connection);
        if (r != 0)
                return r;
        return reply_ask(options, &connection, json_pack("{s:s, s:i}", "op", "status", "id", 1),
                         "status", clock_now_usec() + REPLY_TIMEOUT_SEC * USEC_PER_SEC, ret);
}

int command_status(const Options *options, char **args) {
        _cleanup_(json_decrefp) json_t *object = NULL;
        int r;

        (void)args;
        r = status_ask(options, &object);
        if (r != 0)
                return r;
        if (options->json)
                reply_print(object);
        else
                facts_print(object, (int64_t)(clock_wall_msec() / 1000), stdout);
        return EXIT_DONE;
}
