/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * PUBACK
 *
 * Paho MQTT C acknowledges every QoS 1 message as soon as the program has seen it, whatever the
 * program says. A message that could not be kept must not be acknowledged; but ending the
 * connection for it would, while the disk is full, end every connection as soon as it is made, and
 * nothing could be published any more. So this module takes such a PUBACK out of what the library
 * writes: it defines writev(), and tls-hooks.c defines SSL_write(), and both leave out the PUBACKs
 * that are withheld. The server then counts the message as under way, and sends it again on the
 * next connection. Any thread may call.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The PUBACK with this packet id must not be sent. Returns false if that can't be done, because
 * nothing that the library wrote on this connection has come by here. */
bool puback_withhold(uint16_t packet_id);

/* It may be sent again: the message has come once more and is kept now. */
void puback_permit(uint16_t packet_id);

/* Before a new connection. */
void puback_permit_all(void);

/* For who is about to write for the library: whether these bytes are to be left out. */
bool puback_is_withheld(const void *data, size_t size);
