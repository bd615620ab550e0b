/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lanes, one for each QoS. QoS 0 is handed over or refused. A QoS 1 message that was accepted
 * is kept until its PUBACK: in the lane, and on the disk as soon as it takes too long there or the
 * connection ends, so that a program gets its receipt when the message is safe, whichever way.
 * Nothing is written while the link is quick.
 */
#include "bridge/uplink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridge/backlog.h"
#include "bridge/lane.h"
#include "util/rate.h"

/* The library's cost per message grows with what it holds; more than this gains nothing. */
#define WINDOW_OWN  200U
#define WINDOW_MAX  1000U
#define WINDOW_QOS0 200U

/*
 * Nor more bytes than the socket takes at once (paho-socket.c sees to that), but for a message that
 * is larger alone: what the library can't write yet when the connection ends, it never frees.
 */
#define FLIGHT_BYTES ((size_t)128 * 1024)

/* The lane holds so much; what comes beyond goes to the disk. */
#define LANE_MESSAGES 4096U
#define LANE_BYTES    ((size_t)8 * 1024 * 1024)

/* Pages that are read from the disk. */
#define PAGE_MESSAGES 512U
#define PAGE_BYTES    ((size_t)2 * 1024 * 1024)

/* A PUBACK that takes longer is not coming on this connection. */
#define ACK_TIMEOUT_USEC (60 * USEC_PER_SEC)

/* The cloud counts by its own clock, after a network that bunches packets up: keep a distance. */
#define RATE_PERIOD_USEC (USEC_PER_SEC * 105 / 100)

struct Uplink {
        Link *link;
        UplinkConfig config;
        Backlog *backlog;
        Lane lanes[2]; /* by QoS */
        size_t windows[2];
        Rate rates[2];
        uint64_t expiry_usec; /* nothing in the lanes expires before it */
        uint64_t now_usec;    /* of the last turn; a page was asked for then, or later */
        Meter delivered;
        uint64_t refused, expired;
};

static void on_loaded(void *userdata, StoreRecord *records, size_t n_records);
static void on_unstorable(void *userdata, Rising *rising, int r);
static void on_replaced(void *userdata);

static size_t window_of(const UplinkConfig *config) {
        size_t window = config->window ? config->window : WINDOW_OWN;

        return window < WINDOW_MAX ? window : WINDOW_MAX;
}

int uplink_new(Uplink **ret, Link *link, const UplinkConfig *config) {
        _cleanup_(uplink_freep) Uplink *uplink = calloc(1, sizeof(*uplink));
        const BacklogHandler handler = {.loaded = on_loaded,
                                        .unstorable = on_unstorable,
                                        .replaced = on_replaced,
                                        .userdata = uplink};
        int r;

        if (!uplink)
                return -ENOMEM;
        uplink->link = link;
        uplink->config = *config;
        uplink->expiry_usec = USEC_INFINITY;
        uplink->windows[0] = WINDOW_QOS0;
        uplink->windows[1] = window_of(config);
        r = rate_init(&uplink->rates[0], config->qos0_per_second, RATE_PERIOD_USEC);
        if (r == 0)
                r = rate_init(&uplink->rates[1], config->qos1_per_second, RATE_PERIOD_USEC);
        if (r == 0)
                r = backlog_new(&uplink->backlog, &handler);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(uplink);
        return 0;
}

int uplink_set_config(Uplink *uplink, const UplinkConfig *config) {
        int r;

        r = rate_set_max(&uplink->rates[0], config->qos0_per_second);
        if (r == 0)
                r = rate_set_max(&uplink->rates[1], config->qos1_per_second);
        if (r < 0)
                return r;
        uplink->config = *config;
        uplink->windows[1] = window_of(config);
        return 0;
}

void uplink_set_store(Uplink *uplink, Store *store, const StoreInfo *info) {
        backlog_set_store(uplink->backlog, store, info);
}

