/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IOTLINK_SIGN_H
#define IOTLINK_SIGN_H

/*
 * Signing: what a device writes into its MQTT CONNECT packet
 *
 * For programs that connect by themselves instead of through iotlinkd. Nothing here opens a file
 * or a connection, reads the clock or the environment, keeps state or starts threads; all
 * functions may be called from any thread at any time.
 *
 * Results are 0 or a negative errno. On failure no output is written, with the one exception that
 * is described at iotlink_sign_text. Secrets are wiped from all memory that the library used.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Algorithms. There is no default: the caller says what it means. */
#define IOTLINK_SIGN_HMACMD5    1 /* 32 hex digits */
#define IOTLINK_SIGN_HMACSHA1   2 /* 40 */
#define IOTLINK_SIGN_HMACSHA256 3 /* 64 */

/*
 * A text that the library writes. The caller sets @data and @size, the room in bytes; @data may be
 * NULL if @size is 0. The library sets @needed, the bytes of the text with its final NUL, when it
 * returns 0 or -ENOBUFS. On -ENOBUFS some text didn't fit, and no @data was written at all.
 */
typedef struct iotlink_sign_text {
        char *data;
        size_t size;
        size_t needed;
} iotlink_sign_text;

/*
 * Writes HMAC(@key, @content) in upper-case hex digits to @hex. Both are NUL-terminated; the key
 * may be of any length. Returns 0, -ENOBUFS, -EINVAL (no such @method) or -ENOTSUP (the system's
 * policy forbids the method).
 */
int iotlink_sign_hmac(int method, const char *key, const char *content, iotlink_sign_text *hex);

/*
 * How a device proves itself, and which members of its identity that takes. REGISTER asks for a
 * device_secret, REGISTER_FREE for client_id and device_token; these and DEVICE_TOKEN need @tls. MQ
 * is AliwareMQ or ApsaraMQ for MQTT.
 */
#define IOTLINK_SIGN_MODE_DEVICE        0 /* device_secret */
#define IOTLINK_SIGN_MODE_REGISTER      1 /* product_secret, random */
#define IOTLINK_SIGN_MODE_REGISTER_FREE 2 /* product_secret, random */
#define IOTLINK_SIGN_MODE_DEVICE_TOKEN  3 /* client_id, device_token */
#define IOTLINK_SIGN_MODE_MQ_SIGNATURE  4 /* an account's AccessKey */
#define IOTLINK_SIGN_MODE_MQ_DEVICE     5 /* a device credential: such a pair as well */
#define IOTLINK_SIGN_MODE_MQ_TOKEN      6 /* access_key_id, mq_token */

/*
 * A device. Begin with all bytes zero, set @struct_size to sizeof(iotlink_sign_identity), then what
 * is needed: for the IoT Platform product_key and device_name, for MQ group_id and device_id (or
 * client_id), access_key_id, instance_id and host, and for either what the mode says.
 */
typedef struct iotlink_sign_identity {
        size_t struct_size;
        const char *product_key;
        const char *device_name;
        const char *device_secret;
        const char *client_id; /* at most 64 characters, no '|'; NULL: product_key.device_name */
        int method;            /* IOTLINK_SIGN_HMAC*; MQ has no choice, and reads none */
        int tls;               /* whether the connection will use TLS: the platform is told */
        const char *timestamp; /* digits, milliseconds since 1970; NULL: none is sent or signed */
        const char *extra_params; /* "name=value,..." to append to the list; NULL: nothing */
        const char *host;         /* where to connect: a host name ... */
        const char *instance_id;  /* ... or else an instance ... */
        const char *region;       /* ... or else the public instance of a region */
        uint16_t port;            /* 0: 1883; for MQ with TLS 8883 */
        int mode;                 /* IOTLINK_SIGN_MODE_* */
        const char *product_secret;
        const char *random; /* 1 to 64 letters and digits, others for each registration */
        const char *device_token;
        const char *access_key_id;
        const char *access_key_secret;
        const char *mq_token;  /* "R|...", "W|...", "RW|...", or several with '|' between */
        const char *group_id;  /* client_id is group_id@@@device_id ... */
        const char *device_id; /* ... unless it is set */
} iotlink_sign_identity;

/* The fields of the CONNECT packet, and where to send it. */
typedef struct iotlink_sign_connect {
        iotlink_sign_text host;
        iotlink_sign_text client_id;
        iotlink_sign_text username;
        iotlink_sign_text password;
        uint16_t port;
} iotlink_sign_connect;

/*
 * Room that suffices for everything that is written, final NUL included, unless a token, or the
 * client_id that came with a device_token, is longer: they go out as they are.
 */
#define IOTLINK_SIGN_HOST_SIZE      254
#define IOTLINK_SIGN_CLIENT_ID_SIZE 400
#define IOTLINK_SIGN_USERNAME_SIZE  210
#define IOTLINK_SIGN_PASSWORD_SIZE  65
#define IOTLINK_SIGN_CONTENT_SIZE   174

/*
 * Makes the CONNECT fields of a device, by which it proves itself or registers. Returns 0,
 * -ENOBUFS, -EINVAL (@identity is incomplete or malformed: see iotlink_sign_check()), -ENOTSUP or
 * -ENOMEM.
 */
int iotlink_sign_device(const iotlink_sign_identity *identity, iotlink_sign_connect *connect);

/*
 * Makes the text that is signed, and its signature. They are the same over MQTT and HTTPS: @sign
 * is the password, and with DEVICE the "sign" that is posted to /auth/devicename, with REGISTER
 * the one to /auth/register/device. Either output may be NULL. Where to connect need not be
 * known. Returns as iotlink_sign_device(), or -ENODATA (the mode has tokens and signs nothing).
 */
int iotlink_sign_content(const iotlink_sign_identity *identity,
                         iotlink_sign_text *content,
                         iotlink_sign_text *sign);

/*
 * Says what is wrong with @identity. Returns 0 if it is well-formed. If not, returns -EINVAL and
 * writes an English sentence, cut to the room there is, to @error, which may be NULL. The sentence
 * never holds a secret.
 */
int iotlink_sign_check(const iotlink_sign_identity *identity, iotlink_sign_text *error);

#ifdef __cplusplus
}
#endif

#endif
