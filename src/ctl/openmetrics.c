/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/openmetrics.h"

#include <string.h>

#include "util/macro.h"
#include "util/utf8.h"

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
                {"backlog_bytes", "iotlink_backlog_bytes", "gauge", "bytes",
                 "What these messages take, in memory or on disk"},
                {"drain_seconds", "iotlink_backlog_drain_seconds", "gauge", "seconds",
                 "Time until the backlog has gone, as far as can be told"},
                {"unacknowledged", "iotlink_unacknowledged_messages", "gauge", "messages",
                 "Messages sent and not acknowledged yet"},
                {"sent", "iotlink_sent_messages", "counter", "messages",
                 "Messages that the cloud has"},
                {"refused", "iotlink_refused_messages", "counter", "messages",
                 "Publishes that got an error at once"},
                {"expired", "iotlink_expired_messages", "counter", "messages",
                 "Messages whose ttl ended before they were sent"},
                {"dropped_oldest", "iotlink_dropped_oldest_messages", "counter", "messages",
                 "Stored messages that gave way to newer ones of their route"},
                {"dropped_superseded", "iotlink_dropped_superseded_messages", "counter", "messages",
                 "Stored messages that gave way to a newer one of their topic"},
                {"qos0_refused", "iotlink_qos0_refused_messages", "counter", "messages",
                 "QoS 0 messages refused because they came too fast"},
                {"qos0_dropped", "iotlink_qos0_dropped_messages", "counter", "messages",
                 "QoS 0 messages dropped because they came too fast"},
                {"received", "iotlink_received_messages", "counter", "messages",
                 "Messages from the cloud"},
                {"unwanted", "iotlink_unwanted_messages", "counter", "messages",
                 "Messages from the cloud that nobody had subscribed to"},
                {"subscriptions", "iotlink_subscriptions", "gauge", NULL,
                 "Filters subscribed in the cloud"},
                {"durable_clients", "iotlink_durable_clients", "gauge", NULL,
                 "Names with durable subscriptions"},
                {"inbox", "iotlink_inbox_messages", "gauge", "messages",
                 "Messages on disk for durable subscribers"},
                {"inbox_bytes", "iotlink_inbox_bytes", "gauge", "bytes",
                 "Topics and payloads on disk for durable subscribers"},
                {"inbox_dropped", "iotlink_inbox_dropped_messages", "counter", "messages",
                 "Messages for durable subscribers dropped because the inbox was full"},
                {"held_back", "iotlink_held_back_messages", "counter", "messages",
                 "Messages from the cloud not acknowledged because they could not be kept"},
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

/* Where it is printed, and how. */
typedef struct Printer {
        const MetricsStyle *style;
        FILE *out;
} Printer;

/* What OpenMetrics has and the older format lacks. */
static const char *older_type(const char *type) {
        return strcmp(type, "stateset") == 0 || strcmp(type, "info") == 0 ? "gauge" : type;
}

/* @suffix: of the samples' names. In the older format it belongs to the metric's own, too. */
static void print_head(const Printer *p,
                       const char *name,
                       const char *suffix,
                       const char *type,
                       const char *unit,
                       const char *help) {
        bool older = p->style->prometheus;

        if (!older)
                suffix = "";
        (void)fprintf(p->out, "# HELP %s%s %s.\n", name, suffix, help);
        (void)fprintf(p->out, "# TYPE %s%s %s\n", name, suffix, older ? older_type(type) : type);
        if (unit && !older)
                (void)fprintf(p->out, "# UNIT %s %s\n", name, unit);
}

/* What stands between the quotes of a label. */
static void print_quoted(const char *text, FILE *out) {
        for (; *text; text++) {
                if (*text == '\n')
                        (void)fputs("\\n", out);
                else if (*text == '"' || *text == '\\')
                        (void)fprintf(out, "\\%c", *text);
                else
                        (void)fputc(*text, out);
        }
}

static void print_label(const char *name, int name_len, const char *value, FILE *out) {
        (void)fprintf(out, "%.*s=\"", name_len, name);
        print_quoted(value, out);
        (void)fputc('"', out);
}

/* @label NULL: only the one that all have. */
static void print_sample(const Printer *p,
                         const char *name,
                         const char *suffix,
                         const char *label,
                         const char *value_of_label,
                         json_int_t number) {
        const char *common = p->style->label, *end = common ? strchr(common, '=') : NULL;

        (void)fprintf(p->out, "%s%s", name, suffix);
        if (end || label)
                (void)fputc('{', p->out);
        if (end)
                print_label(common, (int)(end - common), end + 1, p->out);
        if (end && label)
                (void)fputc(',', p->out);
        if (label)
                print_label(label, (int)strlen(label), value_of_label, p->out);
        if (end || label)
                (void)fputc('}', p->out);
        (void)fprintf(p->out, " %" JSON_INTEGER_FORMAT "\n", number);
}

static void print_metric(const Printer *p, const Metric *metric, const json_t *value) {
        const char *suffix = strcmp(metric->type, "counter") == 0 ? "_total" : "";
        json_int_t number =
                        json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);

        if (!json_is_integer(value) && !json_is_boolean(value))
                return;
        print_head(p, metric->name, suffix, metric->type, metric->unit, metric->help);
        print_sample(p, metric->name, suffix, NULL, NULL, number);
}

static void print_state(const Printer *p, const char *state) {
        static const char *const states[] = {"offline", "connecting", "online", "stopping"};

        if (!state)
                return;
        print_head(p, "iotlink_state", "", "stateset", NULL, "The state of the connection");
        for (size_t i = 0; i < ARRAY_SIZE(states); i++)
                print_sample(p, "iotlink_state", "", "iotlink_state", states[i],
                             strcmp(state, states[i]) == 0);
}

static void print_version(const Printer *p, const char *version) {
        if (!version)
                return;
        print_head(p, "iotlink_build", "_info", "info", NULL, "The daemon's version");
        print_sample(p, "iotlink_build", "_info", "version", version, 1);
}

bool metrics_label_is_valid(const char *label) {
        static const char letters[] = "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        size_t len = strspn(label, letters);

        if (len == 0)
                return false;
        while (strspn(label + len, letters) > 0 || strspn(label + len, "0123456789") > 0)
                len += strspn(label + len, letters) + strspn(label + len, "0123456789");
        return label[len] == '=' && utf8_is_valid(label, strlen(label));
}

void metrics_print(const json_t *status, const MetricsStyle *style, FILE *out) {
        const Printer p = {style, out};

        print_head(&p, "iotlink_up", "", "gauge", NULL, "Whether the daemon answers");
        print_sample(&p, "iotlink_up", "", NULL, NULL, status != NULL);
        print_state(&p, json_string_value(json_object_get(status, "state")));
        for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
                print_metric(&p, &metrics[i], json_object_get(status, metrics[i].member));
        print_version(&p, json_string_value(json_object_get(status, "version")));
        if (!style->prometheus)
                (void)fputs("# EOF\n", out);
}
