/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The public signing API over the same code that the daemon signs with.
 */

#include "iotlink/sign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/credentials.h"
#include "auth/sign.h"
#include "lib/public.h"
#include "util/macro.h"

/* One text that shall go out. */
typedef struct Output {
        iotlink_sign_text *to;
        const char *text;
} Output;

/* Writes all or nothing. */
static int outputs_write(const Output *outputs, size_t n_outputs) {
        int r = 0;

        for (size_t i = 0; i < n_outputs; i++) {
                iotlink_sign_text *to = outputs[i].to;

                to->needed = strlen(outputs[i].text) + 1;
                if (!to->data || to->size < to->needed)
                        r = -ENOBUFS;
        }
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_outputs; i++)
                memcpy(outputs[i].to->data, outputs[i].text, outputs[i].to->needed);
        return 0;
}

static SignMethod method_from_public(int method) {
        switch (method) {
        case IOTLINK_SIGN_HMACMD5:
                return SIGN_HMACMD5;
        case IOTLINK_SIGN_HMACSHA1:
                return SIGN_HMACSHA1;
        case IOTLINK_SIGN_HMACSHA256:
                return SIGN_HMACSHA256;
        default:
                return _SIGN_METHOD_INVALID;
        }
}

_public_ int iotlink_sign_hmac(int method,
                               const char *key,
                               const char *content,
                               iotlink_sign_text *hex) {
        char text[SIGN_HEX_MAX];
        int r;

        if (!key || !content || !hex)
                return -EINVAL;
        r = sign_hex(method_from_public(method), key, content, text);
        if (r < 0)
                return r;
        r = outputs_write(&(Output){hex, text}, 1);
        explicit_bzero(text, sizeof(text));
        return r;
}

/* An Identity owns its strings, but this one never is identity_done(): they stay the caller's. */
static char *borrow(const char *s) {
        char *p;

        memcpy(&p, &s, sizeof(p));
        return p;
}

static AuthMode mode_from_public(int mode) {
        switch (mode) {
        case IOTLINK_SIGN_MODE_DEVICE:
                return AUTH_DEVICE;
        case IOTLINK_SIGN_MODE_REGISTER:
                return AUTH_REGISTER;
        case IOTLINK_SIGN_MODE_REGISTER_FREE:
        case IOTLINK_SIGN_MODE_DEVICE_TOKEN:
                return AUTH_REGISTER_FREE;
        case IOTLINK_SIGN_MODE_MQ_SIGNATURE:
                return AUTH_MQ_SIGNATURE;
        case IOTLINK_SIGN_MODE_MQ_DEVICE:
                return AUTH_MQ_DEVICE;
        case IOTLINK_SIGN_MODE_MQ_TOKEN:
                return AUTH_MQ_TOKEN;
        default:
                return _AUTH_MODE_INVALID;
        }
}

/* A device token is what the platform made it: a stand-in is checked instead. */
static const char *secret_to_check(const iotlink_sign_identity *from) {
        switch (from->mode) {
        case IOTLINK_SIGN_MODE_REGISTER:
        case IOTLINK_SIGN_MODE_REGISTER_FREE:
                return from->product_secret;
        case IOTLINK_SIGN_MODE_DEVICE_TOKEN:
                return "token";
        case IOTLINK_SIGN_MODE_MQ_SIGNATURE:
        case IOTLINK_SIGN_MODE_MQ_DEVICE:
                return from->access_key_secret;
        case IOTLINK_SIGN_MODE_MQ_TOKEN:
                return from->mq_token;
        case IOTLINK_SIGN_MODE_DEVICE:
        default:
                return from->device_secret;
        }
}

/* A client id that the platform has made up: it may be longer than what people may choose. */
static bool is_given(const char *client_id) {
        if (!client_id || !*client_id)
                return false;
        for (const char *p = client_id; *p; p++)
                if (*p < ' ' || *p > '~' || *p == '|')
                        return false;
        return true;
}

static bool mode_registers(int mode) {
        return mode == IOTLINK_SIGN_MODE_REGISTER || mode == IOTLINK_SIGN_MODE_REGISTER_FREE;
}

/* What no configuration file has, so that identity_check() doesn't know it. Returns a sentence, or
 * NULL when all is well. */
