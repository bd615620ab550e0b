/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/status.h"

#include <errno.h>
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/facts.h"
#include "ctl/reply.h"
#include "util/clock.h"

int status_ask(const Options *options, json_t **ret) {
        _cleanup_(connection_done) Connection connection = CONNECTION_NULL;
        _cleanup_(json_decrefp) json_t *request = json_pack("{s:s, s:i}", "op", "status", "id", 1);
        uint64_t deadline_usec = clock_now_usec() + REPLY_TIMEOUT_SEC * USEC_PER_SEC;
        int r;

        r = reply_connect(options, &connection);
        if (r != 0)
                return r;
        r = request ? connection_send(&connection, request) : -ENOMEM;
        if (r != 0)
                return reply_lost(r);

        for (;;) {
                _cleanup_(json_decrefp) json_t *object = NULL;

                r = connection_receive(&connection, deadline_usec, &object);
                if (r != 0)
                        return reply_lost(r);
                if (reply_is(object, "op", "error"))
                        return reply_refused(options, object, NULL);
                if (reply_is(object, "op", "status")) {
                        *ret = TAKE_PTR(object);
                        return 0;
                }
        }
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
