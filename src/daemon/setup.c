/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/setup.h"

#include <errno.h>
#include <stdlib.h>

#include "config.h"
#include "util/clock.h"

/* What a byte of a message can become in a line to a program, with some room: a control character
 * takes six. */
#define ENCODED_MAX 8U

#define MSEC_PER_DAY (UINT64_C(24) * 60 * 60 * 1000)

static void fill_config(Setup *setup) {
        const Settings *s = setup->settings;
        const TopicLimits topics = {.max_bytes = s->max_topic_bytes,
                                    .max_slashes = s->max_topic_slashes};

        for (size_t i = 0; i < s->n_roots; i++)
                setup->roots[i] = (LinkRoot){s->roots[i].file, s->roots[i].port};
        setup->config = (BridgeConfig){
                        .version = IOTLINK_VERSION,
                        .uplink = {.routes = s->routes,
                                   .topics = topics,
                                   .max_payload_bytes = s->max_payload_bytes,
                                   .qos1_per_second = s->qos1_per_second,
                                   .qos0_per_second = s->qos0_per_second,
                                   .qos0_excess = (UplinkExcess)s->qos0_excess,
                                   .window = s->unacknowledged,
                                   .memory_bytes = s->memory_bytes,
                                   .store_delay_usec = s->store_delay_msec * USEC_PER_MSEC},
                        .downlink = {.routes = s->routes,
                                     .topics = topics,
                                     .max_payload_bytes = MESSAGE_PAYLOAD_MAX,
                                     .max_subscriptions = s->max_subscriptions,
                                     .durable = {.window_bytes = s->client_buffer_bytes /
                                                                 ENCODED_MAX,
                                                 .forget_msec = s->forget_clients_days *
                                                                MSEC_PER_DAY}},
                        .link = {.roots = setup->roots,
                                 .n_roots = s->n_roots,
                                 .certificate_file = s->certificate_file,
                                 .key_file = s->key_file,
                                 .keepalive_sec = s->keepalive_sec,
                                 .connect_timeout_sec = s->connect_timeout_sec,
                                 .connects_per_minute = s->connects_per_minute,
                                 .network = {s->reconnect_min_sec * USEC_PER_SEC,
                                             s->reconnect_max_sec * USEC_PER_SEC}},
                        .local = {.max_clients = s->max_clients,
                                  .client_buffer_bytes = s->client_buffer_bytes,
                                  .memory_bytes = s->memory_bytes},
        };
}

int setup_new(Setup **ret, Settings *take_settings) {
        Setup *setup = calloc(1, sizeof(*setup));

        if (!setup)
                return -ENOMEM;
        setup->settings = take_settings;
        fill_config(setup);
        *ret = setup;
        return 0;
}

Setup *setup_free(Setup *setup) {
        if (!setup)
                return NULL;
        settings_free(setup->settings);
        free(setup);
        return NULL;
}

static void on_notice(void *userdata, const Message *message) {
        authenticator_on_notice(userdata, message);
}

void setup_set_authenticator(Setup *setup, Authenticator *authenticator) {
        setup->config.notice = on_notice;
        setup->config.notice_userdata = authenticator;
        setup->config.link.source = authenticator_source(authenticator);
}

StoreLimits setup_store_limits(const Settings *settings) {
        return (StoreLimits){
                        /* Half of it is the spool's. */
                        .max_bytes = (uint64_t)settings->store_max_mebibytes * 2 * 1024 * 1024,
                        .max_messages = (uint64_t)settings->store_max_messages * 2,
                        .inbox_full = settings->inbox_full == SETTINGS_INBOX_REFUSE
                                                      ? STORE_INBOX_REFUSE
                                                      : STORE_INBOX_DROP_OLDEST,
        };
}