static const char *find_mistake(const iotlink_sign_identity *from) {
        if (!from || from->struct_size < sizeof(*from))
                return "struct_size isn't that of iotlink_sign_identity";
        if (mode_from_public(from->mode) == _AUTH_MODE_INVALID)
                return "mode is none of IOTLINK_SIGN_MODE_*";
        if (mode_registers(from->mode) && !from->tls)
                return "tls isn't set: the platform registers devices over TLS only";
        if (mode_registers(from->mode) && !credentials_random_is_valid(from->random))
                return "random is missing, or isn't 1 to 64 letters and digits";
        if (from->mode != IOTLINK_SIGN_MODE_DEVICE_TOKEN)
                return NULL;
        if (!is_given(from->client_id))
                return "client_id is missing, or not what came with the device_token: printable "
                       "ASCII without '|'";
        if (!from->device_token || !from->device_token[0])
                return "device_token is missing";
        return NULL;
}

/* @ret borrows everything. */
static int identity_from_public(const iotlink_sign_identity *from,
                                bool anywhere,
                                Identity *ret,
                                char **ret_error) {
        const char *key, *mistake = find_mistake(from);
        bool has_token;
        int r;

        if (mistake) {
                *ret_error = strdup(mistake);
                return *ret_error ? -EINVAL : -ENOMEM;
        }
        has_token = from->mode == IOTLINK_SIGN_MODE_DEVICE_TOKEN;
        *ret = (Identity){
                        .mode = mode_from_public(from->mode),
                        .product_key = borrow(from->product_key),
                        .device_name = borrow(from->device_name),
                        .client_id = borrow(has_token ? NULL : from->client_id),
                        .secret = borrow(secret_to_check(from)),
                        .access_key_id = borrow(from->access_key_id),
                        .group_id = borrow(from->group_id),
                        .device_id = borrow(from->device_id),
                        .region = borrow(from->region),
                        .instance_id = borrow(from->instance_id),
                        .host = borrow(anywhere && !from->host ? "anywhere" : from->host),
                        .port = from->port,
                        .tls = from->tls != 0,
                        /* With a token there is none. */
                        .sign_method = has_token ? SIGN_HMACSHA256
                                                 : method_from_public(from->method),
                        .timestamp_kind = from->timestamp ? TIMESTAMP_FIXED : TIMESTAMP_NONE,
                        .timestamp = borrow(from->timestamp),
                        .extra_params = borrow(from->extra_params),
        };
        r = identity_check(ret, &key, ret_error);
        if (r < 0 || !has_token)
                return r;
        ret->client_id = borrow(from->client_id);
        ret->secret = borrow(from->device_token);
        return 0;
}

static int make(const iotlink_sign_identity *from, bool anywhere, Credentials *ret) {
        _cleanup_(freep) char *sentence = NULL;
        Identity id;
        int r;

        r = identity_from_public(from, anywhere, &id, &sentence);
        if (r < 0)
                return r;
        if (mode_registers(from->mode))
                return credentials_make_registration(&id, from->random, ret);
        return credentials_make(&id, 0, ret); /* no TIMESTAMP_NOW, so the time doesn't matter */
}

_public_ int iotlink_sign_check(const iotlink_sign_identity *identity, iotlink_sign_text *error) {
        _cleanup_(freep) char *sentence = NULL;
        Identity id;
        int r;

        r = identity_from_public(identity, false, &id, &sentence);
        if (r == -EINVAL && sentence && error) {
                error->needed = strlen(sentence) + 1;
                if (error->data && error->size > 0) {
                        size_t len = error->needed < error->size ? error->needed - 1
                                                                 : error->size - 1;

                        memcpy(error->data, sentence, len);
                        error->data[len] = '\0';
                }
        }
        return r;
}

_public_ int iotlink_sign_device(const iotlink_sign_identity *identity,
                                 iotlink_sign_connect *connect) {
        _cleanup_(credentials_done) Credentials c = {0};
        int r;

        if (!connect)
                return -EINVAL;
        r = make(identity, false, &c);
        if (r < 0)
                return r;

        const Output outputs[] = {
                        {&connect->host, c.host},
                        {&connect->client_id, c.client_id},
                        {&connect->username, c.username},
                        {&connect->password, c.password},
        };
        r = outputs_write(outputs, ARRAY_SIZE(outputs));
        if (r < 0)
                return r;
        connect->port = c.port;
        return 0;
}

_public_ int iotlink_sign_content(const iotlink_sign_identity *identity,
                                  iotlink_sign_text *content,
                                  iotlink_sign_text *sign) {
        _cleanup_(credentials_done) Credentials c = {0};
        Output outputs[2];
        size_t n = 0;
        int r;

        r = make(identity, true, &c);
        if (r < 0)
                return r;
        if (!c.content)
                return -ENODATA;

        if (content)
                outputs[n++] = (Output){content, c.content};
        if (sign)
                outputs[n++] = (Output){sign, c.password};
        return outputs_write(outputs, n);
}
