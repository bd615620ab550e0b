/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/file.h"

void answer_done(Answer *answer) {
        (void)secret_free(answer->message);
        (void)secret_free(answer->client_id);
        (void)secret_free(answer->username);
        (void)secret_free(answer->password);
        (void)secret_free(answer->host);
        (void)secret_free(answer->device_secret);
        (void)secret_free(answer->device_token);
        *answer = (Answer){0};
}

int answer_fail(Answer *answer, Result result, int code, const char *format, ...) {
        char *message;
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(&message, format, args);
        va_end(args);
        if (r < 0)
                return -ENOMEM;

        answer_done(answer);
        *answer = (Answer){.result = result, .code = code, .message = message};
        return 0;
}

static const char *result_to_string(Result result) {
        switch (result) {
        case RESULT_OK:
                return "ok";
        case RESULT_TEMPORARY:
                return "temporary";
        case RESULT_REFUSED:
        default:
                return "refused";
        }
}

typedef struct Line {
        const char *name, *value; /* without a value there is no line */
} Line;

static bool value_is_sound(const char *value) {
        for (const char *p = value; *p; p++)
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        return false;
        return true;
}

int answer_format(const Answer *answer, char **ret) {
        char code[16], port[8], expires[16];
        const Line lines[] = {
                        {"result", result_to_string(answer->result)},
                        {"code", answer->code ? code : NULL},
                        {"message", answer->message},
                        {"client_id", answer->client_id},
                        {"username", answer->username},
                        {"password", answer->password},
                        {"host", answer->host},
                        {"port", answer->port ? port : NULL},
                        {"expires_in", answer->expires_sec ? expires : NULL},
                        {"device_secret", answer->device_secret},
                        {"device_token", answer->device_token},
        };
        size_t size = 1;
        char *text, *p;

        (void)snprintf(code, sizeof(code), "%d", answer->code);
        (void)snprintf(port, sizeof(port), "%" PRIu16, answer->port);
        (void)snprintf(expires, sizeof(expires), "%" PRIu32, answer->expires_sec);

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                if (!lines[i].value)
                        continue;
                if (!value_is_sound(lines[i].value))
                        return -EBADMSG;
                size += strlen(lines[i].name) + strlen(lines[i].value) + 2;
        }
        text = malloc(size);
        if (!text)
                return -ENOMEM;

        p = text;
        *p = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                if (lines[i].value)
                        p = stpcpy(stpcpy(stpcpy(stpcpy(p, lines[i].name), "="), lines[i].value),
                                   "\n");
        *ret = text;
        return 0;
}
