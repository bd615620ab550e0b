/* SPDX-License-Identifier: Apache-2.0 */
#include "local/json-member.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "message/topic.h"

int request_refuse(Request *request, LocalError error, const char *format, ...) {
        va_list args;

        request->error = error;
        va_start(args, format);
        (void)vsnprintf(request->problem, sizeof(request->problem), format, args);
        va_end(args);
        return CODEC_REFUSED;
}

const json_t *member(const json_t *line, const char *name) {
        const json_t *value = json_object_get(line, name);

        return json_is_null(value) ? NULL : value;
}

int member_string(const json_t *line,
                  const char *name,
                  LocalError nul_error,
                  const char **ret,
                  Request *request) {
        const json_t *value = member(line, name);

        if (value && !json_is_string(value))
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "%s must be a string",
                                      name);
        if (value && strlen(json_string_value(value)) != json_string_length(value))
                return request_refuse(request, nul_error, "%s contains the character U+0000", name);
        *ret = json_string_value(value);
        return 0;
}

int member_integer(const json_t *line,
                   const char *name,
                   int64_t min,
                   int64_t max,
                   int64_t *value_if_present,
                   Request *request) {
        const json_t *value = member(line, name);

        if (!value)
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < min ||
            json_integer_value(value) > max)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                      "%s must be an integer from %lld to %lld", name,
                                      (long long)min, (long long)max);
        *value_if_present = json_integer_value(value);
        return 0;
}

int member_bool(const json_t *line, const char *name, bool *value_if_present, Request *request) {
        const json_t *value = member(line, name);

        if (!value)
                return 0;
        if (!json_is_boolean(value))
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "%s must be true or false",
                                      name);
        *value_if_present = json_is_true(value);
        return 0;
}

int member_qos(const json_t *line, int qos_if_absent, Request *request) {
        int64_t qos = qos_if_absent;
        int r;

        r = member_integer(line, "qos", 0, 2, &qos, request);
        if (r != 0) {
                request->problem[0] = '\0';
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST, "qos must be 0 or 1");
        }
        if (qos == 2)
                return request_refuse(request, LOCAL_ERROR_UNSUPPORTED,
                                      "QoS 2 is not supported, because the cloud doesn't offer it; "
                                      "qos must be 0 or 1");
        request->qos = (int)qos;
        return 0;
}

int member_id(const json_t *line, Request *request) {
        const json_t *value = member(line, "id");
        LocalId *id = &request->id;

        if (!value)
                return 0;
        if (json_is_integer(value)) {
                id->kind = LOCAL_ID_INTEGER;
                id->integer = json_integer_value(value);
                return 0;
        }
        if (!json_is_string(value) || json_string_length(value) > LOCAL_ID_BYTES_MAX ||
            strlen(json_string_value(value)) != json_string_length(value))
                return request_refuse(
                                request, LOCAL_ERROR_BAD_REQUEST,
                                "id must be an integer of 64 bits or a string of at most %u bytes",
                                LOCAL_ID_BYTES_MAX);
        id->kind = LOCAL_ID_STRING;
        memcpy(id->string, json_string_value(value), json_string_length(value) + 1);
        return 0;
}

int member_wait(const json_t *line, Request *request) {
        static const char *const words[] = {
                        [LOCAL_WAIT_SENT] = "sent",
                        [LOCAL_WAIT_STORED] = "stored",
                        [LOCAL_WAIT_DELIVERED] = "delivered",
        };
        const char *word = NULL;
        int r;

        r = member_string(line, "wait", LOCAL_ERROR_BAD_REQUEST, &word, request);
        if (r != 0 || !word)
                return r;
        for (size_t i = LOCAL_WAIT_SENT; i < ARRAY_SIZE(words); i++)
                if (strcmp(word, words[i]) == 0)
                        request->wait = (LocalWait)i;
        if (request->wait == LOCAL_WAIT_DEFAULT)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                      "wait must be \"sent\", \"stored\" or \"delivered\"");
        return 0;
}

int member_filter(const json_t *line, Request *request) {
        const char *problem;
        int r;

        r = member_string(line, "filter", LOCAL_ERROR_BAD_TOPIC, &request->filter, request);
        if (r != 0 || !request->filter)
                return r;
        problem = topic_filter_problem(request->filter, NULL);
        if (problem)
                return request_refuse(request, LOCAL_ERROR_BAD_TOPIC, "the filter %s", problem);
        return 0;
}
