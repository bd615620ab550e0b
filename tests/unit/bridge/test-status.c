/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/status.h"

#include <limits.h>

#include "test.h"
#include "util/clock.h"

typedef struct Facts {
        LocalFact facts[STATUS_FACTS_MAX];
        size_t n;
        StatusTexts texts;
} Facts;

static const StatusSource quiet = {.link = {.state = LINK_CONNECTING,
                                            .detail = "",
                                            .last_refusal_detail = "",
                                            .retry_at_usec = USEC_INFINITY},
                                   .root_days = INT_MIN,
                                   .version = "1.2.3"};

static const LocalFact *fact(const Facts *f, const char *name) {
        const LocalFact *found = NULL;

        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->facts[i].name, name) == 0) {
                        CHECK(!found); /* no name twice */
                        found = &f->facts[i];
                }
        return found;
}

static const char *string(const Facts *f, const char *name) {
        const LocalFact *found = fact(f, name);

        CHECK(found && found->kind == LOCAL_FACT_STRING);
        return found->string;
}

static long long integer(const Facts *f, const char *name) {
        const LocalFact *found = fact(f, name);

        CHECK(found && found->kind != LOCAL_FACT_STRING);
        return found->integer;
}

static void full(const StatusSource *source, Facts *f) {
        f->n = status_full(source, &f->texts, f->facts);
        CHECK(f->n <= STATUS_FACTS_MAX);
}

static void test_hello(void) {
        StatusSource source = quiet;
        Facts f = {0};

        source.max_payload_bytes = 262144;
        f.n = status_hello(&source, f.facts);
        CHECK_STR(string(&f, "server"), "iotlinkd");
        CHECK_STR(string(&f, "version"), "1.2.3");
        CHECK_INT(integer(&f, "protocol"), 1);
        CHECK_STR(string(&f, "state"), "connecting");
        CHECK_INT(integer(&f, "max_payload"), 262144);
}

static void test_fresh(void) {
        Facts f = {0};

        full(&quiet, &f);
        CHECK_STR(string(&f, "state"), "connecting");
        CHECK(!fact(&f, "reason") && !fact(&f, "message") && !fact(&f, "retry_in"));
        CHECK(!fact(&f, "endpoint") && !fact(&f, "tls") && !fact(&f, "root_days"));
        CHECK(!fact(&f, "session_present") && !fact(&f, "last_refusal"));
        CHECK_INT(integer(&f, "backlog"), 0);
        f.n = status_state(&quiet, &f.texts, f.facts);
        CHECK_INT(f.n, 2);
}

static void test_offline(void) {
        StatusSource source = quiet;
        Facts f = {0};

        source.now_usec = 100 * USEC_PER_SEC;
        source.link.state = LINK_OFFLINE;
        source.link.since_wall_msec = 1700000000999;
        source.link.reason = REASON_DNS_UNKNOWN_HOST;
        source.link.detail = "Name or service not known";
        source.link.retry_at_usec = 100 * USEC_PER_SEC + 1;
        f.n = status_state(&source, &f.texts, f.facts);
        CHECK_STR(string(&f, "reason"), "dns-unknown-host");
        CHECK(strstr(string(&f, "message"), reason_phrase(REASON_DNS_UNKNOWN_HOST)));
        CHECK(strstr(string(&f, "message"), "(Name or service not known)"));
        CHECK(strstr(string(&f, "message"), reason_advice(REASON_DNS_UNKNOWN_HOST)));
        CHECK_INT(integer(&f, "since"), 1700000000);
        CHECK_INT(integer(&f, "retry_in"), 1); /* rounded up */
        source.link.retry_at_usec = 0;         /* overdue */
        f.n = status_state(&source, &f.texts, f.facts);
        CHECK_INT(integer(&f, "retry_in"), 0);
        source.link.retry_at_usec = USEC_INFINITY;
        f.n = status_state(&source, &f.texts, f.facts);
        CHECK(!fact(&f, "retry_in"));
}

