/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Request
 *
 * The text is kept in one piece and cut into strings where it lies, so that there is one place to
 * wipe. A table says which names there are and what their values may look like.
 */

#include "helper/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/parse.h"
#include "util/utf8.h"

#define CLIENT_ID_MAX 64U
#define VALUE_MAX     4096U

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

typedef enum FieldName {
        FIELD_PROTOCOL,
        FIELD_AUTH,
        FIELD_PRODUCT_KEY,
        FIELD_DEVICE_NAME,
        FIELD_CLIENT_ID,
        FIELD_SECRET,
        FIELD_SIGN_METHOD,
        FIELD_TIMESTAMP,
        FIELD_REGION,
        FIELD_INSTANCE_ID,
        FIELD_HOST,
        FIELD_PORT,
        FIELD_AUTH_VIA,
        FIELD_AUTH_URL,
        FIELD_ROOT_FILE,
        FIELD_BROKER_ROOT_FILE,
        FIELD_BROKER_PORT,
        _FIELD_MAX,
} FieldName;

/* A value has 1 to @max characters, all of @only or none of @never. */
static const struct Field {
        const char *name;
        size_t max;
        const char *only, *never;
} fields[_FIELD_MAX] = {
                [FIELD_PROTOCOL] = {"protocol", 8, DIGITS, NULL},
                [FIELD_AUTH] = {"auth", 32, NULL, NULL},
                [FIELD_PRODUCT_KEY] = {"product_key", 64, LETTERS DIGITS "_-", NULL},
                [FIELD_DEVICE_NAME] = {"device_name", 64, LETTERS DIGITS "-_@.:", NULL},
                [FIELD_CLIENT_ID] = {"client_id", CLIENT_ID_MAX, NULL, "|"},
                [FIELD_SECRET] = {"secret", 256, NULL, NULL},
                [FIELD_SIGN_METHOD] = {"sign_method", 16, NULL, NULL},
                [FIELD_TIMESTAMP] = {"timestamp", 20, DIGITS, NULL},
                [FIELD_REGION] = {"region", 32, LETTERS DIGITS "-", NULL},
                [FIELD_INSTANCE_ID] = {"instance_id", 63, LETTERS DIGITS "_-", NULL},
                [FIELD_HOST] = {"host", 253, LETTERS DIGITS "-_.:", NULL},
                [FIELD_PORT] = {"port", 5, DIGITS, NULL},
                [FIELD_AUTH_VIA] = {"auth_via", 8, NULL, NULL},
                [FIELD_AUTH_URL] = {"auth_url", 1024, NULL, " \"#<>?@\\^`{|}"},
                [FIELD_ROOT_FILE] = {"root_file", VALUE_MAX, NULL, NULL},
                [FIELD_BROKER_ROOT_FILE] = {"broker_root_file", VALUE_MAX, NULL, NULL},
                [FIELD_BROKER_PORT] = {"broker_port", 5, DIGITS, NULL},
};

static const char *const auth_names[_REQUEST_AUTH_MAX] = {
                [REQUEST_AUTH_HTTPS] = "https",
                [REQUEST_AUTH_REGISTER] = "register",
                [REQUEST_AUTH_REGISTER_FREE] = "register-free",
};

static const char *const via_names[_REQUEST_VIA_MAX] = {
                [REQUEST_VIA_MQTT] = "mqtt",
                [REQUEST_VIA_HTTPS] = "https",
};

void request_done(Request *request) {
        if (request->text)
                explicit_bzero(request->text, request->size);
        free(request->text);
        *request = (Request){0};
}

_printf_(2, 3) static int refuse(char **ret_error, const char *format, ...) {
        va_list args;
        char *error;
        int r;

        va_start(args, format);
        r = vasprintf(&error, format, args);
        va_end(args);
        if (r < 0)
                return -ENOMEM;
        *ret_error = error;
        return REQUEST_E_INVALID;
}

static bool has_control(const char *s) {
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return true;
        return false;
}

static bool field_accepts(const struct Field *field, const char *value) {
        size_t size = strlen(value);

        if (size == 0 || size > field->max || has_control(value))
                return false;
        if (field->only && value[strspn(value, field->only)])
                return false;
        return !field->never || !strpbrk(value, field->never);
}

static int take_line(char *line, unsigned number, const char **values, char **ret_error) {
        char *equals = strchr(line, '=');

        if (!equals || equals == line)
                return refuse(ret_error, "line %u is not of the form name=value", number);
        *equals = '\0';
        for (size_t i = 0; i < _FIELD_MAX; i++) {
                if (strcmp(line, fields[i].name) != 0)
                        continue;
                if (values[i])
                        return refuse(ret_error, "%s is given twice", fields[i].name);
                if (!field_accepts(&fields[i], equals + 1))
                        return refuse(ret_error, "the value of %s is malformed", fields[i].name);
                values[i] = equals + 1;
                return 0;
        }
        return 0;
}

/* Cuts @request's text into @values. */
static int take_lines(Request *request, const char **values, char **ret_error) {
        char *line = request->text;
        unsigned number = 1;
        int r;

        if (memchr(request->text, '\0', request->size) ||
            !utf8_is_valid(request->text, request->size))
                return refuse(ret_error, "it is not text in UTF-8");

        for (;; number++) {
                char *end = strchr(line, '\n');

                if (!end)
                        return refuse(ret_error, "there is no empty line at its end");
                if (end == line)
                        break;
                *end = '\0';
                r = take_line(line, number, values, ret_error);
                if (r != 0)
                        return r;
                line = end + 1;
        }
        return line[1] ? refuse(ret_error, "there is more behind its empty line") : 0;
}

