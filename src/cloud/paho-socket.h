/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Paho's socket
 *
 * Paho MQTT C 1.3 has no call for its socket, but some things can be done only there: TCP_NODELAY
 * (without it, publishing and receiving on one connection waits for delayed ACKs: 22 ms instead of
 * 0.1), TCP_USER_TIMEOUT, asking the kernel when the server was last heard, and ending a connection
 * whose messages we can't keep; and seeing what a server says that doesn't speak MQTT (answer.h).
 * So this module defines connect() and recv(): calls from the library's threads land here,
 * everything else is passed on. The library has one set of threads and we give it one connection at
 * a time, so there is one socket per process to remember. Any thread may call.
 */

#include <stdbool.h>
#include <stdint.h>

/* Whether the calling thread is one of the library's. */
bool paho_socket_is_library_thread(void);

/* Unacknowledged data ends connections made from now on after this time. 0: the system's default.
 */
void paho_socket_set_user_timeout(unsigned msec);

/* Whether a socket of the library has been seen since the last paho_socket_forget(). */
bool paho_socket_is_known(void);

/* Whether TCP is connected; true when it can't be told. */
bool paho_socket_is_connected(void);

/* Microseconds since anything was received, by TCP_INFO; 0 when it can't be told. */
uint64_t paho_socket_silence_usec(void);

/* How reading from the server has failed on this connection (ETIMEDOUT, ECONNRESET, ...); 0 when it
 * has not, or the server ended it in order. The library keeps this to itself, too. */
int paho_socket_error(void);
void paho_socket_note_error(int error);

/* Ends the connection under the library's feet: what it has not acknowledged, it no longer can. */
void paho_socket_cut(void);

/* Closes our duplicate of the socket, once the library has closed its own. */
void paho_socket_forget(void);
