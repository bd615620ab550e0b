/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Status
 *
 * What the daemon says about itself, as facts for "hello", "status" and "state".
 */

#include "bridge/downlink.h"
#include "bridge/uplink.h"
#include "cloud/link.h"
#include "local/server.h"

#define STATUS_FACTS_MAX 64U
#define STATUS_TEXT_MAX  768U

typedef struct StatusSource {
        LinkStatus link;
        UplinkCounters uplink;
        DownlinkCounters downlink;
        LocalCounters local;
        uint64_t now_usec, started_wall_msec;
        int root_days; /* until the first root in use expires; < 0: expired, INT_MIN: no TLS */
        const char *version;
        size_t max_payload_bytes;
} StatusSource;

/* The texts that facts point to; must live as long as they are used. */
typedef struct StatusTexts {
        char endpoint[300];
        char message[STATUS_TEXT_MAX];
        char refusal[STATUS_TEXT_MAX];
} StatusTexts;

/* Each fills @facts and returns how many. */
size_t status_hello(const StatusSource *source, LocalFact facts[STATUS_FACTS_MAX]);
size_t status_state(const StatusSource *source,
                    StatusTexts *texts,
                    LocalFact facts[STATUS_FACTS_MAX]);
size_t status_full(const StatusSource *source,
                   StatusTexts *texts,
                   LocalFact facts[STATUS_FACTS_MAX]);
