/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inbox
 *
 * The door between the cloud's threads and the loop: a queue of events with an eventfd that is
 * readable while there are any. Messages from the cloud are bounded in number and bytes: a thread
 * that brings one too many waits, the library stops reading, and TCP slows the server down. All
 * other events answer something that we sent and are bounded by what was sent: they never wait.
 */

#include "cloud/transport.h"

typedef struct Inbox Inbox;

_warn_unused_ int inbox_new(Inbox **ret, size_t max_messages, size_t max_bytes);

/* All threads must have stopped pushing. */
Inbox *inbox_free(Inbox *inbox);

/* From any thread. Takes the event's message reference, also when it fails (-ENOMEM). */
int inbox_push(Inbox *inbox, const TransportEvent *event);

/* Lets no pusher wait any more; what comes from now on is dropped. */
void inbox_shut(Inbox *inbox);
bool inbox_is_shut(Inbox *inbox);

int inbox_fd(const Inbox *inbox);

/* Loop thread. Returns 1 and the next event, whose message now belongs to the caller, or 0. */
int inbox_next(Inbox *inbox, TransportEvent *ret_event);

DEFINE_CLEANUP(Inbox *, inbox_free);