static void rising_free(Rising *rising) {
        message_unref(rising->message);
        free(rising);
}

static void fail_lane(Uplink *uplink, Lane *lane, const char *why) {
        Rising *rising;

        while ((rising = lane_take_first(lane))) {
                /* Only from memory: what is on disk is delivered later. */
                if (rising->put)
                        backlog_forget(uplink->backlog, rising);
                receipt_fail(&rising->receipt, LOCAL_ERROR_OFFLINE,
                             rising->storage == RISING_STORED
                                             ? "the daemon is stopping; the message is stored and will be "
                                               "delivered"
                                             : why);
                rising_free(rising);
        }
}

Uplink *uplink_free(Uplink *uplink) {
        if (!uplink)
                return NULL;
        if (uplink->backlog) {
                backlog_store_lane(uplink->backlog, &uplink->lanes[1], USEC_INFINITY);
                backlog_wait(uplink->backlog);
        }
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++) {
                fail_lane(uplink, &uplink->lanes[i],
                          "the daemon is stopping, and the cloud has not acknowledged this message "
                          "yet: it may or may not have arrived");
                rate_done(&uplink->rates[i]);
        }
        backlog_free(uplink->backlog);
        free(uplink);
        return NULL;
}

/* The way in */

_printf_(5, 6) static void refuse(Uplink *uplink,
                                  Client *client,
                                  const LocalPublish *publish,
                                  LocalError code,
                                  const char *format,
                                  ...) {
        char text[400];
        va_list ap;

        va_start(ap, format);
        if (vsnprintf(text, sizeof(text), format, ap) < 0)
                text[0] = '\0';
        va_end(ap);
        uplink->refused++;
        local_session_error(client->session, publish->id, code, NULL, "%s", text);
}

static size_t bytes_held(const Uplink *uplink) {
        return uplink->lanes[0].bytes + uplink->lanes[1].bytes + backlog_bytes(uplink->backlog);
}

static bool has_room(Uplink *uplink, Client *client, const LocalPublish *publish) {
        size_t size = message_payload_size(publish->message);

        if (size > uplink->config.max_payload_bytes) {
                refuse(uplink, client, publish, LOCAL_ERROR_TOO_LARGE,
                       "the payload has %zu bytes; this cloud takes at most %zu", size,
                       uplink->config.max_payload_bytes);
                return false;
        }
        if (bytes_held(uplink) + message_footprint(publish->message) >
            uplink->config.memory_bytes) {
                refuse(uplink, client, publish, LOCAL_ERROR_FULL,
                       "too much waits for the cloud already; try again later");
                return false;
        }
        return true;
}

/* The name and the QoS in the cloud. False when the program got an error. */
static bool make_name(Uplink *uplink,
                      Client *client,
                      const LocalPublish *publish,
                      char **ret_remote,
                      int *ret_qos) {
        const char *local = message_topic(publish->message), *problem;
        RouteUp route = {0};
        _cleanup_(freep) char *remote = NULL;
        int cap, qos = message_qos(publish->message), r;

        r = route_up(uplink->config.routes, local, &route);
        if (r < 0) {
                refuse(uplink, client, publish, LOCAL_ERROR_INTERNAL, "out of memory");
                return false;
        }
        if (r == 0) {
                refuse(uplink, client, publish, LOCAL_ERROR_BAD_TOPIC,
                       "no route in the configuration takes topic '%.200s' up", local);
                return false;
        }
        remote = route.remote;
        cap = route.qos;
        problem = topic_name_problem(remote, &uplink->config.topics);
        if (problem) {
                refuse(uplink, client, publish, LOCAL_ERROR_BAD_TOPIC,
                       "topic '%.100s', which is '%.140s' in the cloud, %s", local, remote,
                       problem);
                return false;
        }
        if (qos > cap && publish->wait != LOCAL_WAIT_DEFAULT && publish->wait != LOCAL_WAIT_SENT) {
                refuse(uplink, client, publish, LOCAL_ERROR_BAD_REQUEST,
                       "the route of this topic allows QoS 0 only, which has no receipt: leave "
                       "'wait' out or use \"sent\"");
                return false;
        }
        *ret_qos = qos > cap ? cap : qos;
        *ret_remote = TAKE_PTR(remote);
        return true;
}

