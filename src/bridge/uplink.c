/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lanes, one for each QoS; each is one list in order of arrival, in front what is in flight,
 * behind it what waits. When a connection ends, everything in flight on the QoS 1 lane simply
 * counts as waiting again: so it is sent again first and in the old order. Tokens grow along the
 * lane and are never used twice, so an answer finds its message or none.
 */
#include "bridge/uplink.h"

#include <errno.h>
#include <string.h>

#include "util/clock.h"
#include "util/rate.h"

/* The library's cost per message grows with what it holds; more than this gains nothing. */
#define WINDOW_OWN  200U
#define WINDOW_QOS0 200U

/* One program's unfinished messages, where we stop and start again to read from it. */
#define PAUSE_AT  256U
#define RESUME_AT 128U

/* A PUBACK that takes longer is not coming on this connection. */
#define ACK_TIMEOUT_USEC (60 * USEC_PER_SEC)

/* The cloud counts by its own clock, after a network that bunches packets up: keep a distance. */
#define RATE_PERIOD_USEC (USEC_PER_SEC * 105 / 100)

typedef struct Rising {
        struct Rising *next;
        Message *message; /* under its remote name */
        LocalSession *session;
        LocalId id;
        LocalWait wait;
        bool answered;
        uint64_t token;
        uint64_t expires_usec, sent_usec;
} Rising;

typedef struct Lane {
        int qos;
        Rising *first, *last;
        Rising *unsent; /* first that waits; NULL when all are in flight */
        size_t n, n_in_flight, window;
        Rate rate;
} Lane;

struct Uplink {
        Link *link;
        UplinkConfig config;
        Lane lanes[2]; /* by QoS */
        uint64_t last_token;
        uint64_t expiry_usec; /* nothing expires before it */
        size_t bytes;
        Meter delivered;
        uint64_t refused, expired;
};

int uplink_new(Uplink **ret, Link *link, const UplinkConfig *config) {
        _cleanup_(uplink_freep) Uplink *uplink = calloc(1, sizeof(*uplink));
        const size_t window = config->window ? config->window : WINDOW_OWN;
        int r;

        if (!uplink)
                return -ENOMEM;
        uplink->link = link;
        uplink->config = *config;
        uplink->expiry_usec = USEC_INFINITY;
        uplink->lanes[0] = (Lane){.qos = 0, .window = WINDOW_QOS0};
        uplink->lanes[1] = (Lane){.qos = 1, .window = window < 1000 ? window : 1000};
        r = rate_init(&uplink->lanes[0].rate, config->qos0_per_second, RATE_PERIOD_USEC);
        if (r == 0)
                r = rate_init(&uplink->lanes[1].rate, config->qos1_per_second, RATE_PERIOD_USEC);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(uplink);
        return 0;
}

/* Ends of a message's way */

/* The program may go on once enough of its messages are through. */
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

static void finish(Uplink *uplink, Rising *rising) {
        uplink->bytes -= message_footprint(rising->message);
        local_session_release(rising->session);
        count_down(rising->session);
        message_unref(rising->message);
        local_session_unref(rising->session);
        free(rising);
}

static void unlink_rising(Lane *lane, Rising *before, const Rising *rising, bool in_flight) {
        if (before)
                before->next = rising->next;
        else
                lane->first = rising->next;
        if (lane->last == rising)
                lane->last = before;
        if (lane->unsent == rising)
                lane->unsent = rising->next;
        lane->n--;
        if (in_flight)
                lane->n_in_flight--;
}

static void answer_offline(Rising *rising, const char *why) {
        if (!rising->answered)
                local_session_error(rising->session, &rising->id, LOCAL_ERROR_OFFLINE, NULL, "%s",
                                    why);
}

static void fail_lane(Uplink *uplink, Lane *lane, const char *why) {
        while (lane->first) {
                Rising *rising = lane->first;

                lane->first = rising->next;
                answer_offline(rising, why);
                finish(uplink, rising);
        }
        lane->last = lane->unsent = NULL;
        lane->n = lane->n_in_flight = 0;
}

Uplink *uplink_free(Uplink *uplink) {
        if (!uplink)
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++) {
                fail_lane(uplink, &uplink->lanes[i],
                          "The daemon is stopping and the cloud has not acknowledged this message: "
                          "it may or may not have arrived");
                rate_done(&uplink->lanes[i].rate);
        }
        free(uplink);
        return NULL;
}

/* The way in */

static void refuse(Uplink *uplink,
                   Client *client,
                   const LocalPublish *publish,
                   LocalError code,
                   const char *text) {
        uplink->refused++;
        local_session_error(client->session, publish->id, code, NULL, "%s", text);
}

