/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/facts.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define LABEL_WIDTH_MAX 40U

typedef enum FactKind {
        FACT_PLAIN,
        FACT_TIME,     /* seconds since 1970 */
        FACT_DURATION, /* seconds */
        FACT_DAYS,
} FactKind;

typedef struct Fact {
        const char *name;
        FactKind kind;
        const char *label; /* NULL: the name with spaces */
} Fact;

static const Fact *fact_find(const char *name) {
        static const Fact facts[] = {
                        {"since", FACT_TIME, NULL},
                        {"started", FACT_TIME, NULL},
                        {"retry_in", FACT_DURATION, NULL},
                        {"keepalive", FACT_DURATION, NULL},
                        {"drain_seconds", FACT_DURATION, "drains in"},
                        {"root_days", FACT_DAYS, "root expires in"},
                        {"tls", FACT_PLAIN, "TLS"},
                        {"tls_version", FACT_PLAIN, "TLS version"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
                if (strcmp(name, facts[i].name) == 0)
                        return &facts[i];
        return NULL;
}

static FactKind fact_kind(const char *name) {
        const Fact *fact = fact_find(name);
        const char *suffix = strrchr(name, '_');

        if (fact)
                return fact->kind;
        if (!suffix)
                return FACT_PLAIN;
        if (strcmp(suffix, "_since") == 0 || strcmp(suffix, "_at") == 0)
                return FACT_TIME;
        if (strcmp(suffix, "_sec") == 0)
                return FACT_DURATION;
        return strcmp(suffix, "_days") == 0 ? FACT_DAYS : FACT_PLAIN;
}

void fact_label(const char *name, char ret[FACT_TEXT_MAX]) {
        const Fact *fact = fact_find(name);

        (void)snprintf(ret, FACT_TEXT_MAX, "%s", fact && fact->label ? fact->label : name);
        for (char *p = ret; *p; p++)
                if (*p == '_' || (unsigned char)*p < ' ' || *p == '\x7f')
                        *p = ' ';
}

void fact_time(int64_t seconds, char ret[FACT_TEXT_MAX]) {
        time_t t = (time_t)seconds;
        struct tm tm;

        if (!localtime_r(&t, &tm) || strftime(ret, FACT_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                (void)snprintf(ret, FACT_TEXT_MAX, "%" PRId64, seconds);
}

void fact_duration(int64_t seconds, char ret[FACT_TEXT_MAX]) {
        const int64_t minute = 60, hour = 60 * minute, day = 24 * hour;

        if (seconds < 2 * minute)
                (void)snprintf(ret, FACT_TEXT_MAX, "%" PRId64 " s", seconds);
        else if (seconds < 2 * hour)
                (void)snprintf(ret, FACT_TEXT_MAX, "%" PRId64 " min", seconds / minute);
        else if (seconds < 2 * day)
                (void)snprintf(ret, FACT_TEXT_MAX, "%" PRId64 " h %" PRId64 " min", seconds / hour,
                               seconds % hour / minute);
        else
                (void)snprintf(ret, FACT_TEXT_MAX, "%" PRId64 " days", seconds / day);
}

static void integer_text(FactKind kind, int64_t value, int64_t now, char *ret) {
        char text[FACT_TEXT_MAX];

        switch (kind) {
        case FACT_TIME:
                fact_time(value, ret);
                if (value <= now) {
                        size_t len = strlen(ret);

                        fact_duration(now - value, text);
                        (void)snprintf(ret + len, FACT_TEXT_MAX - len, " (%.40s ago)", text);
                }
                break;
        case FACT_DURATION:
                fact_duration(value, ret);
                break;
        case FACT_DAYS:
                (void)snprintf(ret, FACT_TEXT_MAX, "%" PRId64 " day%s", value,
                               value == 1 ? "" : "s");
                break;
        case FACT_PLAIN:
        default:
                (void)snprintf(ret, FACT_TEXT_MAX, "%" PRId64, value);
        }
}

void fact_text(const char *name, const json_t *value, int64_t now, char ret[FACT_TEXT_MAX]) {
        if (json_is_string(value)) {
                (void)snprintf(ret, FACT_TEXT_MAX, "%s", json_string_value(value));
                for (char *p = ret; *p; p++) /* it may hold what the cloud has said */
                        if ((unsigned char)*p < ' ' || *p == '\x7f')
                                *p = '?';
        } else if (json_is_integer(value))
                integer_text(fact_kind(name), json_integer_value(value), now, ret);
        else if (json_is_boolean(value))
                (void)snprintf(ret, FACT_TEXT_MAX, "%s", json_is_true(value) ? "yes" : "no");
        else {
                size_t size = json_dumpb(value, ret, FACT_TEXT_MAX - 1,
                                         JSON_COMPACT | JSON_ENCODE_ANY);

                ret[size < FACT_TEXT_MAX ? size : FACT_TEXT_MAX - 1] = '\0';
        }
}

static bool is_protocol(const char *name) {
        return strcmp(name, "op") == 0 || strcmp(name, "id") == 0;
}

void facts_print(json_t *object, int64_t now, FILE *f) {
        char label[FACT_TEXT_MAX], text[FACT_TEXT_MAX];
        const char *name;
        json_t *value;
        size_t width = 0;

        json_object_foreach(object, name, value) {
                fact_label(name, label);
                if (!is_protocol(name) && strlen(label) > width)
                        width = strlen(label);
        }
        if (width > LABEL_WIDTH_MAX)
                width = LABEL_WIDTH_MAX;
        json_object_foreach(object, name, value) {
                if (is_protocol(name))
                        continue;
                fact_label(name, label);
                fact_text(name, value, now, text);
                (void)fprintf(f, "%-*s  %s\n", (int)width, label, text);
        }
}

void facts_print_line(json_t *object, int64_t now, FILE *f) {
        char label[FACT_TEXT_MAX], text[FACT_TEXT_MAX];
        const char *name;
        json_t *value;

        json_object_foreach(object, name, value) {
                if (is_protocol(name) || strcmp(name, "state") == 0 || strcmp(name, "since") == 0)
                        continue;
                fact_label(name, label);
                fact_text(name, value, now, text);
                (void)fprintf(f, ", %s: %s", label, text);
        }
}
