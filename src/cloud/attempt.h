/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Attempt
 *
 * One connection attempt and the connection that comes of it: a client object of the library's,
 * used once. That is the only way to cancel a connect, to change the client id (its time stamp
 * changes), and to be free of what the library would keep from one connection to the next. What
 * was in flight is the uplink's to send again. Cloud thread only.
 *
 * The library's own threads run the callbacks with its global lock held, so a callback only copies
 * and pushes: results to the inbox, the end of the attempt (FAILED, LOST) to the commands. The
 * exception is a message that the keeper wants: then all of the library waits for the disk.
 */

#include "cloud/commands.h"
#include "cloud/inbox.h"
#include "cloud/transport.h"

typedef struct Attempt Attempt;

/* Takes what is in @take_target, on success only; @keeper is copied. 0 or -ENOMEM. */
_warn_unused_ int attempt_new(Attempt **ret,
                              uint64_t epoch,
                              TransportTarget *take_target,
                              Inbox *inbox,
                              Commands *commands,
                              const TransportKeeper *keeper);

/* Ends the attempt first if that has not been done. */
Attempt *attempt_free(Attempt *attempt);

uint64_t attempt_epoch(const Attempt *attempt);
const TransportTarget *attempt_target(const Attempt *attempt);

/* Whether the server has accepted it. */
bool attempt_is_online(const Attempt *attempt);

/* Starts connecting: CONNECTED or COMMAND_FAILED follows. Returns 0 or -errno. */
_warn_unused_ int attempt_start(Attempt *attempt);

/* Ends it, with DISCONNECT if it is online. No callback runs after this. */
void attempt_end(Attempt *attempt);

/* The answers come as events; what can't even be asked ends the connection. */
void attempt_publish(Attempt *attempt, uint64_t token, const Message *message, int qos);
void attempt_subscribe(Attempt *attempt, uint64_t token, const char *filter, int qos);
void attempt_unsubscribe(Attempt *attempt, uint64_t token, const char *filter);

/* Pushes an event of this attempt's epoch. */
void attempt_push(const Attempt *attempt, TransportEvent event);

DEFINE_CLEANUP(Attempt *, attempt_free);
