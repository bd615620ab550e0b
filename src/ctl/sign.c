/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "auth/credentials.h"
#include "auth/explain.h"
#include "config.h"
#include "ctl/commands.h"
#include "ctl/config-file.h"
#include "ctl/connection.h"
#include "ctl/reply.h"
#include "util/clock.h"

static const char *password_shown(const Options *options, const Credentials *c) {
        return c->password && !options->show_secret ? EXPLAIN_MASK : c->password;
}

static int print_json(const Options *options, const Credentials *c) {
        _cleanup_(json_decrefp) json_t *object = json_pack(
                        "{s:s, s:i, s:b, s:s, s:s?, s:s?, s:s?}", "host", c->host, "port",
                        (int)c->port, "tls", (int)c->tls, "client_id", c->client_id, "username",
                        c->username, "password", password_shown(options, c), "content", c->content);

        if (!object)
                return -ENOMEM;
        reply_print(object);
        return 0;
}

/* The daemon tries the roots in their order, each at its own port unless one is configured. */
static void print_ports(const Settings *settings) {
        if (settings->identity.port != 0)
                return;
        for (size_t i = 0; i < settings->n_roots; i++)
                if (settings->roots[i].port != 0)
                        (void)printf("           port %" PRIu16 " with %s\n",
                                     settings->roots[i].port, settings->roots[i].file);
}

static void print_text(const Options *options, const Settings *settings, const Credentials *c) {
        (void)printf("endpoint   %s:%" PRIu16 " (%s)\n", c->host, c->port,
                     c->tls ? "TLS" : "plain TCP");
        print_ports(settings);
        (void)printf("client id  %s\n"
                     "user name  %s\n"
                     "password   ",
                     c->client_id, c->username ? c->username : "(none is sent)");
        if (!c->password)
                (void)puts("(none is sent)");
        else if (options->show_secret)
                (void)puts(c->password);
        else
                (void)puts(EXPLAIN_MASK " (shown with --show-secret)");
}

int command_sign(const Options *options, char **args) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(credentials_done) Credentials c = {0};
        uint64_t wall_msec = clock_wall_msec();
        int r;

        (void)args;
        r = config_file_load(options, options->config, &settings);
        if (r != 0)
                return r;

        if (options->explain && !options->json)
                r = credentials_explain(&settings->identity, settings->command, wall_msec,
                                        options->show_secret, stdout);
        else if (auth_mode_needs_command(settings->identity.mode) ||
                 (settings->identity.has_command && !settings->identity.secret)) {
                complain("With auth = \"%s\" there is nothing to sign before %s has answered. "
                         "--explain shows the steps.",
                         auth_mode_to_string(settings->identity.mode), settings->command);
                return EXIT_FAILED;
        } else {
                r = credentials_make(&settings->identity, wall_msec, &c);
                if (r == 0 && options->json)
                        r = print_json(options, &c);
                else if (r == 0)
                        print_text(options, settings, &c);
        }
        if (r == -ENOTSUP)
                complain("This system's OpenSSL may not use %s.",
                         sign_method_title(settings->identity.sign_method));
        else if (r < 0)
                complain("Cannot sign: %s.", strerror(-r));
        return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
