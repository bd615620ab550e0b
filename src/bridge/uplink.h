/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Uplink
 *
 * Messages on their way to the cloud: in order, no more at once than the window, no faster than
 * the cloud takes them. A QoS 1 message that was accepted stays here until its PUBACK, over any
 * number of connections, and its program gets the receipt then.
 */

#include "bridge/client.h"
#include "cloud/link.h"
#include "message/route.h"
#include "message/topic.h"
#include "store/store.h"
#include "util/meter.h"

typedef struct Uplink Uplink;

/* What happens to QoS 0 messages over their rate. */
typedef enum UplinkExcess {
        UPLINK_EXCESS_WAIT,        /* they wait, up to a bound */
        UPLINK_EXCESS_REFUSE,      /* they are refused */
        UPLINK_EXCESS_DROP_OLDEST, /* a second's worth waits, the oldest gives way */
} UplinkExcess;

typedef struct UplinkConfig {
        const RouteTable *routes;
        TopicLimits topics;
        size_t max_payload_bytes;
        unsigned qos1_per_second, qos0_per_second; /* 0: no limit */
        UplinkExcess qos0_excess;
        unsigned window; /* QoS 1 messages in flight; 0: our own choice */
        size_t memory_bytes;
        uint64_t store_delay_usec; /* what is not acknowledged by then is written to the disk */
} UplinkConfig;

typedef struct UplinkCounters {
        uint64_t n_waiting;     /* not sent yet */
        size_t n_in_flight;     /* sent, not acknowledged */
        size_t bytes;           /* in memory */
        uint64_t backlog_bytes; /* in memory or on disk */
        uint64_t drain_usec;    /* that it may take; USEC_INFINITY: that can't be told */
        Meter delivered;        /* QoS 1 acknowledged, QoS 0 written */
        uint64_t refused, expired;
        uint64_t dropped_oldest, dropped_superseded; /* gave way in a full store, by policy */
        uint64_t qos0_refused, qos0_dropped;         /* over their rate */
        const char *store;                           /* a word, see backlog_store_state() */
} UplinkCounters;

_warn_unused_ int uplink_new(Uplink **ret, Link *link, const UplinkConfig *config);

/* From now on goes by another configuration; messages that were accepted keep the names they have.
 * 0 or -ENOMEM. */
_warn_unused_ int uplink_set_config(Uplink *uplink, const UplinkConfig *config);

/* An earlier run may have been busy until @then_usec: the cloud may have had all it takes. */
void uplink_hold_back(Uplink *uplink, uint64_t then_usec);

/* From now on messages can be stored. Without this, none is accepted while offline. @store must
 * outlive the uplink. */
void uplink_set_store(Uplink *uplink, Store *store, const StoreInfo *info);
/* The store has started anew, for who listens to it in the uplink's place (store_on_replaced()). */
void uplink_on_store_replaced(Uplink *uplink, const StoreInfo *info);

/* Tells every program that still waits that its message is not known to have arrived. */
Uplink *uplink_free(Uplink *uplink);

void uplink_publish(Uplink *uplink, Client *client, const LocalPublish *publish, uint64_t now_usec);

/* Answers when it is known what has become of the message with that number (as an ack "stored" has
 * it), or of @wait: LOCAL_WAIT_STORED, _DELIVERED. */
void uplink_ask(Uplink *uplink, Client *client, const LocalId *id, uint64_t seq, LocalWait wait);

/* A number that no message has yet; those that come have higher ones. */
uint64_t uplink_next_seq(Uplink *uplink);

/* Messages that are on disk are given up, wherever they are beside: those who wait for them are
 * told. What was sent may arrive all the same. 0 or -errno. */
_warn_unused_ int uplink_drop(Uplink *uplink, const uint64_t *seqs, size_t n);

/* This session is gone. */
void uplink_forget(Uplink *uplink, const LocalSession *session);

/* From the link. */
void uplink_on_published(Uplink *uplink, uint64_t token, bool ok, uint64_t now_usec);
void uplink_on_offline(Uplink *uplink);

/* Sends what may be sent now, gives up what has expired. */
void uplink_pump(Uplink *uplink, uint64_t now_usec);

/* When uplink_pump() has something to do again; USEC_INFINITY when only an event can change that.
 */
uint64_t uplink_deadline_usec(const Uplink *uplink, uint64_t now_usec);

/* Whether QoS 0 messages are handed over and not written yet: the end of the connection drops them.
 */
bool uplink_is_writing(const Uplink *uplink);

void uplink_counters(const Uplink *uplink, uint64_t now_usec, UplinkCounters *ret);

DEFINE_CLEANUP(Uplink *, uplink_free);
