/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/receipt.h"

#include "bridge/client.h"

/* One program's open receipts, where we stop and start again to read from it. */
#define PAUSE_AT  256U
#define RESUME_AT 128U

void receipt_open(Receipt *receipt, Client *client, const LocalPublish *publish) {
        *receipt = (Receipt){
                        .session = local_session_ref(client->session),
                        .id = *publish->id,
                        .wait = publish->wait,
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

static void close_receipt(Receipt *receipt) {
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
        local_session_ack(receipt->session, &receipt->id, state, -1, false);
        close_receipt(receipt);
}

void receipt_fail(Receipt *receipt, LocalError code, const char *text) {
        if (!receipt->session)
                return;
        local_session_error(receipt->session, &receipt->id, code, NULL, "%s", text);
        close_receipt(receipt);
}

Receipt receipt_take(Receipt *receipt) {
        Receipt taken = *receipt;

        receipt->session = NULL;
        return taken;
}
