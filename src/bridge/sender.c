/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sender.h"

/* The library's cost per message grows with what it holds; more than this gains nothing. */
#define WINDOW_OWN  200U
#define WINDOW_MAX  1000U
#define WINDOW_QOS0 200U

/*
 * Nor more bytes than the socket takes at once (paho-socket.c sees to that), but for a message that
 * is larger alone: what the library can't write yet when the connection ends, it never frees.
 */
#define FLIGHT_BYTES ((size_t)128 * 1024)

/* A PUBACK that takes longer is not coming on this connection. */
#define ACK_TIMEOUT_USEC (60 * USEC_PER_SEC)

/* The cloud counts by its own clock, after a network that bunches packets up: keep a distance. */
#define RATE_PERIOD_USEC (USEC_PER_SEC * 105 / 100)

static unsigned window_of(unsigned window) {
        if (window == 0)
                return WINDOW_OWN;
        return window < WINDOW_MAX ? window : WINDOW_MAX;
}

int sender_init(Sender *sender, const SenderConfig *config) {
        int r;

        *sender = (Sender){.config = *config};
        sender->config.window = window_of(config->window);
        r = rate_init(&sender->rates[0], config->qos0_per_second, RATE_PERIOD_USEC);
        if (r < 0)
                return r;
        return rate_init(&sender->rates[1], config->qos1_per_second, RATE_PERIOD_USEC);
}

int sender_set_limits(Sender *sender,
                      unsigned qos1_per_second,
                      unsigned qos0_per_second,
                      unsigned window) {
        int r;

        r = rate_set_max(&sender->rates[0], qos0_per_second);
        if (r == 0)
                r = rate_set_max(&sender->rates[1], qos1_per_second);
        if (r == 0)
                sender->config.window = window_of(window);
        return r;
}

void sender_done(Sender *sender) {
        rate_done(&sender->rates[0]);
        rate_done(&sender->rates[1]);
}

void sender_hold_back(Sender *sender, uint64_t then_usec) {
        rate_fill(&sender->rates[0], then_usec);
        rate_fill(&sender->rates[1], then_usec);
}

bool sender_was_busy(const Sender *sender, uint64_t now_usec) {
        return sender->sent_usec > 0 && now_usec < sender->sent_usec + RATE_PERIOD_USEC &&
               (sender->rates[0].max > 0 || sender->rates[1].max > 0);
}

bool sender_is_over_rate(const Sender *sender, uint64_t now_usec) {
        return rate_wait_usec(&sender->rates[0], now_usec) > 0;
}

/* The lane of QoS 1 whose turn it is; NULL if none has anything to send. */
static Lane *next_lane(const Sender *sender) {
        Lane *live = sender->config.live, *old = sender->config.old;

        if (!live->unsent)
                return old->unsent ? old : NULL;
        if (!old->unsent)
                return live;
        /* What is older goes first: it may be of the same topic. */
        if (live->unsent->storage == RISING_UNNUMBERED || live->unsent->token < old->unsent->token)
                return live;
        return sender->turn_of_old ? old : live;
}

/* Whether the first that waits may go while @n with @bytes are on their way. */
static bool fits(const Lane *lane, size_t n, size_t bytes, size_t window) {
        return n == 0 ||
               (n < window && bytes + message_footprint(lane->unsent->message) <= FLIGHT_BYTES);
}

/* Where the next message is for which the window is open; NULL if there is none. */
static Lane *next_of(const Sender *sender, int qos) {
        const SenderConfig *c = &sender->config;
        Lane *lane = qos > 0 ? next_lane(sender) : c->qos0;

        if (!lane || !lane->unsent)
                return NULL;
        if (qos == 0)
                return fits(lane, lane->n_in_flight, lane->bytes_in_flight, WINDOW_QOS0) ? lane
                                                                                         : NULL;
        return fits(lane, c->live->n_in_flight + c->old->n_in_flight,
                    c->live->bytes_in_flight + c->old->bytes_in_flight, c->window)
                               ? lane
                               : NULL;
}

static void send_qos(Sender *sender, int qos, uint64_t now_usec) {
        Lane *lane;

        while ((lane = next_of(sender, qos)) &&
               rate_wait_usec(&sender->rates[qos], now_usec) == 0) {
                Rising *rising = lane->unsent;

                if (link_publish(sender->config.link, rising->token, rising->message, qos) < 0)
                        return;
                (void)rate_take(&sender->rates[qos], now_usec);
                lane_sent(lane, now_usec);
                sender->sent_usec = now_usec;
                if (qos == 0)
                        continue;
                sender->turn_of_old = lane == sender->config.live;
                receipt_progress(&rising->receipt, LOCAL_ACK_SENT, qos);
        }
}

void sender_send(Sender *sender, uint64_t now_usec) {
        send_qos(sender, 1, now_usec);
        send_qos(sender, 0, now_usec);
}

uint64_t sender_deadline_usec(const Sender *sender, uint64_t now_usec) {
        uint64_t deadline = USEC_INFINITY;

        for (int qos = 0; qos < 2; qos++) {
                uint64_t free_at = now_usec + rate_wait_usec(&sender->rates[qos], now_usec);

                if (free_at < deadline && next_of(sender, qos))
                        deadline = free_at;
        }
        return deadline;
}

uint64_t sender_ack_deadline_usec(const Sender *sender) {
        const Lane *lanes[] = {sender->config.live, sender->config.old};
        uint64_t sent = USEC_INFINITY;

        for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
                if (lanes[i]->n_in_flight > 0 && lanes[i]->first->sent_usec < sent)
                        sent = lanes[i]->first->sent_usec;
        return sent == USEC_INFINITY ? sent : sent + ACK_TIMEOUT_USEC;
}