/* The message that goes up; the very same when its name is. */
static int make_message(const LocalPublish *publish, const char *remote, Message **ret) {
        if (strcmp(remote, message_topic(publish->message)) != 0)
                return message_new_renamed(ret, publish->message, remote);
        *ret = message_ref(publish->message);
        return 0;
}

static bool lane_is_full(const Lane *lane) {
        return lane->n >= LANE_MESSAGES || lane->bytes >= LANE_BYTES;
}

static void append(Uplink *uplink, Lane *lane, Rising *rising) {
        lane_append(lane, rising);
        if (rising->expires_usec < uplink->expiry_usec)
                uplink->expiry_usec = rising->expires_usec;
}

/* Whether a message may go into the lane, or must follow others on the disk. */
static bool fits_lane(const Uplink *uplink, const Lane *lane) {
        return link_is_online(uplink->link) && !backlog_follows(uplink->backlog) &&
               !lane_is_full(lane);
}

void uplink_publish(Uplink *uplink,
                    Client *client,
                    const LocalPublish *publish,
                    uint64_t now_usec) {
        _cleanup_(message_unrefp) Message *message = NULL;
        _cleanup_(freep) char *remote = NULL;
        uint64_t ttl_usec = publish->ttl_sec * USEC_PER_SEC;
        Rising *rising;
        Receipt receipt;
        int qos = 0;

        if (!has_room(uplink, client, publish) ||
            !make_name(uplink, client, publish, &remote, &qos))
                return;
        if (!link_is_online(uplink->link) && (qos == 0 || !backlog_has_store(uplink->backlog))) {
                refuse(uplink, client, publish, LOCAL_ERROR_OFFLINE,
                       "there is no connection to the cloud now%s; see 'iotlinkctl status'",
                       qos == 0 ? ", and QoS 0 is not stored" : "");
                return;
        }
        rising = calloc(1, sizeof(*rising));
        if (!rising || make_message(publish, remote, &message) < 0) {
                free(rising);
                refuse(uplink, client, publish, LOCAL_ERROR_INTERNAL, "out of memory");
                return;
        }
        receipt_open(&receipt, client, publish);
        if (qos == 1 && backlog_has_store(uplink->backlog) &&
            !fits_lane(uplink, &uplink->lanes[1])) {
                free(rising);
                /* What is in the lane was first, so it is on the disk first. */
                backlog_store_lane(uplink->backlog, &uplink->lanes[1], USEC_INFINITY);
                backlog_add(uplink->backlog, message, &receipt,
                            ttl_usec > 0 ? backlog_clock_msec(uplink->backlog) +
                                                            ttl_usec / USEC_PER_MSEC
                                         : 0);
                return;
        }
        *rising = (Rising){
                        .message = TAKE_PTR(message),
                        .receipt = receipt,
                        .token = backlog_next_seq(uplink->backlog),
                        .accepted_usec = now_usec,
                        .expires_usec = ttl_usec > 0 ? now_usec + ttl_usec : USEC_INFINITY,
                        .storage = backlog_has_store(uplink->backlog) ? RISING_IN_MEMORY
                                                                      : RISING_UNNUMBERED,
        };
        append(uplink, &uplink->lanes[qos], rising);
        uplink_pump(uplink, now_usec);
}

/* From the disk */

static void give_up_expired(Uplink *uplink, Rising *rising) {
        uplink->expired++;
        receipt_fail(&rising->receipt, LOCAL_ERROR_EXPIRED,
                     "its ttl ended before it could be sent");
        backlog_finish(uplink->backlog, rising);
        rising_free(rising);
}

