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

int credentials_explain(const Identity *identity, uint64_t wall_msec, bool show_secret, FILE *f) {
        _cleanup_(credentials_done) Credentials c = {0};
        int r;

        r = credentials_make(identity, wall_msec, &c);
        if (r < 0)
                return r;

        (void)fprintf(f, "Mode\n  auth = \"%s\"\n\n", auth_mode_to_string(identity->mode));
        if (identity->mode == AUTH_PLAIN)
                (void)fputs("Method\n  nothing is signed: user name and password go as they are\n",
                            f);
        else {
                if (identity->mode == AUTH_DEVICE)
                        explain_device(identity, wall_msec, &c, f);
                else
                        explain_mq(identity, &c, f);
                (void)fputs("  key     ", f);
                explain_secret(f, identity->secret, show_secret);
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
        if (identity->mode == AUTH_DEVICE)
                (void)fprintf(f,
                              "  Between the bars: securemode=%s; nothing there but the timestamp "
                              "is signed.\n",
                              c.tls ? "2 is TLS" : "3 is plain TCP");

        (void)fprintf(f,
                      "\n"
                      "Endpoint\n"
                      "  host  %s  (%s)\n"
                      "  port  %" PRIu16 "  (%s)\n"
                      "  TLS   %s\n",
                      c.host, host_origin(identity), c.port, port_origin(identity),
                      c.tls ? "yes" : "no: whoever is on the way can read and change everything");
        return ferror(f) ? -EIO : 0;
}
