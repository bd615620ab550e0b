/* SPDX-License-Identifier: Apache-2.0 */

/*
 * IOT_Sign_MQTT
 *
 * Byte for byte what the documented sample answers, including the version that it gives itself.
 * Unlike the sample it fits the longest identity and writes nothing unless it succeeds.
 */

#include "sign_api.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "auth/sign.h"
#include "lib/public.h"
#include "util/macro.h"

#define TIMESTAMP "2524608000000" /* the sample's constant: the year 2050 */

static const char *const domains[IOTX_CLOUD_DOMAIN_MAX] = {
                [IOTX_CLOUD_REGION_SHANGHAI] = "iot-as-mqtt.cn-shanghai.aliyuncs.com",
                [IOTX_CLOUD_REGION_SINGAPORE] = "iot-as-mqtt.ap-southeast-1.aliyuncs.com",
                [IOTX_CLOUD_REGION_JAPAN] = "iot-as-mqtt.ap-northeast-1.aliyuncs.com",
                [IOTX_CLOUD_REGION_USA_WEST] = "iot-as-mqtt.us-west-1.aliyuncs.com",
                [IOTX_CLOUD_REGION_GERMANY] = "iot-as-mqtt.eu-central-1.aliyuncs.com",
};

/* Like snprintf(), but says whether it fitted. */
_printf_(3, 4) static bool print(char *buffer, size_t size, const char *format, ...) {
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(buffer, size, format, args);
        va_end(args);
        return n >= 0 && (size_t)n < size;
}

/* A text in an array of the caller's: there, and ended inside the array. */
static bool is_text(const char *array, size_t size) {
        size_t len = strnlen(array, size);

        return len > 0 && len < size;
}

static bool fill(iotx_sign_mqtt_t *out,
                 const char *domain,
                 bool with_product_key,
                 bool tls,
                 const iotx_dev_meta_info_t *meta) {
        const char *pk = meta->product_key, *dn = meta->device_name;
        char source[DEV_SIGN_SOURCE_MAXLEN];

        if (!print(source, sizeof(source),
                   "clientId%s.%sdeviceName%sproductKey%stimestamp" TIMESTAMP, pk, dn, dn, pk))
                return false;
        _Static_assert(sizeof(out->password) == SIGN_HEX_MAX,
                       "the password is what sign_hex makes");
        if (sign_hex(SIGN_HMACSHA256, meta->device_secret, source, out->password) < 0)
                return false;

        out->port = tls ? 443 : 1883;
        return print(out->hostname, sizeof(out->hostname), "%s%s%s", with_product_key ? pk : "",
                     with_product_key ? "." : "", domain) &&
               print(out->clientid, sizeof(out->clientid),
                     "%s.%s|timestamp=" TIMESTAMP ",_v=sdk-c-3.0.1.1,securemode=%d,"
                     "signmethod=hmacsha256,lan=C,gw=0,ext=0|",
                     pk, dn, tls ? 2 : 3) &&
               print(out->username, sizeof(out->username), "%s&%s", dn, pk);
}

static int32_t sign(const char *domain,
                    bool with_product_key,
                    bool tls,
                    const iotx_dev_meta_info_t *meta,
                    iotx_sign_mqtt_t *signout) {
        iotx_sign_mqtt_t out = {0};
        int32_t r = -1;

        if (!domain || !domain[0] || !meta || !signout ||
            !is_text(meta->product_key, sizeof(meta->product_key)) ||
            !is_text(meta->device_name, sizeof(meta->device_name)) ||
            !is_text(meta->device_secret, sizeof(meta->device_secret)))
                return -1;

        if (fill(&out, domain, with_product_key, tls, meta)) {
                *signout = out;
                r = 0;
        }
        explicit_bzero(&out, sizeof(out));
        return r;
}

static const char *region_domain(iotx_mqtt_region_types_t region) {
        /* The enum may be signed or not, as the compiler likes. */
        return (size_t)region < ARRAY_SIZE(domains) ? domains[region] : NULL;
}

/* NOLINTBEGIN(readability-identifier-naming): the names are the platform's */

_public_ int32_t IOT_Sign_MQTT(iotx_mqtt_region_types_t region,
                               iotx_dev_meta_info_t *meta,
                               iotx_sign_mqtt_t *signout) {
        return sign(region_domain(region), true, false, meta, signout);
}

_public_ int32_t IOT_Sign_MQTT_TLS(iotx_mqtt_region_types_t region,
                                   iotx_dev_meta_info_t *meta,
                                   iotx_sign_mqtt_t *signout) {
        return sign(region_domain(region), true, true, meta, signout);
}

_public_ int32_t IOT_Sign_MQTT_Domain(const char *hostname,
                                      iotx_dev_meta_info_t *meta,
                                      iotx_sign_mqtt_t *signout) {
        return sign(hostname, false, false, meta, signout);
}

_public_ int32_t IOT_Sign_MQTT_Domain_TLS(const char *hostname,
                                          iotx_dev_meta_info_t *meta,
                                          iotx_sign_mqtt_t *signout) {
        return sign(hostname, false, true, meta, signout);
}

/* NOLINTEND(readability-identifier-naming) */
