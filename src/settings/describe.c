/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration means, for people who have just written one. The endpoint and the client
 * id are those that a connection would use, from the same function; the rest of the credentials
 * is left alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "settings/profile.h"
#include "settings/settings.h"

static void describe_endpoint(const Settings *s, const Credentials *credentials, FILE *out) {
        bool many = s->identity.port == 0 && s->n_roots > 0;

        (void)fprintf(out, "endpoint     %s", credentials->host);
        for (size_t i = 0; many && i < s->n_roots; i++)
                (void)fprintf(out, "%s port %u", i > 0 ? ", then" : "",
                              s->roots[i].port ? s->roots[i].port : credentials->port);
        if (!many)
                (void)fprintf(out, " port %u", credentials->port);
        (void)fputc('\n', out);
}

static void describe_tls(const Settings *s, FILE *out) {
        if (!s->identity.tls) {
                (void)fputs("TLS          off: everything travels readable, and nobody verifies the "
                            "server\n",
                            out);
                return;
        }
        (void)fprintf(out, "TLS          %s or newer; chain and host name verified\n",
                      s->tls_min_version);
        for (size_t i = 0; i < s->n_roots; i++)
                (void)fprintf(out, "root         %s\n", s->roots[i].file);
        if (s->certificate_file)
                (void)fprintf(out, "certificate  %s\n", s->certificate_file);
}

static void describe_limit(FILE *out, const char *name, unsigned limit, const char *of) {
        if (limit > 0)
                (void)fprintf(out, "limit        %u %s%s\n", limit, name, of);
        else
                (void)fprintf(out, "limit        %s: none\n", name);
}

static void describe_limits(const Settings *s, FILE *out) {
        describe_limit(out, "connects", s->connects_per_minute, " a minute");
        describe_limit(out, "QoS 1 messages", s->qos1_per_second, " a second");
        describe_limit(out, "QoS 0 messages", s->qos0_per_second, " a second");
        describe_limit(out, "unacknowledged messages", s->unacknowledged, " at a time");
        (void)fprintf(out, "limit        %zu bytes of payload\n", s->max_payload_bytes);
        if (s->max_topic_bytes > 0)
                (void)fprintf(out, "limit        %zu bytes in a topic\n", s->max_topic_bytes);
}

static void describe_local(const Settings *s, FILE *out) {
        (void)fprintf(out, "socket       %s\n", s->socket_path);
        (void)fprintf(out, "clients      at most %u, %zu bytes unread each, %zu bytes together\n",
                      s->max_clients, s->client_buffer_bytes, s->memory_bytes);
}

/* The same pattern as it works: placeholders replaced. */
static void describe_pattern(const char *pattern, const RouteVariables *v, FILE *out) {
        const struct {
                const char *name, *value;
        } variables[] = {{"${product_key}", v->product_key},
                         {"${device_name}", v->device_name},
                         {"${client_id}", v->client_id}};

        while (*pattern) {
                size_t i = 0;

                while (i < ARRAY_SIZE(variables) &&
                       strncmp(pattern, variables[i].name, strlen(variables[i].name)) != 0)
                        i++;
                if (i == ARRAY_SIZE(variables) || !variables[i].value) {
                        (void)fputc(*pattern++, out);
                        continue;
                }
                (void)fputs(variables[i].value, out);
                pattern += strlen(variables[i].name);
        }
}

static void describe_routes(const Settings *s, const Credentials *credentials, FILE *out) {
        char client_id[1025];
        const RouteVariables variables = {.product_key = s->identity.product_key,
                                          .device_name = s->identity.device_name,
                                          .client_id = client_id};
        static const char *const arrows[] = {
                        [ROUTE_UP] = "->", [ROUTE_DOWN] = "<-", [ROUTE_BOTH] = "<->"};

        (void)snprintf(client_id, sizeof(client_id), "%s", credentials->client_id);
        if (s->identity.mode == AUTH_DEVICE)
                client_id[strcspn(client_id, "|")] = '\0';

        (void)fprintf(out, "client id    %s\n", client_id);
        if (s->n_routes == 0)
                (void)fputs("routes       none: topics pass through unchanged\n", out);
        for (size_t i = 0; i < s->n_routes; i++) {
                (void)fputs("route        ", out);
                describe_pattern(s->route_list[i].local, &variables, out);
                (void)fprintf(out, " %s ", arrows[s->route_list[i].direction]);
                describe_pattern(s->route_list[i].remote, &variables, out);
                (void)fprintf(out, "  QoS %d\n", s->route_list[i].qos);
        }
}

int settings_describe(const Settings *settings, FILE *out) {
        _cleanup_(credentials_done) Credentials credentials = {0};
        AuthMode mode = settings->identity.mode;
        int r;

        r = credentials_make(&settings->identity, 0, &credentials);
        if (r < 0)
                return r;
        (void)fprintf(out, "auth         %s (%s)\n", auth_mode_to_string(mode),
                      profile_get(mode)->title);
        describe_endpoint(settings, &credentials, out);
        describe_tls(settings, out);
        (void)fprintf(out,
                      "keepalive    %u s; connecting takes at most %u s; pauses of %u to %u s\n",
                      settings->keepalive_sec, settings->connect_timeout_sec,
                      settings->reconnect_min_sec, settings->reconnect_max_sec);
        describe_limits(settings, out);
        describe_local(settings, out);
        describe_routes(settings, &credentials, out);
        return ferror(out) ? -EIO : 0;
}
