/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/commands.h"
#include "ctl/openmetrics.h"
#include "ctl/status.h"

int command_metrics(const Options *options, char **args) {
        _cleanup_(json_decrefp) json_t *object = NULL;
        int r;

        (void)args;
        r = status_ask(options, &object);
        if (r != 0)
                return r;
        openmetrics_print(object, stdout);
        return EXIT_DONE;
}