static void on_loaded(void *userdata, StoreRecord *records, size_t n_records) {
        Uplink *uplink = userdata;
        uint64_t now = uplink->now_usec, msec = backlog_clock_msec(uplink->backlog);

        for (size_t i = 0; i < n_records; i++) {
                uint64_t expires = records[i].expires_msec;
                Rising *rising = calloc(1, sizeof(*rising));

                if (!rising) {
                        /* Read again after the next start; until then it is only late. */
                        message_unref(records[i].message);
                        continue;
                }
                *rising = (Rising){
                                .message = records[i].message,
                                .receipt = backlog_claim(uplink->backlog, records[i].seq),
                                .token = records[i].seq,
                                .accepted_usec = now,
                                .expires_usec = USEC_INFINITY,
                                .storage = RISING_STORED,
                };
                if (expires > 0)
                        rising->expires_usec =
                                        now + (expires > msec ? expires - msec : 0) * USEC_PER_MSEC;
                append(uplink, &uplink->lanes[1], rising);
        }
        /* The turn that follows sends them. */
}

/* What is in flight may still arrive; what waits can't go anywhere but to the disk. */
static void on_unstorable(void *userdata, Rising *rising, int r) {
        Uplink *uplink = userdata;
        Lane *lane = &uplink->lanes[1];

        if (link_is_online(uplink->link))
                return;
        (void)lane_take(lane, rising);
        backlog_refuse(uplink->backlog, &rising->receipt, r);
        rising_free(rising);
}

/* What memory still has goes to the new file. */
static void on_replaced(void *userdata) {
        Uplink *uplink = userdata;

        lane_forget_stored(&uplink->lanes[1]);
        backlog_store_lane(uplink->backlog, &uplink->lanes[1], USEC_INFINITY);
}

/* The way out */

void uplink_on_published(Uplink *uplink, uint64_t token, bool ok, uint64_t now_usec) {
        for (int qos = 0; qos < 2; qos++) {
                Rising *rising;

                if (!ok) {
                        if (!lane_has_sent(&uplink->lanes[qos], token))
                                continue;
                        /* Only a new connection can tell what became of it; QoS 1 is sent again. */
                        link_abandon(uplink->link, REASON_CLOSED, now_usec);
                        return;
                }
                rising = lane_take_sent(&uplink->lanes[qos], token);
                if (!rising)
                        continue;
                meter_add(&uplink->delivered, 1, now_usec);
                receipt_progress(&rising->receipt, qos > 0 ? LOCAL_ACK_DELIVERED : LOCAL_ACK_SENT,
                                 qos);
                backlog_finish(uplink->backlog, rising);
                rising_free(rising);
                return;
        }
}

void uplink_on_offline(Uplink *uplink) {
        fail_lane(uplink, &uplink->lanes[0],
                  "the connection ended before this QoS 0 message was handed to it");
        lane_reset(&uplink->lanes[1]);
        uplink->expiry_usec = 0; /* some that were in flight may have expired meanwhile: look */
        backlog_store_lane(uplink->backlog, &uplink->lanes[1], USEC_INFINITY);
}

/* Whether there is a message for which the window is open. */
static bool may_send(const Uplink *uplink, int qos) {
        const Lane *lane = &uplink->lanes[qos];

        if (!lane->unsent || lane->n_in_flight >= uplink->windows[qos])
                return false;
        return lane->n_in_flight == 0 ||
               lane->bytes_in_flight + message_footprint(lane->unsent->message) <= FLIGHT_BYTES;
}

static void send_lane(Uplink *uplink, int qos, uint64_t now_usec) {
        Lane *lane = &uplink->lanes[qos];

        while (may_send(uplink, qos) && rate_wait_usec(&uplink->rates[qos], now_usec) == 0) {
                Rising *rising = lane->unsent;

                if (link_publish(uplink->link, rising->token, rising->message, qos) < 0)
                        return;
                (void)rate_take(&uplink->rates[qos], now_usec);
                lane_sent(lane, now_usec);
                if (qos > 0)
                        receipt_progress(&rising->receipt, LOCAL_ACK_SENT, qos);
        }
}

