/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QoS 0 has a lane of its own; it is handed over or refused. A QoS 1 message that was accepted is
 * kept until its PUBACK. It goes into the live lane if it can, and to the disk as well as soon as
 * it takes too long there; or else to the end of the old stream, on disk (bridge/backlog.h). The
 * live lane and the old one share the window and the rate; when both have something to send they
 * take turns. Nothing is written while the link is quick.
 */
#include "bridge/uplink.h"

#include <errno.h>

#include "bridge/backlog.h"
#include "bridge/intake.h"
#include "bridge/lane.h"
#include "bridge/losses.h"
#include "bridge/sender.h"

/* A lane holds so much; what comes beyond goes to the disk, or is refused if it is QoS 0. */
#define LANE_MESSAGES 4096U
#define LANE_BYTES    ((size_t)8 * 1024 * 1024)

/* Where the cloud's rate is the limit, so many wait in the live lane that the last of them goes
 * within about a second, though the old lane has half of the rate. */
#define LIVE_SHARE 2U

/* Pages that are read from the disk. */
#define PAGE_MESSAGES 512U
#define PAGE_BYTES    ((size_t)2 * 1024 * 1024)

/* How long to wait with messages for which the store or the memory has no room. */
#define STORE_AGAIN_USEC (100 * USEC_PER_MSEC)

struct Uplink {
        Link *link;
        UplinkConfig config;
        Intake intake;
        Losses losses;
        Backlog *backlog;
        Lane qos0, live;
        Lane *old; /* the backlog's */
        Sender sender;
        uint64_t now_usec;         /* of the last turn */
        uint64_t online_usec;      /* since when */
        uint64_t store_again_usec; /* not before that: too much waits for the disk already */
        Meter delivered, acknowledged;
        uint64_t expired;
};

static void on_dropped(void *userdata, uint32_t route, size_t n) {
        Uplink *uplink = userdata;

        losses_add_stored(&uplink->losses, route, n);
}

int uplink_new(Uplink **ret, Link *link, const UplinkConfig *config) {
        _cleanup_(uplink_freep) Uplink *uplink = calloc(1, sizeof(*uplink));
        const BacklogHandler handler = {.dropped = on_dropped, .userdata = uplink};
        int r;

        if (!uplink)
                return -ENOMEM;
        uplink->link = link;
        uplink->config = *config;
        intake_set(&uplink->intake, config->routes, &config->topics, config->max_payload_bytes);
        uplink->losses = (Losses){.routes = config->routes};
        r = backlog_new(&uplink->backlog, &uplink->live, &handler);
        if (r < 0)
                return r;
        uplink->old = backlog_lane(uplink->backlog);
        r = sender_init(&uplink->sender, &(SenderConfig){.link = link,
                                                         .qos0 = &uplink->qos0,
                                                         .live = &uplink->live,
                                                         .old = uplink->old,
                                                         .qos1_per_second = config->qos1_per_second,
                                                         .qos0_per_second = config->qos0_per_second,
                                                         .window = config->window});
        if (r < 0)
                return r;
        *ret = TAKE_PTR(uplink);
        return 0;
}

int uplink_set_config(Uplink *uplink, const UplinkConfig *config) {
        int r;

        r = sender_set_limits(&uplink->sender, config->qos1_per_second, config->qos0_per_second,
                              config->window);
        if (r < 0)
                return r;
        uplink->config = *config;
        uplink->losses.routes = config->routes;
        intake_set(&uplink->intake, config->routes, &config->topics, config->max_payload_bytes);
        return 0;
}

void uplink_hold_back(Uplink *uplink, uint64_t then_usec) {
        sender_hold_back(&uplink->sender, then_usec);
}

void uplink_set_store(Uplink *uplink, Store *store, const StoreInfo *info) {
        backlog_set_store(uplink->backlog, store, info);
}

void uplink_on_store_replaced(Uplink *uplink, const StoreInfo *info) {
        backlog_on_replaced(uplink->backlog, info);
}

static void fail_lane(Lane *lane, const char *why) {
        Rising *rising;

        while ((rising = lane_take_first(lane))) {
                /* Only from memory: what is on disk is delivered later. */
                backlog_detach(rising);
                receipt_fail(&rising->receipt, LOCAL_ERROR_OFFLINE,
                             rising->storage == RISING_STORED
                                             ? "the daemon is stopping; the message is stored and will be "
                                               "delivered"
                                             : why);
                rising_free(rising);
        }
}

