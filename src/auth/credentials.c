/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Credentials
 *
 * One function a kind of cloud. The platform's client id carries a list of parameters between bars
 * behind it; only clientId, deviceName, productKey and timestamp are signed, with the bare client
 * id. The message queue signs the whole client id and nothing else.
 */

#include "auth/credentials.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PORT_TCP 1883
#define PORT_TLS 8883

void credentials_done(Credentials *credentials) {
        if (credentials->password)
                explicit_bzero(credentials->password, strlen(credentials->password));
        free(credentials->password);
        free(credentials->host);
        free(credentials->client_id);
        free(credentials->username);
        free(credentials->content);
        *credentials = (Credentials){0};
}

_printf_(2, 3) static int set_string(char **ret, const char *format, ...) {
        va_list args;
        char *s;
        int r;

        va_start(args, format);
        r = vasprintf(&s, format, args);
        va_end(args);
        if (r < 0)
                return -ENOMEM;
        *ret = s;
        return 0;
}

static bool mode_is_platform(AuthMode mode) {
        return mode == AUTH_DEVICE || mode == AUTH_HTTPS || mode == AUTH_REGISTER ||
               mode == AUTH_REGISTER_FREE;
}

int credentials_host(const Identity *id, char **ret) {
        if (id->host)
                return set_string(ret, "%s", id->host);
        if (!mode_is_platform(id->mode))
                return -ENOENT;
        if (id->instance_id)
                return set_string(ret, "%s.mqtt.iothub.aliyuncs.com", id->instance_id);
        if (id->region && id->product_key)
                return set_string(ret, "%s.iot-as-mqtt.%s.aliyuncs.com", id->product_key,
                                  id->region);
        return -ENOENT;
}

uint16_t credentials_port(const Identity *id) {
        if (id->port)
                return id->port;
        /* The platform's TLS stands on 1883 too, its newer root on 8883: see the settings. */
        return id->tls && !mode_is_platform(id->mode) ? PORT_TLS : PORT_TCP;
}

/* The digits to send and sign, or NULL in @ret. */
static int make_timestamp(const Identity *id, uint64_t wall_msec, char **ret) {
        switch (id->timestamp_kind) {
        case TIMESTAMP_NOW:
                return set_string(ret, "%" PRIu64, wall_msec);
        case TIMESTAMP_FIXED:
                return set_string(ret, "%s", id->timestamp);
        case TIMESTAMP_NONE:
                *ret = NULL;
                return 0;
        default:
                return -EINVAL;
        }
}

/* What is signed, and as the password its signature. */
static int sign_params(const Identity *id, SignParam *params, size_t n_params, Credentials *c) {
        char hex[SIGN_HEX_MAX];
        int r;

        r = sign_content(params, n_params, &c->content);
        if (r < 0)
                return r;
        r = sign_hex(id->sign_method, id->secret, c->content, hex);
        if (r < 0)
                return r;
        r = set_string(&c->password, "%s", hex);
        explicit_bzero(hex, sizeof(hex));
        return r;
}

static int make_device(const Identity *id, uint64_t wall_msec, Credentials *c) {
        _cleanup_(freep) char *client_id = NULL, *timestamp = NULL;
        const char *method =
                        id->sign_method_implicit ? NULL : sign_method_to_string(id->sign_method);
        int r;

        r = identity_client_id(id, &client_id);
        if (r < 0)
                return r;
        r = make_timestamp(id, wall_msec, &timestamp);
        if (r < 0)
                return r;

        r = set_string(&c->client_id, "%s|securemode=%d%s%s%s%s%s%s|", client_id, id->tls ? 2 : 3,
                       method ? ",signmethod=" : "", method ? method : "",
                       timestamp ? ",timestamp=" : "", timestamp ? timestamp : "",
                       id->extra_params ? "," : "", id->extra_params ? id->extra_params : "");
        if (r < 0)
                return r;
        r = set_string(&c->username, "%s&%s", id->device_name, id->product_key);
        if (r < 0)
                return r;

        SignParam params[] = {
                        {"clientId", client_id},
                        {"deviceName", id->device_name},
                        {"productKey", id->product_key},
                        {"timestamp", timestamp},
        };
        return sign_params(id, params, ARRAY_SIZE(params), c);
}

static int make_registration(const Identity *id, const char *random, Credentials *c) {
        _cleanup_(freep) char *client_id = NULL;
        const char *instance = id->instance_id;
        bool is_free = id->mode == AUTH_REGISTER_FREE;
        int r;

        r = identity_client_id(id, &client_id);
        if (r < 0)
                return r;
        /* Instances take registration without a device created before only in a mode of its own. */
        r = set_string(&c->client_id, "%s|securemode=%d,authType=%s,random=%s,signmethod=%s%s%s|",
                       client_id, is_free && instance ? -2 : 2, is_free ? "regnwl" : "register",
                       random, sign_method_to_string(id->sign_method),
                       instance ? ",instanceId=" : "", instance ? instance : "");
        if (r < 0)
                return r;
        r = set_string(&c->username, "%s&%s", id->device_name, id->product_key);
        if (r < 0)
                return r;

        SignParam params[] = {
                        {"deviceName", id->device_name},
                        {"productKey", id->product_key},
                        {"random", random},
        };
        return sign_params(id, params, ARRAY_SIZE(params), c);
}