/* Makes the message that goes up: remote name, capped QoS. False when the program got an error. */
static bool make_remote(Uplink *uplink,
                        Client *client,
                        const LocalPublish *publish,
                        Message **ret_message,
                        int *ret_qos) {
        const char *local = message_topic(publish->message), *problem;
        _cleanup_(freep) char *remote = NULL;
        int cap = 1, qos = message_qos(publish->message), r;

        r = route_up(uplink->config.routes, local, &remote, &cap);
        if (r == 0) {
                uplink->refused++;
                local_session_error(client->session, publish->id, LOCAL_ERROR_BAD_TOPIC, NULL,
                                    "no route in the configuration takes topic '%s' up", local);
                return false;
        }
        problem = r > 0 ? topic_name_problem(remote, &uplink->config.topics) : NULL;
        if (problem) {
                uplink->refused++;
                local_session_error(client->session, publish->id, LOCAL_ERROR_BAD_TOPIC, NULL,
                                    "topic '%s', which is '%s' in the cloud, %s", local, remote,
                                    problem);
                return false;
        }
        if (qos > cap) {
                qos = cap;
                if (publish->wait != LOCAL_WAIT_DEFAULT && publish->wait != LOCAL_WAIT_SENT) {
                        refuse(uplink, client, publish, LOCAL_ERROR_BAD_REQUEST,
                               "the route of this topic allows QoS 0 only, which has no receipt: "
                               "leave 'wait' out or use \"sent\"");
                        return false;
                }
        }
        if (r > 0) {
                if (strcmp(remote, local) == 0)
                        *ret_message = message_ref(publish->message);
                else
                        r = message_new_renamed(ret_message, publish->message, remote);
        }
        if (r < 0) {
                refuse(uplink, client, publish, LOCAL_ERROR_INTERNAL, "out of memory");
                return false;
        }
        *ret_qos = qos;
        return true;
}

static bool has_room(Uplink *uplink, Client *client, const LocalPublish *publish) {
        size_t size = message_payload_size(publish->message);

        if (size > uplink->config.max_payload_bytes) {
                uplink->refused++;
                local_session_error(client->session, publish->id, LOCAL_ERROR_TOO_LARGE, NULL,
                                    "the payload has %zu bytes; this cloud takes at most %zu", size,
                                    uplink->config.max_payload_bytes);
                return false;
        }
        if (!link_is_online(uplink->link)) {
                refuse(uplink, client, publish, LOCAL_ERROR_OFFLINE,
                       "there is no connection to the cloud now; see 'iotlinkctl status'");
                return false;
        }
        if (uplink->bytes + message_footprint(publish->message) > uplink->config.memory_bytes) {
                refuse(uplink, client, publish, LOCAL_ERROR_FULL,
                       "too much waits for the cloud already; try again later");
                return false;
        }
        return true;
}

static void append(Uplink *uplink, Lane *lane, Rising *rising) {
        rising->token = ++uplink->last_token;
        if (lane->last)
                lane->last->next = rising;
        else
                lane->first = rising;
        lane->last = rising;
        if (!lane->unsent)
                lane->unsent = rising;
        lane->n++;
        uplink->bytes += message_footprint(rising->message);
        if (rising->expires_usec < uplink->expiry_usec)
                uplink->expiry_usec = rising->expires_usec;
}

static void count_up(Client *client) {
        if (++client->n_rising >= PAUSE_AT && !client->paused) {
                client->paused = true;
                local_session_set_paused(client->session, true);
        }
}

void uplink_publish(Uplink *uplink,
                    Client *client,
                    const LocalPublish *publish,
                    uint64_t now_usec) {
        Message *message = NULL;
        Rising *rising;
        int qos = 0;

        if (!has_room(uplink, client, publish) ||
            !make_remote(uplink, client, publish, &message, &qos))
                return;
        rising = calloc(1, sizeof(*rising));
        if (!rising) {
                message_unref(message);
                refuse(uplink, client, publish, LOCAL_ERROR_INTERNAL, "out of memory");
                return;
        }
        rising->message = message;
        rising->session = local_session_ref(client->session);
        rising->id = *publish->id;
        rising->wait = publish->wait;
        rising->expires_usec = publish->ttl_sec > 0 ? now_usec + publish->ttl_sec * USEC_PER_SEC
                                                    : USEC_INFINITY;
        local_session_hold(rising->session);
        append(uplink, &uplink->lanes[qos], rising);
        count_up(client);
        uplink_pump(uplink, now_usec);
}

/* The way out */

