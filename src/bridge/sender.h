/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sender
 *
 * Hands messages to the link: no more at once than the window, no faster than the rate, QoS 1 and
 * QoS 0 apart. The live and the old lane take turns when both have something to send, so that each
 * has half of what the cloud takes.
 */

#include "bridge/lane.h"
#include "cloud/link.h"
#include "util/rate.h"

typedef struct SenderConfig {
        Link *link;
        Lane *qos0, *live, *old;                   /* all borrowed */
        unsigned qos1_per_second, qos0_per_second; /* 0: no limit */
        unsigned window;                           /* QoS 1 messages in flight; 0: our own choice */
} SenderConfig;

typedef struct Sender {
        SenderConfig config;
        bool turn_of_old;
        uint64_t sent_usec; /* the last message; 0: none yet */
        Rate rates[2];      /* by QoS */
} Sender;

/* 0 or -ENOMEM; either way sender_done() is due. */
_warn_unused_ int sender_init(Sender *sender, const SenderConfig *config);
void sender_done(Sender *sender);

/* Goes by other limits, under way. 0 or -ENOMEM. */
_warn_unused_ int sender_set_limits(Sender *sender,
                                    unsigned qos1_per_second,
                                    unsigned qos0_per_second,
                                    unsigned window);

/* At @then_usec the cloud may have had as much as it takes, from an earlier run. */
void sender_hold_back(Sender *sender, uint64_t then_usec);

/* For who would be told so: whether anything was sent that the cloud's limits still count. */
bool sender_was_busy(const Sender *sender, uint64_t now_usec);

/* Whether the next QoS 0 message is over the rate. */
bool sender_is_over_rate(const Sender *sender, uint64_t now_usec);

/* Sends what may be sent now; while online. */
void sender_send(Sender *sender, uint64_t now_usec);

/* When it may send more; USEC_INFINITY when that takes an answer. */
uint64_t sender_deadline_usec(const Sender *sender, uint64_t now_usec);

/* When a PUBACK has been missing for too long. */
uint64_t sender_ack_deadline_usec(const Sender *sender);