static int make_register_free(const Identity *id, Credentials *c) {
        _cleanup_(freep) char *client_id = NULL;
        int r;

        if (!id->secret)
                return -EINVAL;
        r = identity_client_id(id, &client_id);
        if (r < 0)
                return r;
        r = set_string(&c->client_id, "%s|securemode=-2,authType=connwl%s%s|", client_id,
                       id->extra_params ? "," : "", id->extra_params ? id->extra_params : "");
        if (r < 0)
                return r;
        r = set_string(&c->username, "%s&%s", id->device_name, id->product_key);
        if (r < 0)
                return r;
        return set_string(&c->password, "%s", id->secret);
}

static int make_mq_token(const Identity *id, Credentials *c) {
        int r;

        if (!id->secret)
                return -EINVAL;
        r = identity_client_id(id, &c->client_id);
        if (r < 0)
                return r;
        r = set_string(&c->username, "Token|%s|%s", id->access_key_id, id->instance_id);
        if (r < 0)
                return r;
        return set_string(&c->password, "%s", id->secret);
}

static int make_mq(const Identity *id, Credentials *c) {
        unsigned char base64[SIGN_HEX_MAX];
        uint8_t mac[SIGN_MAC_MAX];
        size_t len;
        int r;

        r = identity_client_id(id, &c->client_id);
        if (r < 0)
                return r;
        r = set_string(&c->username, "%s|%s|%s",
                       id->mode == AUTH_MQ_DEVICE ? "DeviceCredential" : "Signature",
                       id->access_key_id, id->instance_id);
        if (r < 0)
                return r;
        r = set_string(&c->content, "%s", c->client_id);
        if (r < 0)
                return r;

        r = sign_mac(SIGN_HMACSHA1, id->secret, c->content, mac, &len);
        if (r < 0)
                return r;
        (void)EVP_EncodeBlock(base64, mac, (int)len);
        r = set_string(&c->password, "%s", (const char *)base64);
        explicit_bzero(mac, sizeof(mac));
        explicit_bzero(base64, sizeof(base64));
        return r;
}

static int make_plain(const Identity *id, Credentials *c) {
        int r;

        r = identity_client_id(id, &c->client_id);
        if (r < 0)
                return r;

        if (id->username) {
                r = set_string(&c->username, "%s", id->username);
                if (r < 0)
                        return r;
        }
        return id->secret ? set_string(&c->password, "%s", id->secret) : 0;
}

static int make_endpoint(const Identity *id, Credentials *c) {
        c->tls = id->tls;
        c->port = credentials_port(id);
        c->port_fixed = id->port > 0;
        return credentials_host(id, &c->host);
}

int credentials_make(const Identity *identity, uint64_t wall_msec, Credentials *ret) {
        _cleanup_(credentials_done) Credentials c = {0};
        int r;

        r = make_endpoint(identity, &c);
        if (r < 0)
                return r;

        switch (identity->mode) {
        case AUTH_DEVICE:
        case AUTH_REGISTER:
                r = make_device(identity, wall_msec, &c);
                break;
        case AUTH_REGISTER_FREE:
                r = make_register_free(identity, &c);
                break;
        case AUTH_MQ_TOKEN:
                r = make_mq_token(identity, &c);
                break;
        case AUTH_MQ_SIGNATURE:
        case AUTH_MQ_DEVICE:
                r = make_mq(identity, &c);
                break;
        case AUTH_PLAIN:
                r = make_plain(identity, &c);
                break;
        case AUTH_HTTPS:
        case AUTH_COMMAND:
        case _AUTH_MODE_MAX:
        case _AUTH_MODE_INVALID:
        default:
                return -EINVAL;
        }
        if (r < 0)
                return r;

        *ret = c;
        c = (Credentials){0};
        return 0;
}

bool credentials_random_is_valid(const char *random) {
        size_t len = !random ? 0
                             : strspn(random, "0123456789abcdefghijklmnopqrstuvwxyz"
                                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

        return len > 0 && len <= CREDENTIALS_RANDOM_MAX && !random[len];
}

int credentials_make_registration(const Identity *identity, const char *random, Credentials *ret) {
        _cleanup_(credentials_done) Credentials c = {0};
        int r;

        if ((identity->mode != AUTH_REGISTER && identity->mode != AUTH_REGISTER_FREE) ||
            !credentials_random_is_valid(random))
                return -EINVAL;
        r = make_endpoint(identity, &c);
        if (r < 0)
                return r;
        r = make_registration(identity, random, &c);
        if (r < 0)
                return r;

        *ret = c;
        c = (Credentials){0};
        return 0;
}