static int take_word(const char *value, const char *const *words, size_t n_words, int *ret) {
        for (size_t i = 0; i < n_words; i++)
                if (value && strcmp(value, words[i]) == 0) {
                        *ret = (int)i;
                        return 0;
                }
        return -ENOENT;
}

static int take_port(const char *value, uint16_t *ret) {
        uint64_t port;

        if (!value)
                return 0;
        if (parse_unsigned(value, UINT16_MAX, &port) < 0 || port == 0)
                return -ERANGE;
        *ret = (uint16_t)port;
        return 0;
}

static int take_values(Request *request, const char *const *values, char **ret_error) {
        int auth, via = REQUEST_VIA_MQTT, method = SIGN_HMACSHA256;

        if (!values[FIELD_PROTOCOL] || strcmp(values[FIELD_PROTOCOL], "1") != 0)
                return refuse(ret_error, "only protocol=1 is spoken here");
        if (take_word(values[FIELD_AUTH], auth_names, ARRAY_SIZE(auth_names), &auth) < 0)
                return refuse(ret_error, "auth is none of https, register, register-free");
        if (values[FIELD_AUTH_VIA] &&
            take_word(values[FIELD_AUTH_VIA], via_names, ARRAY_SIZE(via_names), &via) < 0)
                return refuse(ret_error, "auth_via is neither https nor mqtt");
        if (values[FIELD_SIGN_METHOD]) {
                method = (int)sign_method_from_string(values[FIELD_SIGN_METHOD]);
                if (method != SIGN_HMACMD5 && method != SIGN_HMACSHA1 && method != SIGN_HMACSHA256)
                        return refuse(ret_error, "sign_method is none of hmacmd5, hmacsha1, "
                                                 "hmacsha256");
        }
        if (take_port(values[FIELD_PORT], &request->port) < 0)
                return refuse(ret_error, "port is out of range");
        if (take_port(values[FIELD_BROKER_PORT], &request->broker_port) < 0)
                return refuse(ret_error, "broker_port is out of range");

        request->auth = (RequestAuth)auth;
        request->via = (RequestVia)via;
        request->sign_method = (SignMethod)method;
        request->product_key = values[FIELD_PRODUCT_KEY];
        request->device_name = values[FIELD_DEVICE_NAME];
        request->client_id = values[FIELD_CLIENT_ID];
        request->secret = values[FIELD_SECRET];
        request->timestamp = values[FIELD_TIMESTAMP];
        request->region = values[FIELD_REGION];
        request->instance_id = values[FIELD_INSTANCE_ID];
        request->host = values[FIELD_HOST];
        request->auth_url = values[FIELD_AUTH_URL];
        request->root_file = values[FIELD_ROOT_FILE];
        request->broker_root_file = values[FIELD_BROKER_ROOT_FILE];
        return 0;
}

static int check_complete(const Request *request, char **ret_error) {
        if (!request->product_key)
                return refuse(ret_error, "identity.product_key is missing");
        if (!request->device_name)
                return refuse(ret_error, "identity.device_name is missing");
        if (!request->client_id)
                return refuse(ret_error, "client_id is missing");
        if (!request->secret)
                return refuse(ret_error, "the %s secret is missing",
                              request->auth == REQUEST_AUTH_HTTPS ? "device" : "product");
        if (request->auth_url && strncmp(request->auth_url, "https://", 8) != 0)
                return refuse(ret_error, "auth_url does not begin with https://");
        return 0;
}

int request_parse(const char *text, size_t size, Request *ret, char **ret_error) {
        _cleanup_(request_done) Request request = {0};
        const char *values[_FIELD_MAX] = {0};
        int r;

        if (size > REQUEST_SIZE_MAX)
                return refuse(ret_error, "it is too long");
        request.text = calloc(1, size + 1);
        if (!request.text)
                return -ENOMEM;
        if (size > 0)
                memcpy(request.text, text, size);
        request.size = size;

        r = take_lines(&request, values, ret_error);
        if (r == 0)
                r = take_values(&request, values, ret_error);
        if (r == 0)
                r = check_complete(&request, ret_error);
        if (r != 0)
                return r;

        *ret = request;
        request = (Request){0};
        return 0;
}

/* Reads to the end or until @size bytes are there. Returns the count or -errno. */
static ssize_t read_all(int fd, char *text, size_t size) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = read(fd, text + done, size - done);

                if (n == 0)
                        break;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }
        return (ssize_t)done;
}

int request_read(int fd, Request *ret, char **ret_error) {
        _cleanup_(freep) char *text = malloc(REQUEST_SIZE_MAX + 1);
        ssize_t n;
        int r;

        if (!text)
                return -ENOMEM;
        n = read_all(fd, text, REQUEST_SIZE_MAX + 1);
        r = n < 0 ? (int)n : request_parse(text, (size_t)n, ret, ret_error);
        explicit_bzero(text, REQUEST_SIZE_MAX + 1);
        return r;
}
