/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/config-file.h"

#include <jansson.h>
#include <string.h>

#include "config.h"
#include "ctl/connection.h"
#include "ctl/reply.h"

static void print_json(const SettingsErrors *errors) {
        _cleanup_(json_decrefp) json_t *object = json_pack("{s:b, s:[]}", "ok", 0, "errors");

        for (size_t i = 0; i < errors->n_lines; i++)
                (void)json_array_append_new(json_object_get(object, "errors"),
                                            json_string(errors->lines[i]));
        if (object)
                reply_print(object);
}

int config_file_load(const Options *options, const char *path, Settings **ret) {
        _cleanup_(settings_errors_done) SettingsErrors errors = {0};
        int r;

        r = settings_load(ret, path ? path : IOTLINK_CONFIG_PATH, &errors);
        if (r == 0)
                return 0;
        if (options->json)
                print_json(&errors);
        else
                for (size_t i = 0; i < errors.n_lines; i++)
                        (void)fprintf(stderr, "%s\n", errors.lines[i]);
        if (errors.n_lines == 0)
                complain("Cannot read the configuration: %s.", strerror(-r));
        return EXIT_FAILED;
}
