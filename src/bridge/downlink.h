/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Downlink
 *
 * Who wants which messages, what must be subscribed in the cloud for that, and the way of a
 * message from the cloud to everyone who wants it. A subscription is kept as long as its program
 * is connected, if it isn't durable; with each new connection to the cloud all are made again and
 * each SUBACK checked.
 */

#include "bridge/client.h"
#include "bridge/durable.h"
#include "bridge/guard.h"
#include "cloud/link.h"
#include "message/route.h"
#include "message/topic.h"
#include "util/meter.h"

typedef struct Downlink Downlink;

typedef struct DownlinkConfig {
        const RouteTable *routes;
        TopicLimits topics;
        size_t max_payload_bytes;
        unsigned max_subscriptions; /* in the cloud; 0: our own limit */
        DurablesConfig durable;
} DownlinkConfig;

typedef struct DownlinkCounters {
        size_t n_filters;  /* subscribed in the cloud, or to be */
        Meter received;    /* messages from the cloud */
        uint64_t unwanted; /* of these, those that nobody had subscribed to */
        DurablesCounters durable;
        uint64_t held_back; /* times that a message was not acknowledged: it could not be kept */
} DownlinkCounters;

/* @guard is told what must be kept; all three must outlive the downlink. */
_warn_unused_ int downlink_new(Downlink **ret,
                               Link *link,
                               Clients *clients,
                               Guard *guard,
                               const DownlinkConfig *config);
/* From now on goes by another configuration: the subscriptions that are there go through its routes
 * once more. A program whose subscription they no longer serve is told, and loses it. */
void downlink_set_config(Downlink *downlink, const DownlinkConfig *config);
/* From then on the guard lets nothing be acknowledged. */
Downlink *downlink_free(Downlink *downlink);

void downlink_subscribe(Downlink *downlink, Client *client, const LocalSubscribe *subscribe);
void downlink_unsubscribe(Downlink *downlink,
                          Client *client,
                          const LocalId *id,
                          const char *filter);

void downlink_done(Downlink *downlink, Client *client, uint64_t mid);

/* From now on subscriptions can be durable; once. @store must outlive the link. */
void downlink_set_store(Downlink *downlink, Store *store);
void downlink_on_store_replaced(Downlink *downlink);

/* Drops all subscriptions of a client that goes away, but for the durable ones. */
void downlink_forget(Downlink *downlink, Client *client);

/* From the link. */
void downlink_on_online(Downlink *downlink, uint64_t now_usec);
void downlink_on_offline(Downlink *downlink);
void downlink_on_subscribed(Downlink *downlink, uint64_t token, int code);
void downlink_on_message(Downlink *downlink, Message *message, uint64_t kept, uint64_t now_usec);
void downlink_on_withheld(Downlink *downlink, int r, uint64_t now_usec);

/* Ends the durable subscriptions of programs that stayed away for longer. */
void downlink_forget_absent(Downlink *downlink, uint64_t max_age_msec);

/* Goes on with what could not be done before. */
void downlink_pump(Downlink *downlink, uint64_t now_usec);
/* When that is due; USEC_INFINITY when it is not. After downlink_pump(). */
uint64_t downlink_deadline_usec(const Downlink *downlink);

void downlink_counters(const Downlink *downlink, DownlinkCounters *ret);

DEFINE_CLEANUP(Downlink *, downlink_free);
