/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration means, for people who have just written one. The endpoint and the client
 * id are those that a connection would use, from the same functions; credentials are left alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "settings/profile.h"
#include "settings/settings.h"

static void describe_endpoint(const Settings *s, const char *host, FILE *out) {
        bool many = s->identity.port == 0 && s->n_roots > 0;
        unsigned port = credentials_port(&s->identity);

        (void)fprintf(out, "endpoint     %s", host ? host : "as the program says, otherwise");
        for (size_t i = 0; many && i < s->n_roots; i++)
                (void)fprintf(out, "%s port %u", i > 0 ? ", then" : "",
                              s->roots[i].port ? s->roots[i].port : port);
        if (!many)
                (void)fprintf(out, " port %u", port);
        (void)fputc('\n', out);
}

static void describe_asking(const Settings *s, FILE *out) {
        if (s->command)
                (void)fprintf(out, "credentials  from %s\n", s->command);
        if (s->identity.mode == AUTH_REGISTER || s->identity.mode == AUTH_REGISTER_FREE)
                (void)fprintf(out, "registers    over %s, once; the answer is kept in %s\n",
                              s->auth_via_mqtt ? "MQTT" : "HTTPS", s->state_dir);
        if (s->auth_url)
                (void)fprintf(out, "service      %s\n", s->auth_url);
        if (s->auth_root_file)
                (void)fprintf(out, "its root     %s\n", s->auth_root_file);
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
        if (s->qos0_per_second > 0)
                (void)fprintf(out, "limit        QoS 0 over that: %s\n",
                              settings_excess_to_string((SettingsExcess)s->qos0_excess));
        describe_limit(out, "unacknowledged messages", s->unacknowledged, " at a time");
        (void)fprintf(out, "limit        %zu bytes of payload\n", s->max_payload_bytes);
        if (s->max_topic_bytes > 0)
                (void)fprintf(out, "limit        %zu bytes in a topic\n", s->max_topic_bytes);
}

static void describe_local(const Settings *s, FILE *out) {
        (void)fprintf(out, "socket       %s\n", s->socket_path);
        (void)fprintf(out, "clients      at most %u, %zu bytes unread each, %zu bytes together\n",
                      s->max_clients, s->client_buffer_bytes, s->memory_bytes);
        (void)fprintf(out, "store        %s: at most %u MiB, %u messages, after %u ms\n",
                      s->state_dir, s->store_max_mebibytes, s->store_max_messages,
                      s->store_delay_msec);
        (void)fprintf(out, "inbox        as much; when it is full, %s",
                      s->inbox_full == SETTINGS_INBOX_REFUSE ? "the cloud has to keep messages"
                                                             : "the oldest messages give way");
        if (s->forget_clients_days > 0)
                (void)fprintf(out, "; clients are forgotten after %u days", s->forget_clients_days);
        (void)fprintf(out, "\n");
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

static void describe_routes(const Settings *s, const char *client_id, FILE *out) {
        const RouteVariables variables = {.product_key = s->identity.product_key,
                                          .device_name = s->identity.device_name,
                                          .client_id = client_id};
        static const char *const arrows[] = {
                        [ROUTE_UP] = "->", [ROUTE_DOWN] = "<-", [ROUTE_BOTH] = "<->"};

        (void)fprintf(out, "client id    %s\n", client_id ? client_id : "as the program says");
        if (s->n_routes == 0)
                (void)fputs("routes       none: topics pass through unchanged\n", out);
        for (size_t i = 0; i < s->n_routes; i++) {
                (void)fputs("route        ", out);
                describe_pattern(s->route_list[i].local, &variables, out);
                (void)fprintf(out, " %s ", arrows[s->route_list[i].direction]);
                describe_pattern(s->route_list[i].remote, &variables, out);
                (void)fprintf(out, "  QoS %d", s->route_list[i].qos);
                if (s->route_list[i].when_full != ROUTE_REFUSE)
                        (void)fprintf(out, ", %s when the store is full",
                                      route_when_full_to_string(s->route_list[i].when_full));
                (void)fputc('\n', out);
        }
}

int settings_describe(const Settings *settings, FILE *out) {
        _cleanup_(freep) char *host = NULL, *client_id = NULL;
        AuthMode mode = settings->identity.mode;
        int r;

        r = credentials_host(&settings->identity, &host);
        if (r < 0 && r != -ENOENT)
                return r;
        r = identity_client_id(&settings->identity, &client_id);
        if (r < 0 && r != -ENOENT)
                return r;
        (void)fprintf(out, "auth         %s (%s)\n", auth_mode_to_string(mode),
                      profile_get(mode)->title);
        describe_endpoint(settings, host, out);
        describe_asking(settings, out);
        describe_tls(settings, out);
        (void)fprintf(out,
                      "keepalive    %u s; connecting takes at most %u s; pauses of %u to %u s\n",
                      settings->keepalive_sec, settings->connect_timeout_sec,
                      settings->reconnect_min_sec, settings->reconnect_max_sec);
        describe_limits(settings, out);
        describe_local(settings, out);
        describe_routes(settings, client_id, out);
        return ferror(out) ? -EIO : 0;
}
