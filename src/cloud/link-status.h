/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Link status
 *
 * What there is to say of the link at one moment: for the log, and for programs that ask.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cloud/reason.h"

typedef enum LinkState {
        LINK_OFFLINE,    /* waiting for the next attempt */
        LINK_CONNECTING, /* an attempt is under way */
        LINK_ONLINE,
        LINK_STOPPING, /* disconnecting for good */
        LINK_STOPPED,
        _LINK_STATE_MAX,
} LinkState;

const char *link_state_to_string(LinkState state);

typedef struct LinkStatus {
        LinkState state;
        uint64_t since_wall_msec;
        const char *host; /* of the last attempt; NULL before the first */
        uint16_t port;
        bool tls;
        const char *tls_version; /* while online with TLS; else empty or NULL */
        const char *root_file;   /* trusted in the last attempt; NULL without TLS */
        bool session_present;
        Reason reason;       /* why it is not online, or was not before; REASON_NONE at first */
        const char *detail;  /* more words on the reason; may be empty */
        Reason last_refusal; /* the last CONNACK that was not 0; REASON_NONE if none */
        uint64_t last_refusal_wall_msec;
        const char *last_refusal_detail;
        uint64_t retry_at_usec; /* monotonic; while LINK_OFFLINE */
        unsigned n_failures;    /* in a row */
        uint64_t n_connects;    /* CONNECTs since start */
} LinkStatus;
