/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/config-file.h"
#include "ctl/reply.h"

int command_check(const Options *options, char **args) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        int r;

        if (args[0] && options->config)
                return options_complain("two configurations: '%s' and '%s'", options->config,
                                        args[0]);

        r = config_file_load(options, args[0] ? args[0] : options->config, &settings);
        if (r != 0)
                return r;
        if (options->json) {
                (void)puts("{\"ok\":true}");
                return EXIT_DONE;
        }
        r = settings_describe(settings, stdout);
        if (r < 0) {
                complain("Cannot describe the configuration: %s.", strerror(-r));
                return EXIT_FAILED;
        }
        return EXIT_DONE;
}