/* Every fact at once still has its place. */
static void test_everything(void) {
        StatusSource source = quiet;
        Facts f = {0};

        source.now_usec = 100 * USEC_PER_SEC;
        source.link = (LinkStatus){.state = LINK_ONLINE,
                                   .host = "h.example",
                                   .port = 443,
                                   .tls = true,
                                   .tls_version = "TLSv1.3",
                                   .session_present = true,
                                   .reason = REASON_CLOSED,
                                   .detail = "",
                                   .last_refusal = REASON_REFUSED_CREDENTIALS,
                                   .last_refusal_detail = "",
                                   .last_refusal_wall_msec = 5000,
                                   .n_failures = 3,
                                   .n_connects = 9};
        source.root_days = -2;
        source.uplink = (UplinkCounters){.n_waiting = 1,
                                         .n_in_flight = 2,
                                         .backlog_bytes = 3,
                                         .drain_usec = 1500000,
                                         .dropped_oldest = 12,
                                         .dropped_superseded = 13,
                                         .qos0_refused = 14,
                                         .qos0_dropped = 15};
        meter_add(&source.uplink.delivered, 4, 50 * USEC_PER_SEC);
        meter_add(&source.uplink.delivered, 1, 1 * USEC_PER_SEC + 50 * USEC_PER_SEC);
        source.downlink = (DownlinkCounters){.n_filters = 6, .unwanted = 7};
        source.local = (LocalCounters){.n_sessions = 8, .accepted = 10, .dropped_slow = 11};
        full(&source, &f);
        CHECK_STR(string(&f, "endpoint"), "h.example:443");
        CHECK_INT(integer(&f, "tls"), 1);
        CHECK_STR(string(&f, "tls_version"), "TLSv1.3");
        CHECK_INT(integer(&f, "root_days"), -2);
        CHECK_INT(integer(&f, "session_present"), 1);
        CHECK_INT(integer(&f, "failures"), 3);
        CHECK_INT(integer(&f, "connects"), 9);
        CHECK_STR(string(&f, "last_refusal"), "refused-credentials");
        CHECK_INT(integer(&f, "last_refusal_at"), 5);
        CHECK(strstr(string(&f, "last_refusal_message"), "password"));
        CHECK_INT(integer(&f, "backlog"), 1);
        CHECK_INT(integer(&f, "unacknowledged"), 2);
        CHECK_INT(integer(&f, "backlog_bytes"), 3);
        CHECK_INT(integer(&f, "drain_seconds"), 2);
        CHECK_INT(integer(&f, "dropped_oldest"), 12);
        CHECK_INT(integer(&f, "dropped_superseded"), 13);
        CHECK_INT(integer(&f, "qos0_refused"), 14);
        CHECK_INT(integer(&f, "qos0_dropped"), 15);
        CHECK_INT(integer(&f, "sent"), 5);
        CHECK_INT(integer(&f, "sent_last_minute"), 5);
        CHECK_INT(integer(&f, "subscriptions"), 6);
        CHECK_INT(integer(&f, "unwanted"), 7);
        CHECK_INT(integer(&f, "clients"), 8);
        CHECK_INT(integer(&f, "clients_accepted"), 10);
        CHECK_INT(integer(&f, "clients_dropped"), 11);
        CHECK(!fact(&f, "retry_in"));
        for (size_t i = 0; i < f.n; i++)
                (void)fact(&f, f.facts[i].name);
}

/* The sentence for every reason, with the longest detail, is whole. */
static void test_sentences_fit(void) {
        char detail[REASON_DETAIL_MAX];
        StatusSource source = quiet;
        Facts f = {0};

        memset(detail, 'd', sizeof(detail) - 1);
        detail[sizeof(detail) - 1] = '\0';
        source.link.detail = detail;
        for (Reason reason = REASON_NONE + 1; reason < _REASON_MAX; reason++) {
                const char *advice = reason_advice(reason), *message;

                source.link.reason = reason;
                f.n = status_state(&source, &f.texts, f.facts);
                message = string(&f, "message");
                CHECK(strlen(message) >= strlen(advice));
                CHECK_STR(advice[0] ? message + strlen(message) - strlen(advice)
                                    : strrchr(message, ')'),
                          advice[0] ? advice : ")");
        }
}

TEST_MAIN(TEST(test_hello),
          TEST(test_fresh),
          TEST(test_offline),
          TEST(test_everything),
          TEST(test_sentences_fit))
