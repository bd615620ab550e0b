/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * TLS hooks
 *
 * The library keeps its SSL object to itself. As with its socket (paho-socket.h), functions that
 * it calls are defined here and passed on: SSL_connect(), because people want to know how they are
 * protected, SSL_read(), for answer.h, and SSL_write(), for puback.h.
 */

/* What the library's last handshake agreed on ("TLSv1.3"); "" before the first. Any thread. */
const char *tls_version_last(void);