Uplink *uplink_free(Uplink *uplink) {
        static const char why[] = "the daemon is stopping, and the cloud has not acknowledged this "
                                  "message yet: it may or may not have arrived";

        if (!uplink)
                return NULL;
        if (uplink->backlog) {
                backlog_wait(uplink->backlog);
                if (sender_was_busy(&uplink->sender, clock_now_usec()))
                        backlog_note_end(uplink->backlog);
        }
        losses_say(&uplink->losses, USEC_INFINITY - 1);
        fail_lane(&uplink->qos0, why);
        fail_lane(&uplink->live, why);
        backlog_free(uplink->backlog);
        sender_done(&uplink->sender);
        losses_done(&uplink->losses);
        free(uplink);
        return NULL;
}

/* The way in */

static size_t bytes_held(const Uplink *uplink) {
        return uplink->qos0.bytes + uplink->live.bytes + backlog_bytes(uplink->backlog);
}

static bool has_room(Uplink *uplink, const Client *client, const LocalPublish *publish) {
        if (bytes_held(uplink) + sizeof(Rising) + message_footprint(publish->message) <=
            uplink->config.memory_bytes)
                return true;
        intake_refuse(&uplink->intake, client, publish, LOCAL_ERROR_FULL,
                      "too much waits for the cloud already; try again later");
        return false;
}

static bool is_reachable(Uplink *uplink,
                         const Client *client,
                         const LocalPublish *publish,
                         int qos) {
        if (link_is_online(uplink->link) || (qos > 0 && backlog_has_store(uplink->backlog)))
                return true;
        intake_refuse(&uplink->intake, client, publish, LOCAL_ERROR_OFFLINE,
                      "there is no connection to the cloud now%s; see 'iotlinkctl status'",
                      qos == 0 ? ", and QoS 0 is not stored" : "");
        return false;
}

static bool is_full(const Lane *lane) {
        return lane->n >= LANE_MESSAGES || lane->bytes >= LANE_BYTES;
}

/* The oldest that waits makes room. */
static void give_way(Uplink *uplink) {
        Rising *rising = lane_take(&uplink->qos0, uplink->qos0.unsent);

        receipt_fail(&rising->receipt, LOCAL_ERROR_QUOTA,
                     "more QoS 0 messages came than this cloud takes a second, and this one has "
                     "given way to newer ones");
        losses_add_gave_way(&uplink->losses);
        rising_free(rising);
}

/* What cloud.limits.qos0_excess says. False when the program got an error. */
static bool has_turn(Uplink *uplink, const Client *client, const LocalPublish *publish) {
        bool over = sender_is_over_rate(&uplink->sender, uplink->now_usec);
        unsigned limit = uplink->config.qos0_per_second;

        if (over && uplink->config.qos0_excess == UPLINK_EXCESS_DROP_OLDEST)
                while (uplink->qos0.unsent &&
                       (lane_waiting(&uplink->qos0) >= limit || is_full(&uplink->qos0)))
                        give_way(uplink);
        if (over && uplink->config.qos0_excess == UPLINK_EXCESS_REFUSE) {
                losses_add_refused(&uplink->losses);
                intake_refuse(&uplink->intake, client, publish, LOCAL_ERROR_QUOTA,
                              "this cloud takes %u QoS 0 messages a second, and no more are "
                              "accepted than that",
                              limit);
                return false;
        }
        if (is_full(&uplink->qos0)) {
                if (over)
                        losses_add_refused(&uplink->losses);
                intake_refuse(&uplink->intake, client, publish, LOCAL_ERROR_FULL,
                              "too many QoS 0 messages wait for the cloud already; try again "
                              "later");
                return false;
        }
        return true;
}

/* Whether more may wait in the live lane. */
static bool live_has_room(const Uplink *uplink) {
        unsigned limit = uplink->config.qos1_per_second;

        if (!link_is_online(uplink->link) || is_full(&uplink->live))
                return false;
        return limit == 0 || lane_waiting(&uplink->live) <= limit / LIVE_SHARE ||
               !backlog_can_store(uplink->backlog);
}

/* QoS 1: to its lane or to the disk. */
static void admit(Uplink *uplink, Rising *take_rising) {
        if (!backlog_has_store(uplink->backlog)) {
                take_rising->storage = RISING_UNNUMBERED;
                lane_append(&uplink->live, take_rising);
        } else if (!live_has_room(uplink)) {
                /* What is in the lane was first, so it is on the disk first. */
                (void)backlog_store_live(uplink->backlog, USEC_INFINITY);
                backlog_add(uplink->backlog, take_rising);
        } else if (!backlog_is_clear(uplink->backlog, message_topic(take_rising->message))) {
                backlog_add(uplink->backlog, take_rising);
        } else {
                lane_append(&uplink->live, take_rising);
        }
}

