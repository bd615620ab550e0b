/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/parse.h"

#define HOST_BYTES_MAX 253U /* RFC 1035, written without the root's dot */
#define HOST_LABEL_MAX 63U

int parse_unsigned(const char *s, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (!*s)
                return -EINVAL;
        if (s[strspn(s, "0123456789")])
                return -EINVAL;
        for (; *s; s++) {
                uint64_t digit = (uint64_t)(*s - '0');

                if (value > (max - digit) / 10 || digit > max)
                        return -ERANGE;
                value = value * 10 + digit;
        }
        *ret = value;
        return 0;
}

static bool host_name_is_valid(const char *s) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_";

        if (strlen(s) > HOST_BYTES_MAX)
                return false;
        for (;;) {
                size_t n = strspn(s, letters);

                if (n == 0 || n > HOST_LABEL_MAX || *s == '-')
                        return false;
                s += n;
                if (!*s)
                        return true;
                if (*s++ != '.')
                        return false;
        }
}

static bool host_address_is_valid(const char *s) {
        struct in6_addr address;

        return inet_pton(AF_INET6, s, &address) == 1;
}

int parse_host_port(const char *s, char **ret_host, uint16_t *ret_port) {
        _cleanup_(freep) char *host = NULL;
        bool bracketed = *s == '[';
        const char *end;
        uint64_t port = 0;

        if (bracketed)
                s++;
        end = s + strcspn(s, bracketed ? "]" : ":");
        if (bracketed && !*end)
                return -EINVAL;
        host = strndup(s, (size_t)(end - s));
        if (!host)
                return -ENOMEM;
        if (bracketed)
                end++;
        if (!(bracketed ? host_address_is_valid(host) : host_name_is_valid(host)))
                return -EINVAL;
        if (*end && *end != ':')
                return -EINVAL;
        if (*end && (parse_unsigned(end + 1, UINT16_MAX, &port) < 0 || port == 0))
                return -ERANGE;

        *ret_host = TAKE_PTR(host);
        *ret_port = (uint16_t)port;
        return 0;
}
