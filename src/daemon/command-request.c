/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/command-request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/clock.h"
#include "util/file.h"

#define REQUEST_MAX 16384U

static void say(FILE *f, const char *name, const char *value) {
        /* Errors of the stream are looked at in the end. */
        if (value)
                (void)fprintf(f, "%s=%s\n", name, value);
}

static void say_number(FILE *f, const char *name, uint64_t value) {
        (void)fprintf(f, "%s=%" PRIu64 "\n", name, value);
}

static void say_identity(FILE *f, const Identity *identity, const char *client_id) {
        say(f, "product_key", identity->product_key);
        say(f, "device_name", identity->device_name);
        say(f, "client_id", client_id);
        say(f, "secret", identity->secret);
        say(f, "sign_method", sign_method_to_string(identity->sign_method));
        if (identity->timestamp_kind == TIMESTAMP_NOW)
                say_number(f, "timestamp", clock_wall_msec());
        else if (identity->timestamp_kind == TIMESTAMP_FIXED)
                say(f, "timestamp", identity->timestamp);
        say(f, "region", identity->region);
        say(f, "instance_id", identity->instance_id);
        say(f, "host", identity->host);
        if (identity->port != 0)
                say_number(f, "port", identity->port);
}

static void say_service(FILE *f, const Settings *settings, const SettingsRoot *root) {
        AuthMode mode = settings->identity.mode;

        if (mode == AUTH_REGISTER || mode == AUTH_REGISTER_FREE)
                say(f, "auth_via",
                    settings->auth_via_mqtt || mode == AUTH_REGISTER_FREE ? "mqtt" : "https");
        say(f, "auth_url", settings->auth_url);
        say(f, "root_file", settings->auth_root_file);
        if (root) {
                say(f, "broker_root_file", root->file);
                if (root->port != 0)
                        say_number(f, "broker_port", root->port);
        }
}

int command_request_make(const Settings *settings, const char *reason, size_t root, char **ret) {
        const Identity *identity = &settings->identity;
        _cleanup_(secret_freep) char *text = NULL;
        _cleanup_(freep) char *client_id = NULL;
        bool failed;
        FILE *f;
        int r;

        r = identity_client_id(identity, &client_id);
        if (r == -ENOMEM)
                return r;
        /* A block that does not move, and no buffer beside it: the secret is in one place only. */
        text = calloc(1, REQUEST_MAX + 1);
        if (!text)
                return -ENOMEM;
        f = fmemopen(text, REQUEST_MAX + 1, "w");
        if (!f)
                return -errno;
        (void)setvbuf(f, NULL, _IONBF, 0);
        say(f, "protocol", "1");
        say(f, "auth", auth_mode_to_string(identity->mode));
        say(f, "reason", reason);
        say_identity(f, identity, r < 0 ? NULL : client_id);
        say_service(f, settings,
                    settings->n_roots > 0 ? &settings->roots[root % settings->n_roots] : NULL);
        (void)fputc('\n', f);
        failed = ferror(f);
        if (fclose(f) != 0 || failed)
                return -E2BIG;
        *ret = TAKE_PTR(text);
        return 0;
}
