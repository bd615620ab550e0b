/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/openmetrics.h"

#include <string.h>

#include "util/macro.h"

typedef struct Metric {
        const char *member; /* of the status object: an integer or a boolean */
        const char *name;
        const char *type; /* counters get _total behind the name */
        const char *unit; /* which the name ends in; NULL: none */
        const char *help;
} Metric;

static const Metric metrics[] = {
                {"since", "iotlink_state_since_seconds", "gauge", "seconds",
                 "When the state began, since 1970"},
                {"started", "iotlink_started_seconds", "gauge", "seconds",
                 "When the daemon was started, since 1970"},
                {"retry_in", "iotlink_retry_in_seconds", "gauge", "seconds",
                 "Time until the next attempt to connect"},
                {"tls", "iotlink_tls", "gauge", NULL, "Whether the connection uses TLS"},
                {"root_days", "iotlink_root_expiry_days", "gauge", "days",
                 "Time until the first of the trusted roots expires"},
                {"failures", "iotlink_failures", "gauge", NULL, "Failed attempts in a row"},
                {"connects", "iotlink_connects", "counter", NULL, "Attempts to connect"},
                {"backlog", "iotlink_backlog_messages", "gauge", "messages",
                 "Messages that wait for the cloud"},
                {"backlog_bytes", "iotlink_backlog_memory_bytes", "gauge", "bytes",
                 "Memory held for messages to the cloud"},
                {"unacknowledged", "iotlink_unacknowledged_messages", "gauge", "messages",
                 "Messages sent and not acknowledged yet"},
                {"sent", "iotlink_sent_messages", "counter", "messages",
                 "Messages that the cloud has"},
                {"refused", "iotlink_refused_messages", "counter", "messages",
                 "Publishes that got an error at once"},
                {"expired", "iotlink_expired_messages", "counter", "messages",
                 "Messages whose ttl ended before they were sent"},
                {"received", "iotlink_received_messages", "counter", "messages",
                 "Messages from the cloud"},
                {"unwanted", "iotlink_unwanted_messages", "counter", "messages",
                 "Messages from the cloud that nobody had subscribed to"},
                {"subscriptions", "iotlink_subscriptions", "gauge", NULL,
                 "Filters subscribed in the cloud"},
                {"clients", "iotlink_clients", "gauge", NULL, "Local programs connected"},
                {"clients_accepted", "iotlink_clients_accepted", "counter", NULL,
                 "Local programs that have connected"},
                {"clients_refused", "iotlink_clients_refused", "counter", NULL,
                 "Local programs that were not let in"},
                {"clients_dropped", "iotlink_clients_dropped", "counter", NULL,
                 "Local programs disconnected because they did not read"},
                {"buffered_bytes", "iotlink_buffered_bytes", "gauge", "bytes",
                 "Memory held for local programs"},
};

static void print_head(
                const char *name, const char *type, const char *unit, const char *help, FILE *out) {
        (void)fprintf(out, "# TYPE %s %s\n", name, type);
        if (unit)
                (void)fprintf(out, "# UNIT %s %s\n", name, unit);
        (void)fprintf(out, "# HELP %s %s.\n", name, help);
}

static void print_metric(const Metric *metric, const json_t *value, FILE *out) {
        json_int_t number =
                        json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);

        if (!json_is_integer(value) && !json_is_boolean(value))
                return;
        print_head(metric->name, metric->type, metric->unit, metric->help, out);
        (void)fprintf(out, "%s%s %" JSON_INTEGER_FORMAT "\n", metric->name,
                      strcmp(metric->type, "counter") == 0 ? "_total" : "", number);
}

static void print_state(const char *state, FILE *out) {
        static const char *const states[] = {"offline", "connecting", "online", "stopping"};

        if (!state)
                return;
        print_head("iotlink_state", "stateset", NULL, "The state of the connection", out);
        for (size_t i = 0; i < ARRAY_SIZE(states); i++)
                (void)fprintf(out, "iotlink_state{iotlink_state=\"%s\"} %d\n", states[i],
                              strcmp(state, states[i]) == 0);
}

/* What stands between the quotes of a label. */
static void print_label(const char *text, FILE *out) {
        for (; *text; text++) {
                if (*text == '\n')
                        (void)fputs("\\n", out);
                else if (*text == '"' || *text == '\\')
                        (void)fprintf(out, "\\%c", *text);
                else
                        (void)fputc(*text, out);
        }
}

static void print_version(const char *version, FILE *out) {
        if (!version)
                return;
        print_head("iotlink_build", "info", NULL, "The daemon's version", out);
        (void)fputs("iotlink_build_info{version=\"", out);
        print_label(version, out);
        (void)fputs("\"} 1\n", out);
}

void openmetrics_print(const json_t *status, FILE *out) {
        print_state(json_string_value(json_object_get(status, "state")), out);
        for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
                print_metric(&metrics[i], json_object_get(status, metrics[i].member), out);
        print_version(json_string_value(json_object_get(status, "version")), out);
        (void)fputs("# EOF\n", out);
}
