/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/status.h"

#include <limits.h>
#include <stdio.h>

#include "util/clock.h"

typedef struct Facts {
        LocalFact *facts;
        size_t n;
} Facts;

static void add_string(Facts *facts, const char *name, const char *value) {
        if (value)
                facts->facts[facts->n++] = (LocalFact){
                                .name = name, .kind = LOCAL_FACT_STRING, .string = value};
}

static void add_integer(Facts *facts, const char *name, uint64_t value) {
        facts->facts[facts->n++] = (LocalFact){
                        .name = name, .kind = LOCAL_FACT_INTEGER, .integer = (int64_t)value};
}

static void add_bool(Facts *facts, const char *name, bool value) {
        facts->facts[facts->n++] =
                        (LocalFact){.name = name, .kind = LOCAL_FACT_BOOL, .integer = value};
}

/* "dns-unknown-host" has its sentence: what it is and what to do. */
static const char *sentence(Reason reason, const char *detail, char *buffer, size_t size) {
        const char *advice = reason_advice(reason);

        if (reason == REASON_NONE)
                return NULL;
        (void)snprintf(buffer, size, "%s%s%s%s%s%s", reason_phrase(reason), detail[0] ? " (" : "",
                       detail, detail[0] ? ")" : "", advice[0] ? ". " : "", advice);
        return buffer;
}

static void add_state(Facts *facts, const StatusSource *source, StatusTexts *texts) {
        const LinkStatus *link = &source->link;

        add_string(facts, "state", link_state_to_string(link->state));
        add_integer(facts, "since", link->since_wall_msec / 1000);
        if (link->reason != REASON_NONE) {
                add_string(facts, "reason", reason_word(link->reason));
                add_string(facts, "message",
                           sentence(link->reason, link->detail, texts->message,
                                    sizeof(texts->message)));
        }
        if (link->state == LINK_OFFLINE && link->retry_at_usec != USEC_INFINITY)
                add_integer(facts, "retry_in",
                            link->retry_at_usec > source->now_usec
                                            ? (link->retry_at_usec - source->now_usec +
                                               USEC_PER_SEC - 1) /
                                                              USEC_PER_SEC
                                            : 0);
}

size_t status_hello(const StatusSource *source, LocalFact facts[STATUS_FACTS_MAX]) {
        Facts f = {.facts = facts};

        add_string(&f, "server", "iotlinkd");
        add_string(&f, "version", source->version);
        add_integer(&f, "protocol", 1);
        add_string(&f, "state", link_state_to_string(source->link.state));
        add_integer(&f, "max_payload", source->max_payload_bytes);
        return f.n;
}

size_t status_state(const StatusSource *source,
                    StatusTexts *texts,
                    LocalFact facts[STATUS_FACTS_MAX]) {
        Facts f = {.facts = facts};

        add_state(&f, source, texts);
        return f.n;
}

static void add_cloud(Facts *facts, const StatusSource *source, StatusTexts *texts) {
        const LinkStatus *link = &source->link;

        if (link->host) {
                (void)snprintf(texts->endpoint, sizeof(texts->endpoint), "%s:%u", link->host,
                               (unsigned)link->port);
                add_string(facts, "endpoint", texts->endpoint);
                add_bool(facts, "tls", link->tls);
                if (link->tls_version && link->tls_version[0])
                        add_string(facts, "tls_version", link->tls_version);
        }
        if (source->root_days != INT_MIN)
                facts->facts[facts->n++] = (LocalFact){.name = "root_days",
                                                       .kind = LOCAL_FACT_INTEGER,
                                                       .integer = source->root_days};
        if (link->state == LINK_ONLINE)
                add_bool(facts, "session_present", link->session_present);
        add_integer(facts, "failures", link->n_failures);
        add_integer(facts, "connects", link->n_connects);
        if (link->last_refusal != REASON_NONE) {
                add_string(facts, "last_refusal", reason_word(link->last_refusal));
                add_integer(facts, "last_refusal_at", link->last_refusal_wall_msec / 1000);
                add_string(facts, "last_refusal_message",
                           sentence(link->last_refusal, link->last_refusal_detail, texts->refusal,
                                    sizeof(texts->refusal)));
        }
}

size_t status_full(const StatusSource *source,
                   StatusTexts *texts,
                   LocalFact facts[STATUS_FACTS_MAX]) {
        const UplinkCounters *up = &source->uplink;
        const DownlinkCounters *down = &source->downlink;
        const LocalCounters *local = &source->local;
        Facts f = {.facts = facts};

        add_state(&f, source, texts);
        add_cloud(&f, source, texts);
        add_integer(&f, "backlog", up->n_waiting);
        add_integer(&f, "unacknowledged", up->n_in_flight);
        add_integer(&f, "backlog_bytes", up->backlog_bytes);
        if (up->drain_usec != USEC_INFINITY)
                add_integer(&f, "drain_seconds",
                            (up->drain_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        add_string(&f, "store", up->store);
        add_integer(&f, "sent", up->delivered.total);
        add_integer(&f, "sent_last_minute", meter_last_minute(&up->delivered, source->now_usec));
        add_integer(&f, "refused", up->refused);
        add_integer(&f, "expired", up->expired);
        add_integer(&f, "dropped_oldest", up->dropped_oldest);
        add_integer(&f, "dropped_superseded", up->dropped_superseded);
        add_integer(&f, "qos0_refused", up->qos0_refused);
        add_integer(&f, "qos0_dropped", up->qos0_dropped);
        add_integer(&f, "received", down->received.total);
        add_integer(&f, "received_last_minute",
                    meter_last_minute(&down->received, source->now_usec));
        add_integer(&f, "unwanted", down->unwanted);
        add_integer(&f, "subscriptions", down->n_filters);
        add_integer(&f, "durable_clients", down->durable.n_clients);
        add_integer(&f, "inbox", down->durable.n_messages);
        add_integer(&f, "inbox_bytes", down->durable.bytes);
        add_integer(&f, "inbox_dropped", down->durable.dropped);
        add_integer(&f, "held_back", down->held_back);
        add_integer(&f, "clients", local->n_sessions);
        add_integer(&f, "clients_accepted", local->accepted);
        add_integer(&f, "clients_refused", local->refused);
        add_integer(&f, "clients_dropped", local->dropped_slow);
        add_integer(&f, "buffered_bytes", local->buffered_bytes);
        add_integer(&f, "started", source->started_wall_msec / 1000);
        add_string(&f, "version", source->version);
        return f.n;
}
