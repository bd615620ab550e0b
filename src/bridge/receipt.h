/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Receipt
 *
 * What one program is owed for one publish: an answer that says what is true, once. While it is
 * owed the session is held, and counted: a program with too many of them is not read from.
 */

#include "bridge/client.h"

typedef struct Receipt {
        LocalSession *session; /* NULL: nothing is owed (any more) */
        LocalId id;
        LocalWait wait;
        uint64_t seq; /* the message's number: what the program can ask for later */
        bool asked;   /* it is the answer to such a question */
} Receipt;

void receipt_open(Receipt *receipt, Client *client, const LocalId *id, LocalWait wait);

/*
 * Says how far the message has come. Answers and closes the receipt when that is far enough for
 * what was asked; LOCAL_ACK_DELIVERED always is.
 */
void receipt_progress(Receipt *receipt, LocalAck state, int qos);

/* Answers with an error and closes the receipt. */
void receipt_fail(Receipt *receipt, LocalError code, const char *text);

/* Closes it without an answer, for a session that is gone. */
void receipt_close(Receipt *receipt);

/* Moves it to another place. */
Receipt receipt_take(Receipt *receipt);
