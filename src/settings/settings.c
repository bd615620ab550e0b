/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settings/check.h"
#include "settings/draft.h"
#include "settings/errors.h"
#include "settings/instance.h"
#include "settings/reader.h"
#include "settings/settings.h"
#include "settings/source.h"

const char *settings_excess_to_string(SettingsExcess excess) {
        static const char *const words[_SETTINGS_EXCESS_MAX] = {
                        [SETTINGS_EXCESS_WAIT] = "wait",
                        [SETTINGS_EXCESS_REFUSE] = "refuse",
                        [SETTINGS_EXCESS_DROP_OLDEST] = "drop-oldest",
        };

        return words[excess];
}

void settings_done(Settings *settings) {
        identity_done(&settings->identity);
        free(settings->tls_min_version);
        for (size_t i = 0; i < settings->n_roots; i++)
                free(settings->roots[i].file);
        free(settings->certificate_file);
        free(settings->key_file);
        free(settings->command);
        free(settings->auth_url);
        free(settings->token_file);
        free(settings->auth_root_file);
        free(settings->socket_path);
        free(settings->state_dir);
        for (size_t i = 0; i < settings->n_routes; i++) {
                free(settings->route_list[i].local);
                free(settings->route_list[i].remote);
        }
        (void)route_table_free(settings->routes);
        *settings = (Settings){0};
}

Settings *settings_free(Settings *settings) {
        if (settings)
                settings_done(settings);
        free(settings);
        return NULL;
}

static int settings_finish(Draft *draft, Settings **ret) {
        Settings *settings = malloc(sizeof(*settings));

        if (!settings)
                return -ENOMEM;
        *settings = draft->settings;
        explicit_bzero(&draft->settings, sizeof(draft->settings));
        *ret = settings;
        return 0;
}

int settings_load(Settings **ret, const char *path, SettingsErrors *ret_errors) {
        _cleanup_(source_done) Source source = {0};
        _cleanup_(draft_freep) Draft *draft = NULL;
        int r;

        r = source_read(&source, path, ret_errors);
        if (r < 0)
                return r;
        r = draft_new(&draft);
        if (r < 0)
                return r;
        draft->file = source_origin(&source, 1);
        r = reader_read(&source, draft, ret_errors);
        if (r < 0)
                return r;
        if (ret_errors->n_lines == 0 && draft_is_empty(draft)) {
                settings_errors_add(ret_errors, (Origin){.file = path},
                                    "nothing is configured yet. Write who this gateway is "
                                    "(identity) and where its cloud is (cloud.region or "
                                    "cloud.endpoint); every key stands in this file, explained, "
                                    "and in iotlinkd.conf(5). Then: systemctl restart iotlinkd");
                return -EINVAL;
        }
        r = instance_defaults(draft, path);
        if (r < 0)
                return r;
        r = settings_check(draft, ret_errors);
        if (r < 0)
                return r;
        if (ret_errors->out_of_memory)
                return -ENOMEM;
        if (ret_errors->n_lines > 0)
                return -EINVAL;
        return settings_finish(draft, ret);
}
