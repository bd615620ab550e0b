/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Identity
 *
 * Who the device is, how it proves that, and where its cloud is: everything credentials are made
 * of, apart from the time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "auth/sign.h"
#include "util/macro.h"

typedef enum AuthMode {
        AUTH_DEVICE,        /* one certificate per device: HMAC with the device's own secret */
        AUTH_HTTPS,         /* the same proof to an HTTPS service, which hands out a token */
        AUTH_REGISTER,      /* the product's secret, once, buys the device's own */
        AUTH_REGISTER_FREE, /* the same for a device nobody has created: buys id and token */
        AUTH_MQ_SIGNATURE,  /* AliwareMQ / ApsaraMQ for MQTT: the account's AccessKey */
        AUTH_MQ_TOKEN,      /* the same with tokens that somebody else has asked for */
        AUTH_MQ_DEVICE,     /* the same with a device credential, an AccessKey of its own */
        AUTH_PLAIN,         /* any MQTT 3.1.1 broker: user name and password, or nothing */
        AUTH_COMMAND,       /* any MQTT 3.1.1 broker: a program gives user name and password */
        _AUTH_MODE_MAX,
        _AUTH_MODE_INVALID = -22, /* -EINVAL */
} AuthMode;

/* The word in the configuration file ("mq-signature"). */
const char *auth_mode_to_string(AuthMode mode);
AuthMode auth_mode_from_string(const char *s);
/* Whether nothing can be signed before the credential command has been asked. */
bool auth_mode_needs_command(AuthMode mode);

typedef enum TimestampKind {
        TIMESTAMP_NOW,   /* milliseconds at each connect */
        TIMESTAMP_NONE,  /* left out of both the client id and the signed text */
        TIMESTAMP_FIXED, /* the digits in Identity.timestamp */
} TimestampKind;

/* Limits of the platform: length of the client id before its first '|'. */
#define AUTH_CLIENT_ID_MAX 64

/* All strings belong to the Identity; NULL where not set. Freed and wiped by identity_done(). */
typedef struct Identity {
        AuthMode mode;
        char *product_key;
        char *device_name;
        char *client_id; /* NULL: the mode's own default */
        char *secret;    /* device or product secret, AccessKey secret, tokens or password */
        char *username;  /* plain only */

        char *access_key_id; /* mq-* only */
        char *group_id;      /* mq-* only: client id is GROUP@@@DEVICE */
        char *device_id;     /* mq-* only */

        char *region;      /* host is derived from it when host is NULL */
        char *instance_id; /* device: the host is the instance's own; mq-*: part of the user name */
        char *host;        /* explicit endpoint; wins */
        uint16_t port;     /* 0: the mode's default for TLS or TCP */
        bool tls;
        bool has_command; /* mq-token: a program gives the tokens, so that there may be no secret */

        SignMethod sign_method;
        bool sign_method_implicit; /* don't name the method: the platform then takes HMAC-MD5 */
        bool sha256_as_hash;       /* SIGN_SHA256 is allowed */
        TimestampKind timestamp_kind;
        char *timestamp;    /* digits, for TIMESTAMP_FIXED */
        char *extra_params; /* more "key=value,..." for the client id's list, not signed; or NULL */
} Identity;

void identity_done(Identity *identity);

/*
 * Says whether @identity is complete and well-formed for its mode. Returns 0; -ENOMEM; or -EINVAL
 * with a sentence for people in @ret_error (caller frees), which never holds a secret, naming the
 * key at fault in @ret_key (static, "identity.device_name" or "cloud.region").
 */
_warn_unused_ int identity_check(const Identity *identity, const char **ret_key, char **ret_error);

/*
 * The bare client id: without the list that the platform's has behind it. Pure, and no
 * cryptography. With register-free it is the one to register with, until client_id is replaced by
 * what was registered. Returns 0, -ENOENT when nothing says it (command only), or -ENOMEM.
 */
_warn_unused_ int identity_client_id(const Identity *identity, char **ret);
