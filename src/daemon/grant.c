/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/grant.h"

#include <errno.h>
#include <string.h>

#include "util/file.h"
#include "util/pairs.h"
#include "util/parse.h"

/* Ten years: longer is never, and sums with it can't overflow. */
#define EXPIRES_MAX UINT64_C(315360000)

void grant_done(Grant *grant) {
        char *const strings[] = {grant->code,          grant->message,     grant->client_id,
                                 grant->username,      grant->password,    grant->host,
                                 grant->device_secret, grant->device_token};

        for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
                (void)secret_free(strings[i]);
        *grant = (Grant){0};
}

static int read_result(const char *value, Grant *grant) {
        if (strcmp(value, "ok") == 0)
                grant->result = GRANT_OK;
        else if (strcmp(value, "temporary") == 0)
                grant->result = GRANT_TEMPORARY;
        else if (strcmp(value, "refused") == 0)
                grant->result = GRANT_REFUSED;
        else
                return -EBADMSG;
        return 0;
}

static int read_number(const char *value, uint64_t max, uint64_t *ret) {
        return parse_unsigned(value, max, ret) < 0 ? -EBADMSG : 0;
}

static int read_pair(const char *name, char *value, void *userdata) {
        Grant *grant = userdata;
        const struct {
                const char *name;
                char **place;
        } strings[] = {
                        {"code", &grant->code},
                        {"message", &grant->message},
                        {"client_id", &grant->client_id},
                        {"username", &grant->username},
                        {"password", &grant->password},
                        {"host", &grant->host},
                        {"device_secret", &grant->device_secret},
                        {"device_token", &grant->device_token},
        };
        uint64_t number;

        if (strcmp(name, "result") == 0)
                return read_result(value, grant);
        if (strcmp(name, "expires_in") == 0)
                return read_number(value, EXPIRES_MAX, &grant->expires_in_sec);
        if (strcmp(name, "port") == 0) {
                if (read_number(value, UINT16_MAX, &number) < 0)
                        return -EBADMSG;
                grant->port = (uint16_t)number;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
                if (strcmp(name, strings[i].name) != 0)
                        continue;
                (void)secret_free(*strings[i].place); /* the last one counts */
                *strings[i].place = strdup(value);
                return *strings[i].place ? 0 : -ENOMEM;
        }
        return 0; /* names of later versions */
}

int grant_parse(char *text, size_t size, Grant *ret) {
        _cleanup_(grant_done) Grant grant = {0};
        int r;

        r = pairs_parse(text, size, read_pair, &grant);
        if (r < 0)
                return r;
        if (grant.result == GRANT_NONE)
                return -EBADMSG;
        *ret = grant;
        grant = (Grant){0};
        return 0;
}
