/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Profile
 *
 * What one kind of cloud allows, as data. 0 means no limit.
 */

#include "auth/identity.h"
#include "settings/settings.h"

/* The system's own collection of roots (Debian's ca-certificates). */
#define PROFILE_SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

typedef struct Profile {
        /* defaults of cloud.limits */
        unsigned connects_per_minute;
        unsigned qos1_per_second, qos0_per_second;
        unsigned unacknowledged;

        /* fixed */
        size_t max_topic_bytes, max_topic_slashes;
        size_t max_payload_bytes;
        unsigned max_subscriptions, max_filters_per_subscribe;
        unsigned subscription_qos_max;

        /* default of cloud.tls.roots, ended by one without a file */
        struct {
                const char *file;
                uint16_t port;
        } roots[3];

        const char *title;
} Profile;

const Profile *profile_get(AuthMode mode);
