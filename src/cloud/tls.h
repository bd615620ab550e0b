/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * TLS
 *
 * What the library leaves to us: the lowest protocol version, and the reason when a handshake
 * fails. Nothing else of this layer but tls*.c knows OpenSSL.
 */

#include "cloud/probe.h"

/*
 * Sets OpenSSL up for this process: leaves its memory alone at exit, when a thread may still be
 * stuck in it, and with @min_version "1.3" allows nothing older ("1.2" is the least that OpenSSL 3
 * takes anyway). Call before anything else uses OpenSSL. Returns 0 or -errno.
 */
_warn_unused_ int tls_init(const char *min_version);

/*
 * Shakes hands on a connected non-blocking socket with the target's root, host name and client
 * certificate. On failure fills @result in; on success leaves it alone.
 */
void tls_probe(int fd, const TransportTarget *target, uint64_t deadline_usec, ProbeResult *result);

/*
 * Whether the server at the other end of a connected non-blocking socket answers a handshake in
 * TLS, whatever its certificate.
 */
bool tls_is_spoken(int fd, uint64_t deadline_usec);

/*
 * Days until the first certificate in a PEM file of roots expires; negative when one has. INT_MIN
 * when the file can't be read. Reads the file: not for every turn of the loop.
 */
int tls_root_days(const char *file);
