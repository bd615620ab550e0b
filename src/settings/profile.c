/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IoT Platform drops what exceeds its rates without a word, so that they have to be kept on
 * this side. AliwareMQ counts publishes of both kinds together; a client that keeps each below
 * the limit may still exceed it when it mixes them. A broker of one's own has no limits but the
 * program's: no payload over 256 KiB, no QoS 2.
 */
#include <assert.h>

#include "config.h"
#include "settings/profile.h"

#define PLATFORM_ROOT     IOTLINK_ROOTS_DIR "/aliyun-iot-root-ca.pem"
#define GLOBALSIGN_ROOTS  IOTLINK_ROOTS_DIR "/globalsign-roots.pem"
#define PLATFORM_TLS_PORT 8883 /* presents the chain to the platform's own root */
#define PLATFORM_OLD_PORT 1883 /* presents a chain to GlobalSign */

#define KIB ((size_t)1024)

#define PROFILE_PLATFORM                                                                          \
        .connects_per_minute = 5, .qos1_per_second = 10, .qos0_per_second = 30,                   \
        .unacknowledged = 100, .max_topic_bytes = 128, .max_topic_slashes = 7,                    \
        .max_payload_bytes = 256 * KIB, .max_subscriptions = 100, .max_filters_per_subscribe = 8, \
        .subscription_qos_max = 1,                                                                \
        .roots = {{.file = PLATFORM_ROOT, .port = PLATFORM_TLS_PORT},                             \
                  {.file = GLOBALSIGN_ROOTS, .port = PLATFORM_OLD_PORT}}

#define PROFILE_BROKER                                             \
        .max_payload_bytes = 256 * KIB, .subscription_qos_max = 1, \
        .roots = {{.file = PROFILE_SYSTEM_ROOTS}}

#define PROFILE_MQ                                                                         \
        .qos1_per_second = 20, .qos0_per_second = 20, .max_topic_bytes = 64,               \
        .max_payload_bytes = 64 * KIB, .max_subscriptions = 30, .subscription_qos_max = 1, \
        .roots = {{.file = PROFILE_SYSTEM_ROOTS}}

static const Profile profiles[_AUTH_MODE_MAX] = {
                [AUTH_DEVICE] = {PROFILE_PLATFORM,
                                 .title = "IoT Platform, a secret of the device's own"},
                [AUTH_HTTPS] = {PROFILE_PLATFORM,
                                .title = "IoT Platform, a token for the device's secret"},
                [AUTH_REGISTER] = {PROFILE_PLATFORM,
                                   .title = "IoT Platform, registered with the product's secret"},
                [AUTH_REGISTER_FREE] = {PROFILE_PLATFORM,
                                        .title = "IoT Platform, registered without being created"},
                [AUTH_MQ_SIGNATURE] = {PROFILE_MQ,
                                       .title = "AliwareMQ / ApsaraMQ, account's AccessKey"},
                [AUTH_MQ_TOKEN] = {PROFILE_MQ, .title = "AliwareMQ / ApsaraMQ, tokens"},
                [AUTH_MQ_DEVICE] = {PROFILE_MQ, .title = "AliwareMQ / ApsaraMQ, device credential"},
                [AUTH_PLAIN] = {PROFILE_BROKER, .title = "any MQTT broker"},
                [AUTH_COMMAND] = {PROFILE_BROKER,
                                  .title = "any MQTT broker, credentials from a program"},
};

const Profile *profile_get(AuthMode mode) {
        assert((int)mode >= 0 && mode < _AUTH_MODE_MAX);
        return &profiles[mode];
}