void uplink_on_published(Uplink *uplink, uint64_t token, bool ok, uint64_t now_usec) {
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++) {
                Lane *lane = &uplink->lanes[i];
                Rising *before = NULL, *rising = lane->first;

                /* What is in flight stands in front, and answers mostly come in order. */
                while (rising && rising != lane->unsent && rising->token != token) {
                        before = rising;
                        rising = rising->next;
                }
                if (!rising || rising == lane->unsent)
                        continue;
                if (!ok) {
                        /* Only a new connection can tell what became of it; QoS 1 is sent again. */
                        link_abandon(uplink->link, REASON_INTERNAL, now_usec);
                        return;
                }
                unlink_rising(lane, before, rising, true);
                meter_add(&uplink->delivered, 1, now_usec);
                if (!rising->answered)
                        local_session_ack(rising->session, &rising->id,
                                          lane->qos > 0 ? LOCAL_ACK_DELIVERED : LOCAL_ACK_SENT, -1,
                                          false);
                finish(uplink, rising);
                return;
        }
}

void uplink_on_offline(Uplink *uplink) {
        Lane *lane = &uplink->lanes[1];

        fail_lane(uplink, &uplink->lanes[0],
                  "the connection ended before this QoS 0 message was handed to it");
        lane->unsent = lane->first;
        lane->n_in_flight = 0;
        uplink->expiry_usec = 0; /* some that were in flight may have expired meanwhile: look */
}

static void send_lane(Uplink *uplink, Lane *lane, uint64_t now_usec) {
        while (lane->unsent && lane->n_in_flight < lane->window &&
               rate_wait_usec(&lane->rate, now_usec) == 0) {
                Rising *rising = lane->unsent;

                if (link_publish(uplink->link, rising->token, rising->message, lane->qos) < 0)
                        return;
                (void)rate_take(&lane->rate, now_usec);
                rising->sent_usec = now_usec;
                lane->unsent = rising->next;
                lane->n_in_flight++;
                if (rising->wait == LOCAL_WAIT_SENT && lane->qos > 0 && !rising->answered) {
                        rising->answered = true;
                        local_session_ack(rising->session, &rising->id, LOCAL_ACK_SENT, -1, false);
                }
        }
}

/* What is in flight can't be called back and is left to its PUBACK. */
static void expire_lane(Uplink *uplink, Lane *lane, uint64_t now_usec) {
        Rising *before = NULL, *rising = lane->first;
        bool waits = false;

        while (rising) {
                Rising *next = rising->next;

                waits = waits || rising == lane->unsent;
                if (waits && rising->expires_usec <= now_usec) {
                        unlink_rising(lane, before, rising, false);
                        uplink->expired++;
                        if (!rising->answered)
                                local_session_error(rising->session, &rising->id,
                                                    LOCAL_ERROR_EXPIRED, NULL,
                                                    "its ttl ended before it could be sent");
                        finish(uplink, rising);
                } else {
                        if (waits && rising->expires_usec < uplink->expiry_usec)
                                uplink->expiry_usec = rising->expires_usec;
                        before = rising;
                }
                rising = next;
        }
}

static void expire(Uplink *uplink, uint64_t now_usec) {
        if (uplink->expiry_usec > now_usec)
                return;
        uplink->expiry_usec = USEC_INFINITY;
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++)
                expire_lane(uplink, &uplink->lanes[i], now_usec);
}

static uint64_t ack_deadline_usec(const Uplink *uplink) {
        const Lane *lane = &uplink->lanes[1];

        return lane->n_in_flight > 0 ? lane->first->sent_usec + ACK_TIMEOUT_USEC : USEC_INFINITY;
}

void uplink_pump(Uplink *uplink, uint64_t now_usec) {
        expire(uplink, now_usec);
        if (!link_is_online(uplink->link))
                return;
        if (ack_deadline_usec(uplink) <= now_usec) {
                link_abandon(uplink->link, REASON_ACK_TIMEOUT, now_usec);
                return;
        }
        send_lane(uplink, &uplink->lanes[1], now_usec);
        send_lane(uplink, &uplink->lanes[0], now_usec);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

uint64_t uplink_deadline_usec(const Uplink *uplink, uint64_t now_usec) {
        uint64_t deadline = uplink->expiry_usec;

        if (!link_is_online(uplink->link))
                return deadline;
        deadline = earlier(deadline, ack_deadline_usec(uplink));
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++) {
                const Lane *lane = &uplink->lanes[i];

                if (lane->unsent && lane->n_in_flight < lane->window)
                        deadline = earlier(deadline,
                                           now_usec + rate_wait_usec(&lane->rate, now_usec));
        }
        return deadline;
}

void uplink_counters(const Uplink *uplink, UplinkCounters *ret) {
        *ret = (UplinkCounters){
                        .bytes = uplink->bytes,
                        .delivered = uplink->delivered,
                        .refused = uplink->refused,
                        .expired = uplink->expired,
        };
        for (size_t i = 0; i < ARRAY_SIZE(uplink->lanes); i++) {
                ret->n_in_flight += uplink->lanes[i].n_in_flight;
                ret->n_waiting += uplink->lanes[i].n - uplink->lanes[i].n_in_flight;
        }
}