void uplink_publish(Uplink *uplink,
                    Client *client,
                    const LocalPublish *publish,
                    uint64_t now_usec) {
        _cleanup_(intake_message_done) IntakeMessage message = {0};
        Rising *rising;

        uplink->now_usec = now_usec;
        if (!has_room(uplink, client, publish) ||
            !intake_accept(&uplink->intake, client, publish, &message) ||
            !is_reachable(uplink, client, publish, message.qos) ||
            (message.qos == 0 && !has_turn(uplink, client, publish)))
                return;
        rising = calloc(1, sizeof(*rising));
        if (!rising) {
                intake_refuse(&uplink->intake, client, publish, LOCAL_ERROR_INTERNAL,
                              "out of memory");
                return;
        }
        *rising = (Rising){
                        .message = TAKE_PTR(message.message),
                        .token = backlog_next_seq(uplink->backlog),
                        .accepted_usec = now_usec,
                        .expires_usec = publish->ttl_sec > 0
                                                        ? now_usec + publish->ttl_sec * USEC_PER_SEC
                                                        : USEC_INFINITY,
                        .storage = RISING_IN_MEMORY,
                        .when_full = message.when_full,
                        .route = message.route,
        };
        receipt_open(&rising->receipt, client, publish->id, publish->wait);
        rising->receipt.seq = rising->token;
        if (message.qos == 0)
                lane_append(&uplink->qos0, rising);
        else
                admit(uplink, rising);
        uplink_pump(uplink, now_usec);
}

void uplink_ask(Uplink *uplink, Client *client, const LocalId *id, uint64_t seq, LocalWait wait) {
        Receipt receipt;

        receipt_open(&receipt, client, id, wait);
        receipt.seq = seq;
        receipt.asked = true;
        backlog_ask(uplink->backlog, &receipt);
}

uint64_t uplink_next_seq(Uplink *uplink) {
        return backlog_next_seq(uplink->backlog);
}

int uplink_drop(Uplink *uplink, const uint64_t *seqs, size_t n) {
        return backlog_drop(uplink->backlog, seqs, n);
}

void uplink_forget(Uplink *uplink, const LocalSession *session) {
        backlog_forget(uplink->backlog, session);
}

/* The way out */

void uplink_on_published(Uplink *uplink, uint64_t token, bool ok, uint64_t now_usec) {
        Lane *lanes[] = {&uplink->live, uplink->old, &uplink->qos0};

        for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
                int qos = lanes[i] == &uplink->qos0 ? 0 : 1;
                Rising *rising;

                if (!ok) {
                        if (!lane_has_sent(lanes[i], token))
                                continue;
                        /* Only a new connection can tell what became of it; QoS 1 is sent again. */
                        link_abandon(uplink->link, REASON_CLOSED, now_usec);
                        return;
                }
                rising = lane_take_sent(lanes[i], token);
                if (!rising)
                        continue;
                meter_add(&uplink->delivered, 1, now_usec);
                if (qos > 0)
                        meter_add(&uplink->acknowledged, 1, now_usec);
                receipt_progress(&rising->receipt, qos > 0 ? LOCAL_ACK_DELIVERED : LOCAL_ACK_SENT,
                                 qos);
                backlog_finish(uplink->backlog, rising);
                return;
        }
}

static void expire_lane(Uplink *uplink, Lane *lane, uint64_t now_usec) {
        Rising *after = NULL, *rising;

        if (lane->expiry_usec > now_usec)
                return;
        while ((rising = lane_take_expired(lane, now_usec, &after))) {
                uplink->expired++;
                backlog_expire(uplink->backlog, rising);
        }
        lane->expiry_usec = USEC_INFINITY;
        for (rising = lane->unsent; rising; rising = rising->next)
                if (rising->expires_usec < lane->expiry_usec)
                        lane->expiry_usec = rising->expires_usec;
}

static void expire(Uplink *uplink, uint64_t now_usec) {
        if (backlog_expiry_usec(uplink->backlog) <= now_usec)
                uplink->expired += backlog_expire_waiting(uplink->backlog, now_usec);
        expire_lane(uplink, &uplink->qos0, now_usec);
        expire_lane(uplink, &uplink->live, now_usec);
        expire_lane(uplink, uplink->old, now_usec);
}

void uplink_on_offline(Uplink *uplink) {
        fail_lane(&uplink->qos0, "the connection ended before this QoS 0 message was handed to it");
        lane_reset(&uplink->live);
        lane_reset(uplink->old);
        uplink->online_usec = 0;
        expire(uplink, uplink->now_usec);
        backlog_on_offline(uplink->backlog);
}

static size_t smaller(size_t a, size_t b) {
        return a < b ? a : b;
}

/* What is read back leaves most of the memory to what is fresh. */
static size_t share_of_memory(const Uplink *uplink, size_t bytes) {
        return smaller(bytes, uplink->config.memory_bytes / 4);
}

