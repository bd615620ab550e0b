/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * TLS version
 *
 * The library keeps its SSL object to itself, and people want to know how they are protected. As
 * with its socket (paho-socket.h), a function that it calls is defined here and passed on.
 */

/* What the library's last handshake agreed on ("TLSv1.3"); "" before the first. Any thread. */
const char *tls_version_last(void);
