/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/link-log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/log-limit.h"
#include "util/log.h"

/* A fault that stays is mentioned again this often. */
#define REPEAT_USEC (3600 * USEC_PER_SEC)

/* And of all together, so many are told at once, and one more each interval. */
#define ENTRIES_BURST         20U
#define ENTRIES_INTERVAL_USEC (900 * USEC_PER_SEC)

typedef struct Numbers {
        char port[8], retry[24], repeats[16];
} Numbers;

#define FIELDS_MAX 8U

static size_t fields_of(const LinkStatus *status,
                        uint64_t retry_sec,
                        unsigned n_silent,
                        Numbers *numbers,
                        LogField fields[FIELDS_MAX]) {
        bool waits = status->state == LINK_OFFLINE;
        size_t n = 0;

        (void)snprintf(numbers->port, sizeof(numbers->port), "%u", (unsigned)status->port);
        (void)snprintf(numbers->retry, sizeof(numbers->retry), "%" PRIu64, retry_sec);
        fields[n++] = (LogField){"STATE", link_state_to_string(status->state)};
        fields[n++] = (LogField){"REASON", status->reason == REASON_NONE
                                                           ? NULL
                                                           : reason_word(status->reason)};
        fields[n++] = (LogField){"HOST", status->host};
        fields[n++] = (LogField){"PORT", status->host ? numbers->port : NULL};
        fields[n++] = (LogField){"RETRY_SEC", waits ? numbers->retry : NULL};
        (void)snprintf(numbers->repeats, sizeof(numbers->repeats), "%u", n_silent);
        fields[n++] = (LogField){"REPEATS", n_silent > 0 ? numbers->repeats : NULL};
        return n;
}

void link_log_attempt(const LinkStatus *status) {
        log_debug("Connecting to %s:%u with %s", status->host, (unsigned)status->port,
                  status->tls ? "TLS" : "plain TCP");
}

void link_log_online(LinkLog *log, const LinkStatus *status, const char *client_id) {
        LogField fields[FIELDS_MAX];
        Numbers numbers;
        size_t n = fields_of(status, 0, log->n_silent, &numbers, fields);
        size_t id_size = strcspn(client_id, "|");
        char repeats[64] = "";

        if (log->says_online) {
                log_debug("Online again");
                return;
        }
        if (log->n_silent > 0)
                (void)snprintf(repeats, sizeof(repeats), ", after %u more attempts that failed",
                               log->n_silent);
        log->n_silent = 0;
        log->says_online = true;
        memset(log->faults, 0, sizeof(log->faults));
        log_event(LOG_EVENT_ONLINE, fields, n,
                  "Online at %s:%u over %s as \"%.*s\"; the server %s%s", status->host,
                  (unsigned)status->port, status->tls ? "TLS" : "plain TCP", (int)id_size,
                  client_id,
                  status->session_present ? "kept our session" : "has started a new session for us",
                  repeats);
}

static LogEvent event_of(const LinkStatus *status, bool was_online) {
        switch (status->reason) {
        case REASON_TWIN:
                return LOG_EVENT_TWIN;
        case REASON_REFUSED_PROTOCOL:
        case REASON_REFUSED_CLIENT_ID:
        case REASON_REFUSED_UNAVAILABLE:
        case REASON_REFUSED_CREDENTIALS:
        case REASON_REFUSED_NOT_AUTHORIZED:
        case REASON_REFUSED_OTHER:
        case REASON_AUTH_REFUSED:
                return LOG_EVENT_REFUSED;
        /* All others: it depends on what there was. */
        case REASON_NONE:
        case REASON_DNS_UNKNOWN_HOST:
        case REASON_DNS_FAILURE:
        case REASON_TCP_REFUSED:
        case REASON_TCP_TIMEOUT:
        case REASON_NETWORK_UNREACHABLE:
        case REASON_CLOCK_WRONG:
        case REASON_CAPTIVE_PORTAL:
        case REASON_NOT_TLS:
        case REASON_TLS_WANTED:
        case REASON_TLS_ROOT_UNREADABLE:
        case REASON_TLS_ROOT_EXPIRED:
        case REASON_TLS_UNTRUSTED_ROOT:
        case REASON_TLS_EXPIRED:
        case REASON_TLS_NOT_YET_VALID:
        case REASON_TLS_WRONG_HOST:
        case REASON_TLS_VERSION:
        case REASON_TLS_CLIENT_CERTIFICATE:
        case REASON_TLS_TIMEOUT:
        case REASON_TLS_FAILED:
        case REASON_NO_ANSWER:
        case REASON_CLOSED_EARLY:
        case REASON_BAD_ANSWER:
        case REASON_AUTH_UNREACHABLE:
        case REASON_CLOSED:
        case REASON_KEEPALIVE_TIMEOUT:
        case REASON_ACK_TIMEOUT:
        case REASON_REDELIVERY:
        case REASON_INTERNAL:
        case REASON_RELOADED:
        case REASON_STOPPED:
        case _REASON_MAX:
        default:
                return was_online ? LOG_EVENT_OFFLINE : LOG_EVENT_UNREACHABLE;
        }
}

