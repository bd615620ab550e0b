/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/facts.h"
#include "ctl/reply.h"
#include "util/clock.h"

static void print_state(json_t *state) {
        const char *name = json_string_value(json_object_get(state, "state"));
        int64_t now = (int64_t)(clock_wall_msec() / 1000);
        char text[FACT_TEXT_MAX];

        fact_time(now, text);
        (void)printf("%s  %s", text, name ? name : "?");
        facts_print_line(state, now, stdout);
        (void)putchar('\n');
}

int command_watch(const Options *options, char **args) {
        _cleanup_(connection_done) Connection connection = CONNECTION_NULL;
        _cleanup_(json_decrefp) json_t *request = json_pack("{s:s}", "op", "watch");
        int r;

        (void)args;
        r = reply_connect(options, &connection);
        if (r != 0)
                return r;
        r = connection_until_stopped(&connection);
        if (r == 0)
                r = request ? connection_send(&connection, request) : -ENOMEM;
        if (r != 0)
                return reply_lost(r);

        for (;;) {
                _cleanup_(json_decrefp) json_t *object = NULL;

                r = connection_receive(&connection, USEC_INFINITY, &object);
                if (r == CONNECTION_E_STOPPED)
                        return EXIT_DONE;
                if (r != 0)
                        return reply_lost(r);
                if (reply_is(object, "op", "error"))
                        return reply_refused(options, object, NULL);
                if (!reply_is(object, "op", "state"))
                        continue;

                if (options->json)
                        reply_print(object);
                else
                        print_state(object);
                if (fflush(stdout) == EOF)
                        return EXIT_DONE; /* main() tells whether the reader has just gone */
        }
}
