/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out is queued here and written when the loop comes round. A program whose queue is
 * over the limit, although the socket was offered all of it, doesn't read: it is dropped rather
 * than waited for. The limit is looked at before something is queued, so that one big message
 * always has room.
 */
#include <stdarg.h>
#include <stdio.h>

#include "local/session-internal.h"

static bool send_begin(LocalSession *session) {
        SessionHost *host = session->host;

        if (session->state >= SESSION_DOOMED || session->deaf || !session->codec)
                return false;
        if (buffer_size(&session->output) > host->limits.client_buffer_bytes) {
                session_write(session);
                if (buffer_size(&session->output) > host->limits.client_buffer_bytes) {
                        host->dropped_slow++;
                        session_doom(session, "doesn't read what is sent to it");
                }
        }
        return session->state < SESSION_DOOMED && !session->deaf;
}

static void send_end(LocalSession *session, int r) {
        if (r < 0) {
                session_doom(session, "is sent more than there is memory for");
                return;
        }
        session_account(session);
        session_make_due(session);
}

static void send_ack(LocalSession *session,
                     const LocalId *id,
                     LocalAck state,
                     const AckDetail *detail) {
        if (send_begin(session))
                send_end(session, session->codec->encode_ack(&session->output, id, state, detail));
}

void local_session_ack(
                LocalSession *session, const LocalId *id, LocalAck state, int qos, bool pending) {
        send_ack(session, id, state, &(AckDetail){.qos = qos, .pending = pending, .count = -1});
}

void local_session_ack_receipt(LocalSession *session,
                               const LocalId *id,
                               LocalAck state,
                               int qos,
                               uint64_t receipt) {
        send_ack(session, id, state, &(AckDetail){.qos = qos, .receipt = receipt, .count = -1});
}

void local_session_dropped(LocalSession *session, const LocalId *id, uint64_t count) {
        send_ack(session, id, LOCAL_ACK_DROPPED, &(AckDetail){.qos = -1, .count = (int64_t)count});
}

void local_session_spool(LocalSession *session,
                         const LocalId *id,
                         const LocalSpooled *items,
                         size_t n_items,
                         uint64_t after) {
        if (send_begin(session))
                send_end(session,
                         session->codec->encode_spool(&session->output, id, items, n_items, after));
}

void local_session_error(LocalSession *session,
                         const LocalId *id,
                         LocalError code,
                         const char *filter,
                         const char *format,
                         ...) {
        char message[512];
        va_list args;

        if (!send_begin(session))
                return;
        va_start(args, format);
        (void)vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        send_end(session,
                 session->codec->encode_error(&session->output, id, code, filter, message));
}

void local_session_message(LocalSession *session,
                           const char *topic,
                           const Message *message,
                           int qos,
                           uint64_t mid,
                           bool redelivered) {
        if (send_begin(session))
                send_end(session, session->codec->encode_message(&session->output, topic, message,
                                                                 qos, mid, redelivered));
}

void local_session_facts(LocalSession *session,
                         const char *op,
                         const LocalId *id,
                         const LocalFact *facts,
                         size_t n_facts) {
        if (send_begin(session))
                send_end(session,
                         session->codec->encode_facts(&session->output, op, id, facts, n_facts));
}
