/* SPDX-License-Identifier: Apache-2.0 */
#include "message/route-pattern.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "message/topic.h"
#include "util/macro.h"

_printf_(2, 3) static int refuse(char **ret_error, const char *format, ...) {
        va_list args;
        char *error = NULL;
        int n;

        va_start(args, format);
        n = vasprintf(&error, format, args);
        va_end(args);
        if (n < 0)
                return -ENOMEM;
        *ret_error = error;
        return -EINVAL;
}

/* The placeholder that @text begins with: its size, 0 if it is none of ours. */
static size_t placeholder_find(const char *text,
                               const RouteVariables *variables,
                               const char **ret_value) {
        const struct {
                const char *name, *value;
        } known[] = {
                        {"${product_key}", variables->product_key},
                        {"${device_name}", variables->device_name},
                        {"${client_id}", variables->client_id},
        };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strncmp(text, known[i].name, strlen(known[i].name)) == 0) {
                        *ret_value = known[i].value;
                        return strlen(known[i].name);
                }
        return 0;
}

int route_pattern_expand(const char *text,
                         const char *which,
                         const RouteVariables *variables,
                         char **ret,
                         char **ret_error) {
        _cleanup_(freep) char *expanded = NULL;
        size_t size = 0;
        FILE *stream;
        int r = 0;

        stream = open_memstream(&expanded, &size);
        if (!stream)
                return -ENOMEM;

        for (const char *p = text; *p && r == 0;) {
                const char *value = NULL;
                size_t n = strncmp(p, "${", 2) == 0 ? placeholder_find(p, variables, &value) : 1;

                if (n == 0)
                        r = refuse(ret_error,
                                   "the %s pattern '%s' has an unknown placeholder at '%s'; "
                                   "there are ${product_key}, ${device_name} and ${client_id}",
                                   which, text, p);
                else if (n == 1)
                        (void)fputc(*p, stream);
                else if (!value)
                        r = refuse(ret_error,
                                   "the %s pattern '%s' uses %.*s, which the configuration does "
                                   "not set",
                                   which, text, (int)n, p);
                else if (strpbrk(value, "+#"))
                        r = refuse(ret_error,
                                   "the %s pattern '%s' uses %.*s, whose value has a wildcard ('+' "
                                   "or '#') in it",
                                   which, text, (int)n, p);
                else
                        (void)fputs(value, stream);
                p += n;
        }

        /* A stream in memory fails only for want of memory; closing it reports that. */
        if (ferror(stream) && r == 0)
                r = -ENOMEM;
        if (fclose(stream) != 0 && r == 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(expanded);
        return 0;
}

/* Both patterns' wildcards, in order, must be the same. */
static bool wildcards_agree(const char *a, const char *b) {
        for (;;) {
                a = strpbrk(a, "+#");
                b = strpbrk(b, "+#");
                if (!a || !b)
                        return a == b;
                if (*a++ != *b++)
                        return false;
        }
}

int route_patterns_check(const char *local, const char *remote, char **ret_error) {
        const char *problem;

        problem = topic_filter_problem(local, NULL);
        if (problem)
                return refuse(ret_error, "the local pattern '%s' %s", local, problem);
        problem = topic_filter_problem(remote, NULL);
        if (problem)
                return refuse(ret_error, "the remote pattern '%s' %s", remote, problem);
        if (!wildcards_agree(local, remote))
                return refuse(ret_error,
                              "the local pattern '%s' and the remote pattern '%s' must have the "
                              "same wildcards in the same order",
                              local, remote);
        return 0;
}
