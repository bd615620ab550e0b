/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/mq-token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/file.h"

#define TOPIC_EXPIRES "$SYS/tokenExpireNotice"
#define TOPIC_INVALID "$SYS/tokenInvalidNotice"
#define TOPIC_UPLOAD  "$SYS/uploadToken"

/* Tokens of the link's own numbering begin at 1; these can't meet them in the life of a daemon. */
#define LINK_TOKEN UINT64_MAX

MqNotice mq_token_notice(const Message *message) {
        const char *topic = message_topic(message);

        if (strcmp(topic, TOPIC_EXPIRES) == 0)
                return MQ_NOTICE_EXPIRES;
        if (strcmp(topic, TOPIC_INVALID) == 0)
                return MQ_NOTICE_INVALID;
        return MQ_NOTICE_NONE;
}

/*
 * The number behind "code": all that is wanted of the notice. The whole would be JSON from the
 * network, which this process does not parse.
 */
static int notice_code(const Message *message) {
        static const char name[] = "\"code\"";
        const char *payload = message_payload(message), *end = payload, *at;
        int code = 0, sign = 1;

        if (message_payload_size(message) == 0)
                return 0;
        end += message_payload_size(message);
        at = memmem(payload, message_payload_size(message), name, sizeof(name) - 1);
        if (!at)
                return 0;
        for (at += sizeof(name) - 1; at < end && strchr(" :\"", *at) && *at; at++)
                ;
        if (at < end && *at == '-') {
                sign = -1;
                at++;
        }
        for (; at < end && *at >= '0' && *at <= '9' && code < 1000; at++)
                code = code * 10 + (*at - '0');
        return sign * code;
}

const char *mq_token_invalid_words(const Message *message) {
        switch (notice_code(message)) {
        case 1:
                return "it is forged or damaged (code 1)";
        case 2:
                return "it has expired (code 2)";
        case 3:
                return "it was revoked (code 3)";
        case 4:
                return "it is for other topics (code 4)";
        case 5:
                return "it does not give this permission (code 5)";
        case 8:
                return "its signature is wrong (code 8)";
        case -1:
                return "the account has a problem (code -1)";
        default:
                return "the server gives no reason that is known";
        }
}

static int upload(Link *link, const char *type, const char *token) {
        _cleanup_(message_unrefp) Message *message = NULL;
        char *json;
        int n, r;

        /* Tokens are Base64 and the like; what JSON would have to escape is no token. */
        for (const char *c = token; *c; c++)
                if (*c < '!' || *c > '~' || *c == '"' || *c == '\\')
                        return -EINVAL;
        n = asprintf(&json, "{\"token\":\"%s\",\"type\":\"%s\"}", token, type);
        if (n < 0)
                return -ENOMEM;
        r = message_new(&message, TOPIC_UPLOAD, json, (size_t)n, 1);
        (void)secret_free(json);
        return r < 0 ? r : link_publish(link, LINK_TOKEN, message, 1);
}

int mq_token_upload(Link *link, const char *tokens) {
        _cleanup_(secret_freep) char *copy = strdup(tokens);
        char *rest = copy, *type, *token;
        int n = 0, r;

        if (!copy)
                return -ENOMEM;
        while ((type = strsep(&rest, "|"))) {
                token = strsep(&rest, "|");
                if (!token || !*token ||
                    (strcmp(type, "R") != 0 && strcmp(type, "W") != 0 && strcmp(type, "RW") != 0))
                        return -EINVAL;
                r = upload(link, type, token);
                if (r < 0)
                        return r;
                n++;
        }
        return n;
}
