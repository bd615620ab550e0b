/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/receipt.h"

#include "bridge/client.h"

/* One program's open receipts, where we stop and start again to read from it. */
#define PAUSE_AT  256U
#define RESUME_AT 128U

void receipt_open(Receipt *receipt, Client *client, const LocalId *id, LocalWait wait) {
        *receipt = (Receipt){
                        .session = local_session_ref(client->session),
                        .id = *id,
                        .wait = wait,
        };
        local_session_hold(receipt->session);
        if (++client->n_rising >= PAUSE_AT && !client->paused) {
                client->paused = true;
                local_session_set_paused(client->session, true);
        }
}

static void count_down(LocalSession *session) {
        Client *client = client_peek(session);

        if (!client)
                return;
        client->n_rising--;
        if (client->paused && client->n_rising <= RESUME_AT) {
                client->paused = false;
                local_session_set_paused(session, false);
        }
}

void receipt_close(Receipt *receipt) {
        LocalSession *session = TAKE_PTR(receipt->session);

        local_session_release(session);
        count_down(session);
        local_session_unref(session);
}

static bool is_enough(const Receipt *receipt, LocalAck state, int qos) {
        switch (receipt->wait) {
        case LOCAL_WAIT_SENT:
                return true;
        case LOCAL_WAIT_DEFAULT:
                return qos == 0 || state != LOCAL_ACK_SENT;
        case LOCAL_WAIT_STORED:
                return state != LOCAL_ACK_SENT;
        case LOCAL_WAIT_DELIVERED:
        default:
                return state == LOCAL_ACK_DELIVERED;
        }
}

void receipt_progress(Receipt *receipt, LocalAck state, int qos) {
        if (!receipt->session || !is_enough(receipt, state, qos))
                return;
        /* What the cloud has, nobody needs to ask for. */
        if (state == LOCAL_ACK_STORED || receipt->asked)
                local_session_ack_receipt(receipt->session, &receipt->id, state, -1, receipt->seq);
        else
                local_session_ack(receipt->session, &receipt->id, state, -1, false);
        receipt_close(receipt);
}

void receipt_fail(Receipt *receipt, LocalError code, const char *text) {
        if (!receipt->session)
                return;
        local_session_error(receipt->session, &receipt->id, code, NULL, "%s", text);
        receipt_close(receipt);
}

Receipt receipt_take(Receipt *receipt) {
        Receipt taken = *receipt;

        receipt->session = NULL;
        return taken;
}
