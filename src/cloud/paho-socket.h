/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Paho's socket
 *
 * Paho MQTT C 1.3 has no call for its socket, but some things can be done only there: TCP_NODELAY
 * (without it, publishing and receiving on one connection waits for delayed ACKs: 22 ms instead of
 * 0.1), TCP_USER_TIMEOUT, asking the kernel when the server was last heard, and ending a connection
 * whose library thread is stuck. So this module defines connect(): calls from the library's threads
 * land here, everything else is passed on.
 */

#include <stdint.h>

/*
 * A duplicate of the stream socket that a library thread connected last, with FD_CLOEXEC; the
 * caller closes it. -1 if there was none since the last call.
 */
int paho_socket_take(void);

/* Unacknowledged data ends connections made from now on after this time. 0: the system's default.
 */
void paho_socket_set_user_timeout(unsigned msec);

/* Microseconds since anything was received on @fd, by TCP_INFO; 0 when it can't be told. */
uint64_t paho_socket_silence_usec(int fd);