/* The old lane wants more from the disk as soon as half a page has gone. */
static bool wants_page(const Uplink *uplink) {
        return uplink->old->n < PAGE_MESSAGES / 2 + uplink->sender.config.window &&
               uplink->old->bytes < share_of_memory(uplink, LANE_BYTES);
}

void uplink_pump(Uplink *uplink, uint64_t now_usec) {
        uplink->now_usec = now_usec;
        expire(uplink, now_usec);
        losses_say(&uplink->losses, now_usec);
        if (now_usec > uplink->config.store_delay_usec && now_usec >= uplink->store_again_usec &&
            !backlog_store_live(uplink->backlog, now_usec - uplink->config.store_delay_usec))
                uplink->store_again_usec = now_usec + STORE_AGAIN_USEC;
        if (!link_is_online(uplink->link))
                return;
        if (uplink->online_usec == 0)
                uplink->online_usec = now_usec;
        if (sender_ack_deadline_usec(&uplink->sender) <= now_usec) {
                link_abandon(uplink->link, REASON_ACK_TIMEOUT, now_usec);
                return;
        }
        sender_send(&uplink->sender, now_usec);
        if (wants_page(uplink))
                backlog_load(uplink->backlog, PAGE_MESSAGES, share_of_memory(uplink, PAGE_BYTES),
                             now_usec);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

/* The first in the lane that is in memory only may be stored already: then the pump looks on. */
static uint64_t store_deadline_usec(const Uplink *uplink, const Lane *lane) {
        uint64_t due;

        if (!backlog_has_store(uplink->backlog) || !lane->unstored)
                return USEC_INFINITY;
        due = lane->unstored->accepted_usec + uplink->config.store_delay_usec;
        return due > uplink->store_again_usec ? due : uplink->store_again_usec;
}

uint64_t uplink_deadline_usec(const Uplink *uplink, uint64_t now_usec) {
        uint64_t deadline = backlog_expiry_usec(uplink->backlog);

        deadline = earlier(deadline, uplink->qos0.expiry_usec);
        deadline = earlier(deadline, uplink->live.expiry_usec);
        deadline = earlier(deadline, uplink->old->expiry_usec);
        deadline = earlier(deadline, losses_deadline_usec(&uplink->losses));
        deadline = earlier(deadline, store_deadline_usec(uplink, &uplink->live));
        deadline = earlier(deadline, store_deadline_usec(uplink, uplink->old));
        if (!link_is_online(uplink->link))
                return deadline;
        deadline = earlier(deadline, sender_ack_deadline_usec(&uplink->sender));
        if (wants_page(uplink))
                deadline = earlier(deadline, backlog_deadline_usec(uplink->backlog));
        return earlier(deadline, sender_deadline_usec(&uplink->sender, now_usec));
}

bool uplink_is_writing(const Uplink *uplink) {
        return uplink->qos0.n_in_flight > 0;
}

/* Numbers */

/* How long the backlog takes at the rate that the cloud allows, or else at the one that was
 * measured. */
static uint64_t drain_usec(const Uplink *uplink, uint64_t n, uint64_t now_usec) {
        uint64_t online_usec = now_usec - uplink->online_usec, acknowledged, period;

        if (n == 0 || uplink->online_usec == 0)
                return USEC_INFINITY;
        if (uplink->config.qos1_per_second > 0)
                return n * USEC_PER_SEC / uplink->config.qos1_per_second;
        period = earlier(online_usec, METER_STEPS * METER_STEP_USEC);
        acknowledged = meter_last_minute(&uplink->acknowledged, now_usec);
        return acknowledged > 0 ? n * period / acknowledged : USEC_INFINITY;
}

void uplink_counters(const Uplink *uplink, uint64_t now_usec, UplinkCounters *ret) {
        const Lane *lanes[] = {&uplink->qos0, &uplink->live, uplink->old};
        BacklogCounters backlog;

        backlog_counters(uplink->backlog, &backlog);
        *ret = (UplinkCounters){
                        .bytes = bytes_held(uplink),
                        .backlog_bytes = backlog.bytes,
                        .delivered = uplink->delivered,
                        .refused = uplink->intake.refused + backlog.refused,
                        .expired = uplink->expired,
                        .dropped_oldest = uplink->losses.oldest,
                        .dropped_superseded = uplink->losses.superseded,
                        .qos0_refused = uplink->losses.qos0_refused,
                        .qos0_dropped = uplink->losses.qos0_gave_way,
                        .n_waiting = backlog.n_on_disk,
                        .store = backlog_store_state(uplink->backlog),
        };
        for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
                ret->n_in_flight += lanes[i]->n_in_flight;
                ret->n_waiting += lane_waiting(lanes[i]);
                ret->backlog_bytes += lanes[i]->bytes - lanes[i]->bytes_stored;
        }
        ret->drain_usec = drain_usec(uplink, ret->n_waiting, now_usec);
}
