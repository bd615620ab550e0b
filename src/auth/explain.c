/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/explain.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "auth/credentials.h"

static void explain_secret(FILE *f, const char *secret, bool show) {
        if (!secret)
                (void)fputs("(none is sent)\n", f);
        else if (show)
                (void)fprintf(f, "%s\n", secret);
        else
                (void)fprintf(f, EXPLAIN_MASK " (%zu characters)\n", strlen(secret));
}

static void explain_device(const Identity *id, uint64_t wall_msec, const Credentials *c, FILE *f) {
        (void)fprintf(f,
                      "Parameters that are signed, sorted by name\n"
                      "  clientId    %.*s%s\n"
                      "  deviceName  %s\n"
                      "  productKey  %s\n",
                      (int)strcspn(c->client_id, "|"), c->client_id,
                      id->client_id ? "" : "  (product_key.device_name, as none is configured)",
                      id->device_name, id->product_key);
        switch (id->timestamp_kind) {
        case TIMESTAMP_NOW:
                (void)fprintf(f, "  timestamp   %" PRIu64 "  (now, in milliseconds)\n", wall_msec);
                break;
        case TIMESTAMP_FIXED:
                (void)fprintf(f, "  timestamp   %s  (fixed by the configuration)\n", id->timestamp);
                break;
        case TIMESTAMP_NONE:
        default:
                (void)fputs("  (no timestamp, as configured)\n", f);
        }
        (void)fprintf(f,
                      "\n"
                      "Text that is signed: each name, then its value, nothing between\n"
                      "  %s\n"
                      "\n"
                      "Method\n"
                      "  %s under the device secret, as upper-case hex%s\n",
                      c->content, sign_method_title(id->sign_method),
                      id->sign_method_implicit ? " (not named: the platform's own default)" : "");
}

static void explain_mq(const Identity *id, const Credentials *c, FILE *f) {
        (void)fprintf(f,
                      "Text that is signed: the client id%s\n"
                      "  %s\n"
                      "\n"
                      "Method\n"
                      "  HMAC-SHA1 under the %s secret, as Base64\n",
                      id->client_id ? "" : ", group_id@@@device_id", c->content,
                      id->mode == AUTH_MQ_DEVICE ? "device credential's" : "AccessKey");
}

/* Registration: the program makes up the random text. */
static int explain_registration(const Identity *id, FILE *f) {
        _cleanup_(freep) char *content = NULL;
        SignParam params[] = {
                        {"deviceName", id->device_name},
                        {"productKey", id->product_key},
                        {"random", "<random>"},
        };
        int r;

        r = sign_content(params, ARRAY_SIZE(params), &content);
        if (r < 0)
                return r;
        (void)fprintf(f,
                      "Parameters that are signed to register, sorted by name\n"
                      "  deviceName  %s\n"
                      "  productKey  %s\n"
                      "  random      <random>  (made up afresh each time)\n"
                      "\n"
                      "Text that is signed: each name, then its value, nothing between\n"
                      "  %s\n"
                      "\n"
                      "Method\n"
                      "  %s under the product secret, as upper-case hex\n",
                      id->device_name, id->product_key, content,
                      sign_method_title(id->sign_method));
        return 0;
}

static const char *host_origin(const Identity *id) {
        if (id->host)
                return "the configured endpoint";
        if (id->instance_id)
                return "the instance's own endpoint, from instance_id";
        return "the public instance's endpoint, from product_key and region";
}

static const char *port_origin(const Identity *id) {
        if (id->port)
                return "configured";
        if (id->tls)
                return "default; each entry of tls.roots may bring its own";
        return "default";
}

static int explain_endpoint(const Identity *id, FILE *f) {
        _cleanup_(freep) char *host = NULL;
        int r;

        r = credentials_host(id, &host);
        if (r < 0 && r != -ENOENT)
                return r;
        (void)fputs("\nEndpoint\n", f);
        if (host)
                (void)fprintf(f, "  host  %s  (%s)\n", host, host_origin(id));
        if (id->mode == AUTH_HTTPS || id->mode == AUTH_COMMAND)
                (void)fprintf(f, "  host  %sas the program answers\n", host ? "or " : "");
        (void)fprintf(f,
                      "  port  %" PRIu16 "  (%s)\n"
                      "  TLS   %s\n",
                      credentials_port(id), port_origin(id),
                      id->tls ? "yes" : "no: whoever is on the way can read and change everything");
        return 0;
}

static void explain_key(const Identity *id, bool show_secret, FILE *f) {
        (void)fputs("  key     ", f);
        explain_secret(f, id->secret, show_secret);
}