/* FNV-1a: told faults are only compared. */
static uint32_t hash(const char *text) {
        uint32_t h = 2166136261U;

        for (; *text; text++)
                h = (h ^ (unsigned char)*text) * 16777619U;
        return h;
}

/* The place of a fault in the memory: its own, or that of the oldest. */
static LinkFault *place_of(LinkLog *log, const LinkFault *fault) {
        LinkFault *oldest = &log->faults[0];

        for (size_t i = 0; i < LINK_FAULTS_MAX; i++) {
                LinkFault *known = &log->faults[i];

                if (known->reason == fault->reason && known->detail == fault->detail)
                        return known;
                if (known->told_usec < oldest->told_usec)
                        oldest = known;
        }
        return oldest;
}

static bool is_recent(uint64_t told_usec, uint64_t now_usec) {
        return told_usec != 0 && now_usec - told_usec < REPEAT_USEC;
}

/* Whether to tell of this end. If so, it counts as told from now on. */
static bool is_news(LinkLog *log, Reason reason, const char *detail, uint64_t now_usec) {
        const LinkFault fault = {.reason = reason, .detail = hash(detail), .told_usec = now_usec};
        LinkFault *place = place_of(log, &fault);
        bool known = place->reason == fault.reason && place->detail == fault.detail &&
                     is_recent(place->told_usec, now_usec);
        bool may = log_bucket_has(log->full_usec, ENTRIES_BURST, ENTRIES_INTERVAL_USEC, now_usec);

        /* With "online" as the last entry, the state has changed, whatever the reason. */
        if ((known && !log->says_online) || !may)
                if (is_recent(log->told_usec[reason], now_usec))
                        return false;
        if (may)
                log_bucket_take(&log->full_usec, ENTRIES_INTERVAL_USEC, now_usec);
        log->told_usec[reason] = now_usec;
        *place = fault;
        return true;
}

/* Without credentials, nobody has tried to connect. */
static const char *what_ended(const LinkStatus *status,
                              bool was_online,
                              char *buffer,
                              size_t size) {
        const char *words = was_online ? "Lost the connection to" : "Cannot connect to";

        if (status->reason == REASON_AUTH_UNREACHABLE || status->reason == REASON_AUTH_REFUSED ||
            !status->host)
                return "No credentials to connect with";
        if (status->reason == REASON_RELOADED)
                words = "Closed the connection to";
        (void)snprintf(buffer, size, "%s %s:%u", words, status->host, (unsigned)status->port);
        return buffer;
}

void link_log_end(LinkLog *log, const LinkStatus *status, bool was_online, uint64_t now_usec) {
        uint64_t wait_usec =
                        status->retry_at_usec > now_usec ? status->retry_at_usec - now_usec : 0;
        uint64_t wait_sec = (wait_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
        const char *advice = reason_advice(status->reason);
        LogField fields[FIELDS_MAX];
        char repeats[64] = "", what[320];
        Numbers numbers;
        size_t n = fields_of(status, wait_sec, log->n_silent, &numbers, fields);

        if (!is_news(log, status->reason, status->detail, now_usec)) {
                log->n_silent++;
                log_debug("%s again: %s", was_online ? "Lost" : "Failed",
                          reason_word(status->reason));
                return;
        }
        if (log->n_silent > 0)
                (void)snprintf(repeats, sizeof(repeats),
                               " %u more attempts have failed since the last entry.",
                               log->n_silent);
        log->n_silent = 0;
        log->says_online = false;
        log_event(event_of(status, was_online), fields, n,
                  "%s: %s%s%s%s. %s%sTrying again in %" PRIu64 " s.%s",
                  what_ended(status, was_online, what, sizeof(what)), reason_phrase(status->reason),
                  status->detail[0] ? " (" : "", status->detail, status->detail[0] ? ")" : "",
                  advice, advice[0] ? ". " : "", wait_sec, repeats);
}
