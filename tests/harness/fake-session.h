/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A double of local/session.h for the tests of the bridge: no socket, no codec; what is sent to a
 * session is kept as text, one line a call, for the test to compare:
 *
 *         ack 1 delivered              error 2 offline              msg a/b qos=1 mid=3 payload
 *         ack 1 subscribed qos=1       error - rejected a/b
 *         ack 1 subscribed qos=1 pending        msg a/b qos=1 mid=3 redelivered payload
 *         ack 1 stored receipt=17               ack 1 dropped count=3
 *         spool 1 more
 *           17 pk/dn/a size=4 ttl=-1
 *
 * Programs that link it don't link the local layer's session.o.
 */

#include "local/session.h"

LocalSession *fake_session_new(void);

/* The lines since the last call. Valid until the next call for this session. */
const char *fake_session_take(LocalSession *session);

/* The words of the last error. */
const char *fake_session_words(const LocalSession *session);

int fake_session_holds(const LocalSession *session);
bool fake_session_paused(const LocalSession *session);
unsigned fake_session_refs(const LocalSession *session);

/* What it said in "hello", borrowed, and who it is. */
void fake_session_set_client(LocalSession *session, const char *client, uid_t uid);
