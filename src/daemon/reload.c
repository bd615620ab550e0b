/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <errno.h>

#include "util/log.h"

static void say_failed(void) {
        log_event(LOG_EVENT_RELOAD_FAILED, NULL, 0,
                  "The configuration was not reloaded; everything stays as it was. The errors are "
                  "logged before this. Correct them, then: systemctl reload iotlinkd");
}

static int load(const char *path, Settings **ret) {
        SettingsErrors errors = {0};
        int r = settings_load(ret, path, &errors);

        for (size_t i = 0; i < errors.n_lines; i++)
                log_event(LOG_EVENT_CONFIG_INVALID, NULL, 0, "%s", errors.lines[i]);
        if (r < 0 && (errors.n_lines == 0 || errors.out_of_memory))
                (void)log_error_errno(r, "Cannot read '%s'", path);
        settings_errors_done(&errors);
        return r;
}

int reload_read(Setup **ret, const char *path, Setup *in_use, SettingsDifference *ret_difference) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        int r;

        r = load(path, &settings);
        if (r >= 0) {
                settings_compare(in_use->settings, settings, ret_difference);
                settings_swap_fixed(settings, in_use->settings);
                r = setup_new(ret, settings);
                if (r < 0) {
                        settings_swap_fixed(settings, in_use->settings);
                        (void)log_error_errno(r, "Cannot use the new configuration");
                }
        }
        if (r < 0) {
                say_failed();
                return r;
        }
        (void)TAKE_PTR(settings);
        return 0;
}

void reload_give_up(Setup *setup, Setup *in_use) {
        settings_swap_fixed(setup->settings, in_use->settings);
        setup_free(setup);
        say_failed();
}

void reload_say(const SettingsDifference *difference) {
        const LogField fields[] = {{"CHANGED", difference->keys[0] ? difference->keys : NULL}};

        if (difference->keys[0])
                log_event(LOG_EVENT_RELOADED, fields, ARRAY_SIZE(fields),
                          "The configuration was reloaded; changed: %s. %s", difference->keys,
                          difference->parts & SETTINGS_CONNECTION ? "It connects anew with that"
                                                                  : "The connection stays");
        else
                log_event(LOG_EVENT_RELOADED, NULL, 0,
                          "The configuration was reloaded; nothing %sin it has changed",
                          difference->fixed[0] ? "else " : "");
        if (difference->fixed[0])
                log_warning("Changed, but it takes a restart: %s. Run: systemctl restart iotlinkd",
                            difference->fixed);
}
