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
} Receipt;

void receipt_open(Receipt *receipt, Client *client, const LocalPublish *publish);

/*
 * Says how far the message has come. Answers and closes the receipt when that is far enough for
 * what was asked; LOCAL_ACK_DELIVERED always is.
 */
void receipt_progress(Receipt *receipt, LocalAck state, int qos);

/* Answers with an error and closes the receipt. */
void receipt_fail(Receipt *receipt, LocalError code, const char *text);

/* Moves it to another place. */
Receipt receipt_take(Receipt *receipt);
