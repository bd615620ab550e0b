/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IOTLINK_SIGN_API_H
#define IOTLINK_SIGN_API_H

/*
 * IOT_Sign_MQTT
 *
 * The platform documents a signing function with these types, distributed as sample code. This is
 * an independent implementation, for programs that were written for the sample: they compile
 * unchanged and link with -liotlink. New programs find <iotlink/sign.h> more useful.
 *
 * Whether the connection will use TLS was a compile-time switch of the sample, and is one here:
 * define SUPPORT_TLS before this header is included (or on the command line) and IOT_Sign_MQTT()
 * means IOT_Sign_MQTT_TLS(). It only changes what the platform is told (securemode) and the port:
 *
 *                    SUPPORT_TLS    without
 *         securemode 2              3
 *         port       443            1883
 *
 * Without TLS everybody on the way can read and change what is sent, and newer accounts can't
 * connect that way.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest texts, without the final NUL. */
#define IOTX_PRODUCT_KEY_LEN    (20)
#define IOTX_PRODUCT_SECRET_LEN (64)
#define IOTX_DEVICE_NAME_LEN    (32)
#define IOTX_DEVICE_SECRET_LEN  (64)

/* Sizes of buffers, with the final NUL. */
#define DEV_SIGN_SOURCE_MAXLEN    (200)
#define DEV_SIGN_HOSTNAME_MAXLEN  (64)
#define DEV_SIGN_CLIENT_ID_MAXLEN (200)
#define DEV_SIGN_USERNAME_MAXLEN  (64)
#define DEV_SIGN_PASSWORD_MAXLEN  (65)

typedef enum {
        IOTX_CLOUD_REGION_SHANGHAI,
        IOTX_CLOUD_REGION_SINGAPORE,
        IOTX_CLOUD_REGION_JAPAN,
        IOTX_CLOUD_REGION_USA_WEST,
        IOTX_CLOUD_REGION_GERMANY,
        IOTX_CLOUD_REGION_CUSTOM, /* only with IOT_Sign_MQTT_Domain(): nothing else names it */
        IOTX_CLOUD_DOMAIN_MAX
} iotx_mqtt_region_types_t;

typedef struct _iotx_dev_meta_info {
        char product_key[IOTX_PRODUCT_KEY_LEN + 1];
        char product_secret[IOTX_PRODUCT_SECRET_LEN + 1]; /* not used for signing */
        char device_name[IOTX_DEVICE_NAME_LEN + 1];
        char device_secret[IOTX_DEVICE_SECRET_LEN + 1];
} iotx_dev_meta_info_t;

typedef struct {
        char hostname[DEV_SIGN_HOSTNAME_MAXLEN];
        uint16_t port;
        char clientid[DEV_SIGN_CLIENT_ID_MAXLEN];
        char username[DEV_SIGN_USERNAME_MAXLEN];
        char password[DEV_SIGN_PASSWORD_MAXLEN];
} iotx_sign_mqtt_t;

/* NOLINTBEGIN(readability-identifier-naming): the names are the platform's */

/*
 * Makes the CONNECT fields of a device by HMAC-SHA256. Returns 0; or -1, with @signout untouched,
 * if a pointer is NULL, a text is empty or not terminated, the region is none, or a result has no
 * room. Needs no initialization; any thread may call it at any time.
 */
int32_t IOT_Sign_MQTT(iotx_mqtt_region_types_t region,
                      iotx_dev_meta_info_t *meta,
                      iotx_sign_mqtt_t *signout);
int32_t IOT_Sign_MQTT_TLS(iotx_mqtt_region_types_t region,
                          iotx_dev_meta_info_t *meta,
                          iotx_sign_mqtt_t *signout);

/* The same for an endpoint that is none of the regions' (the sample had it compiled in). */
int32_t IOT_Sign_MQTT_Domain(const char *hostname,
                             iotx_dev_meta_info_t *meta,
                             iotx_sign_mqtt_t *signout);
int32_t IOT_Sign_MQTT_Domain_TLS(const char *hostname,
                                 iotx_dev_meta_info_t *meta,
                                 iotx_sign_mqtt_t *signout);

/* NOLINTEND(readability-identifier-naming) */

#ifdef SUPPORT_TLS
#define IOT_Sign_MQTT        IOT_Sign_MQTT_TLS
#define IOT_Sign_MQTT_Domain IOT_Sign_MQTT_Domain_TLS
#endif

#ifdef __cplusplus
}
#endif

#endif
