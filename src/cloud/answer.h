/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Answer
 *
 * What came back for CONNECT when that was no MQTT. The library throws it away, but it tells a
 * captive portal from a server that wants TLS or one that speaks something else. The functions that
 * the library reads with (paho-socket.c, tls-hooks.c) note it down; after a failure the cloud
 * thread takes it. One attempt at a time, so there is one answer per process. Any thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cloud/reason.h"

/* As much as holds an HTTP status line or a greeting. */
#define ANSWER_MAX 64U

typedef struct Answer {
        unsigned char bytes[ANSWER_MAX];
        size_t n;
        int alert; /* the number of the TLS alert that ended the connection; 0: none did */
} Answer;

/* Notes what comes from now on, up to the first ANSWER_MAX bytes. */
void answer_await(void);

/* Whether more is wanted: cheap, for every read. */
bool answer_is_awaited(void);

void answer_note(const void *bytes, size_t n);
void answer_note_alert(int alert);

/* What was noted, and the end of noting. */
void answer_take(Answer *ret);

/* Whether the answer is a record of TLS. */
bool answer_is_tls(const Answer *answer);

/*
 * What an answer that is no MQTT, or no TLS where that is spoken, says about who gave it: a
 * captive portal or something else. Returns REASON_NONE when there was none; else @detail has its
 * words, if it is text.
 */
Reason answer_explain(const Answer *answer, char detail[REASON_DETAIL_MAX]);

/* What an alert of the server's says about our certificate; REASON_NONE for all other alerts. */
Reason answer_explain_alert(int alert, char detail[REASON_DETAIL_MAX]);
