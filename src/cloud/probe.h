/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Probe
 *
 * Finds out why a connection attempt failed. The library says no more than "TCP/TLS connect
 * failure"; so after a failure the same steps are walked again by hand, up to but without CONNECT,
 * and the step that fails gives the reason. Cloud thread only: every call may block.
 */

#include <netdb.h>

#include "cloud/answer.h"
#include "cloud/transport.h"

typedef struct ProbeResult {
        Reason reason;
        char detail[REASON_DETAIL_MAX]; /* the system's words; may be empty */
} ProbeResult;

/* Looks up host and port. Returns true, or false with the reason. Can take as long as DNS takes. */
bool probe_resolve(const char *host, uint16_t port, struct addrinfo **ret, ProbeResult *ret_result);

/*
 * Connects, and with TLS shakes hands, as the library would. REASON_NONE in @ret_result: every
 * step worked this time. Takes at most @timeout_sec after the name is resolved.
 */
void probe_run(const TransportTarget *target, unsigned timeout_sec, ProbeResult *ret_result);

/*
 * After a failure where every step works: what the server answered (or didn't) to CONNECT gives the
 * reason. With plain TCP it may ask the server once more, whether it speaks TLS.
 */
void probe_explain(const TransportTarget *target,
                   const Answer *answer,
                   unsigned timeout_sec,
                   ProbeResult *ret_result);
