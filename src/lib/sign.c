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

/* @ret borrows everything. */
static int identity_from_public(const iotlink_sign_identity *from,
                                Identity *ret,
                                char **ret_error) {
        const char *key;

        /* Later versions know longer ones; this one's members are the shortest there can be. */
        if (!from || from->struct_size < sizeof(*from)) {
                if (asprintf(ret_error, "struct_size isn't that of iotlink_sign_identity") < 0)
                        return -ENOMEM;
                return -EINVAL;
        }
        *ret = (Identity){
                        .mode = AUTH_DEVICE,
                        .product_key = borrow(from->product_key),
                        .device_name = borrow(from->device_name),
                        .client_id = borrow(from->client_id),
                        .secret = borrow(from->device_secret),
                        .region = borrow(from->region),
                        .instance_id = borrow(from->instance_id),
                        .host = borrow(from->host),
                        .port = from->port,
                        .tls = from->tls != 0,
                        .sign_method = method_from_public(from->method),
                        .timestamp_kind = from->timestamp ? TIMESTAMP_FIXED : TIMESTAMP_NONE,
                        .timestamp = borrow(from->timestamp),
                        .extra_params = borrow(from->extra_params),
        };
        return identity_check(ret, &key, ret_error);
}

_public_ int iotlink_sign_check(const iotlink_sign_identity *identity, iotlink_sign_text *error) {
        _cleanup_(freep) char *sentence = NULL;
        Identity id;
        int r;

        r = identity_from_public(identity, &id, &sentence);
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
        _cleanup_(freep) char *sentence = NULL;
        Identity id;
        int r;

        if (!connect)
                return -EINVAL;
        r = identity_from_public(identity, &id, &sentence);
        if (r < 0)
                return r;
        r = credentials_make(&id, 0, &c); /* no TIMESTAMP_NOW, so the time doesn't matter */
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
