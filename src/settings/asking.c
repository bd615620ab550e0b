/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "settings/asking.h"

#define MODE_OF_OTHERS 0002U

static bool mode_is_in(const Draft *draft, unsigned modes) {
        return modes & MODE_BIT(draft->settings.identity.mode);
}

static int string_default(char **field, const char *value) {
        if (*field)
                return 0;
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

/* The program */

static const char *command_problem(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return strerror(errno); /* NOLINT(concurrency-mt-unsafe) */
        if (!S_ISREG(st.st_mode))
                return "it is not a regular file";
        if (access(path, X_OK) < 0)
                return "it is not executable. Run: chmod +x on it";
        if (st.st_mode & MODE_OF_OTHERS)
                return "every user can change it, and it is given secrets. Run: chmod o-w on it";
        return NULL;
}

static int command_check(Draft *draft, SettingsErrors *errors) {
        static const char key[] = "cloud.command";
        Settings *s = &draft->settings;
        const char *problem;
        int r;

        if (!s->command && mode_is_in(draft, MODES_COMMAND)) {
                settings_errors_add(
                                errors, draft_origin(draft, key),
                                "key '%s' is missing: auth = \"command\" needs it. For example: "
                                "command = \"%s\";",
                                key, settings_key_find(key)->example);
                return 0;
        }
        if (auth_mode_needs_command(s->identity.mode)) {
                r = string_default(&s->command, IOTLINK_AUTH_PROGRAM);
                if (r < 0)
                        return r;
        }
        if (!s->command || draft_is_bad(draft, key))
                return 0;
        s->identity.has_command = s->identity.mode == AUTH_MQ_TOKEN;
        problem = command_problem(s->command);
        if (problem)
                settings_errors_add(errors, draft_origin(draft, key),
                                    "key '%s': can't run %s: %s.%s", key, s->command, problem,
                                    draft_has(draft, key) ? ""
                                                          : " It is the default and comes with "
                                                            "iotlinkd. Install it, or name a "
                                                            "program in this key.");
        return 0;
}

/* The service */

static void service_check(Draft *draft, SettingsErrors *errors) {
        Settings *s = &draft->settings;

        if (s->identity.mode == AUTH_REGISTER_FREE)
                s->auth_via_mqtt = true;
        if (!mode_is_in(draft, MODES_SERVICE & ~MODES_COMMAND))
                return;
        if (s->auth_via_mqtt && !s->identity.tls)
                settings_errors_add(
                                errors, draft_origin(draft, "cloud.auth_via"),
                                "key 'cloud.auth_via' is \"mqtt\", which needs TLS: the platform "
                                "refuses to register anybody on a plain connection.");
        /* Without an endpoint either, it is the identity's check that asks for a region. */
        if (!s->auth_via_mqtt && !s->auth_url && !s->identity.region &&
            (s->identity.host || s->identity.instance_id || draft->endpoint) &&
            !draft_is_bad(draft, "cloud.auth_url") && !draft_is_bad(draft, "cloud.region"))
                settings_errors_add(errors, draft_origin(draft, "cloud.auth_url"),
                                    "nothing says where the authentication service is: set region "
                                    "(\"cn-shanghai\") or auth_url (\"https://HOST\").");
}

/* The directory */

static void state_check(Draft *draft, SettingsErrors *errors) {
        static const char key[] = "local.state";
        const char *problem = NULL;
        struct stat st;

        if (!mode_is_in(draft, MODES_REGISTER) || draft_is_bad(draft, key))
                return;
        if (stat(draft->settings.state_dir, &st) < 0)
                problem = strerror(errno); /* NOLINT(concurrency-mt-unsafe) */
        else if (!S_ISDIR(st.st_mode))
                problem = "it is not a directory";
        if (problem)
                settings_errors_add(
                                errors, draft_origin(draft, key),
                                "key '%s': can't keep what is registered in %s: %s.%s", key,
                                draft->settings.state_dir, problem,
                                draft_has(draft, key)
                                                ? ""
                                                : " It is the default. systemd makes it for the "
                                                  "service (StateDirectory=); elsewhere make "
                                                  "it, or name a directory in this key.");
}

int asking_check(Draft *draft, SettingsErrors *errors) {
        int r;

        r = command_check(draft, errors);
        if (r < 0)
                return r;
        service_check(draft, errors);
        state_check(draft, errors);
        return 0;
}