/* What the daemon signs without anybody's help. */
static int explain_own(const Identity *id, uint64_t wall_msec, bool show_secret, FILE *f) {
        _cleanup_(credentials_done) Credentials c = {0};
        int r;

        r = credentials_make(id, wall_msec, &c);
        if (r < 0)
                return r;

        if (id->mode == AUTH_PLAIN)
                (void)fputs("Method\n  nothing is signed: user name and password go as they are\n",
                            f);
        else if (id->mode == AUTH_MQ_TOKEN)
                (void)fputs("Method\n  nothing is signed: the tokens are the password\n", f);
        else {
                if (id->mode == AUTH_DEVICE)
                        explain_device(id, wall_msec, &c, f);
                else
                        explain_mq(id, &c, f);
                explain_key(id, show_secret, f);
                (void)fputs("  result  ", f);
                explain_secret(f, c.password, show_secret);
        }

        (void)fprintf(f,
                      "\n"
                      "CONNECT\n"
                      "  client id  %s\n"
                      "  user name  %s\n"
                      "  password   ",
                      c.client_id, c.username ? c.username : "(none is sent)");
        explain_secret(f, c.password, show_secret);
        if (id->mode == AUTH_DEVICE)
                (void)fprintf(f,
                              "  Between the bars: securemode=%s; nothing there but the timestamp "
                              "is signed.\n",
                              c.tls ? "2 is TLS" : "3 is plain TCP");
        return 0;
}

static int explain_https(const Identity *id, uint64_t wall_msec, bool show_secret, FILE *f) {
        _cleanup_(credentials_done) Credentials c = {0};
        Identity device = *id; /* borrows: what is signed is the same */
        int r;

        device.mode = AUTH_DEVICE;
        r = credentials_make(&device, wall_msec, &c);
        if (r < 0)
                return r;
        explain_device(id, wall_msec, &c, f);
        explain_key(id, show_secret, f);
        (void)fputs("  result  ", f);
        explain_secret(f, c.password, show_secret);
        (void)fputs("\n"
                    "The program posts the parameters and the result, as \"sign\", to\n"
                    "/auth/devicename of the authentication service.\n"
                    "\n"
                    "CONNECT\n"
                    "  client id  as the program answers\n"
                    "  user name  the iotId of the answer\n"
                    "  password   the iotToken of the answer; it is good for seven days\n",
                    f);
        return 0;
}

static int explain_register(const Identity *id, uint64_t wall_msec, bool show_secret, FILE *f) {
        _cleanup_(credentials_done) Credentials c = {0};
        static const char registered[] = "<registered>";
        Identity later = *id; /* borrows: with what the registration gives */
        bool is_free = id->mode == AUTH_REGISTER_FREE;
        int r;

        if (is_free)
                memcpy(&later.client_id, &(const char *){registered}, sizeof(later.client_id));
        r = credentials_make(&later, wall_msec, &c);
        if (r < 0)
                return r;
        r = explain_registration(id, f);
        if (r < 0)
                return r;
        explain_key(id, show_secret, f);
        (void)fprintf(f,
                      "\n"
                      "The program registers the device, once. The %s of the\n"
                      "answer %s kept, and from then on the daemon signs alone.\n"
                      "\n"
                      "CONNECT\n"
                      "  client id  %s\n"
                      "  user name  %s\n"
                      "  password   %s\n",
                      is_free ? "client id and the device token" : "device secret",
                      is_free ? "are" : "is", c.client_id, c.username,
                      is_free ? "the device token as it is"
                              : "signed with the device secret, as auth = \"device\" does");
        return 0;
}

int credentials_explain(const Identity *identity,
                        const char *command,
                        uint64_t wall_msec,
                        bool show_secret,
                        FILE *f) {
        bool waits = auth_mode_needs_command(identity->mode) ||
                     (identity->mode == AUTH_MQ_TOKEN && !identity->secret);
        int r = 0;

        (void)fprintf(f, "Mode\n  auth = \"%s\"\n\n", auth_mode_to_string(identity->mode));
        if (command)
                (void)fprintf(f, "Program that is asked for credentials\n  %s\n\n", command);
        if (!waits)
                r = explain_own(identity, wall_msec, show_secret, f);
        else if (identity->mode == AUTH_HTTPS)
                r = explain_https(identity, wall_msec, show_secret, f);
        else if (identity->mode == AUTH_REGISTER || identity->mode == AUTH_REGISTER_FREE)
                r = explain_register(identity, wall_msec, show_secret, f);
        else
                (void)fprintf(f,
                              "CONNECT\n"
                              "  as the program answers%s\n",
                              identity->mode == AUTH_MQ_TOKEN ? ": the tokens are the password"
                                                              : "; nothing is known before");
        if (r < 0)
                return r;
        r = explain_endpoint(identity, f);
        if (r < 0)
                return r;
        return ferror(f) ? -EIO : 0;
}