static void expire(Uplink *uplink, uint64_t now_usec) {
        uint64_t next = USEC_INFINITY;

        if (uplink->expiry_usec > now_usec)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++) {
                Rising *after = NULL, *rising;

                while ((rising = lane_take_expired(&uplink->lanes[i], now_usec, &after)))
                        give_up_expired(uplink, rising);
                for (rising = uplink->lanes[i].unsent; rising; rising = rising->next)
                        if (rising->expires_usec < next)
                                next = rising->expires_usec;
        }
        uplink->expiry_usec = next;
}

static uint64_t ack_deadline_usec(const Uplink *uplink) {
        const Lane *lane = &uplink->lanes[1];

        return lane->n_in_flight > 0 ? lane->first->sent_usec + ACK_TIMEOUT_USEC : USEC_INFINITY;
}

/* The lane wants more from the disk as soon as half a page has gone. */
static bool wants_page(const Uplink *uplink) {
        const Lane *lane = &uplink->lanes[1];

        return lane->n < PAGE_MESSAGES / 2 + uplink->windows[1] && lane->bytes < LANE_BYTES;
}

void uplink_pump(Uplink *uplink, uint64_t now_usec) {
        uplink->now_usec = now_usec;
        expire(uplink, now_usec);
        if (now_usec > uplink->config.store_delay_usec)
                backlog_store_lane(uplink->backlog, &uplink->lanes[1],
                                   now_usec - uplink->config.store_delay_usec);
        if (!link_is_online(uplink->link))
                return;
        if (ack_deadline_usec(uplink) <= now_usec) {
                link_abandon(uplink->link, REASON_ACK_TIMEOUT, now_usec);
                return;
        }
        send_lane(uplink, 1, now_usec);
        send_lane(uplink, 0, now_usec);
        if (wants_page(uplink))
                backlog_load(uplink->backlog, PAGE_MESSAGES, PAGE_BYTES, now_usec);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

static uint64_t store_deadline_usec(const Uplink *uplink) {
        const Rising *rising = uplink->lanes[1].unstored;

        /* It may be one that is stored already: then the pump only looks further. */
        return backlog_has_store(uplink->backlog) && rising
                               ? rising->accepted_usec + uplink->config.store_delay_usec
                               : USEC_INFINITY;
}

uint64_t uplink_deadline_usec(const Uplink *uplink, uint64_t now_usec) {
        uint64_t deadline = earlier(uplink->expiry_usec, store_deadline_usec(uplink));

        if (!link_is_online(uplink->link))
                return deadline;
        deadline = earlier(deadline, ack_deadline_usec(uplink));
        if (wants_page(uplink))
                deadline = earlier(deadline, backlog_deadline_usec(uplink->backlog));
        for (int qos = 0; qos < 2; qos++)
                if (may_send(uplink, qos))
                        deadline = earlier(deadline, now_usec + rate_wait_usec(&uplink->rates[qos],
                                                                               now_usec));
        return deadline;
}

bool uplink_is_writing(const Uplink *uplink) {
        return uplink->lanes[0].n_in_flight > 0;
}

void uplink_counters(const Uplink *uplink, UplinkCounters *ret) {
        *ret = (UplinkCounters){
                        .bytes = bytes_held(uplink),
                        .delivered = uplink->delivered,
                        .refused = uplink->refused + backlog_refused(uplink->backlog),
                        .expired = uplink->expired,
                        .store = backlog_store_state(uplink->backlog),
                        .n_waiting = backlog_size(uplink->backlog, &uplink->lanes[1]),
        };
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++) {
                ret->n_in_flight += uplink->lanes[i].n_in_flight;
                ret->n_waiting += uplink->lanes[i].n - uplink->lanes[i].n_in_flight;
        }
}
