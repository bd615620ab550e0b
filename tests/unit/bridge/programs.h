/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What programs and the server do in tests of the uplink.
 */

#include "world.h"

typedef struct Publish {
        int64_t id;
        const char *topic, *payload;
        int qos;
        LocalWait wait;
        uint32_t ttl_sec;
} Publish;

static inline void publish(World *w, Client *client, Publish p) {
        _cleanup_(message_unrefp) Message *message = NULL;
        LocalId id = world_id(p.id);
        const LocalPublish request = {.id = &id, .wait = p.wait, .ttl_sec = p.ttl_sec};
        LocalPublish full = request;

        CHECK_INT(message_new(&message, p.topic, p.payload, p.payload ? strlen(p.payload) : 0,
                              p.qos),
                  0);
        full.message = message;
        uplink_publish(w->uplink, client, &full, w->now);
}

/* QoS 1 messages on topic "t" with ids and payloads from @first on. */
static inline void publish_many(World *w, Client *client, int first, int n) {
        for (int i = first; i < first + n; i++) {
                char payload[16];

                (void)snprintf(payload, sizeof(payload), "%d", i);
                publish(w, client, (Publish){.id = i, .topic = "t", .payload = payload, .qos = 1});
        }
}

/* What a session was told since the last call, without the numbers of receipts. */
static inline const char *session_told(LocalSession *session) {
        static char text[262144];
        const char *line = fake_session_take(session), *number;
        size_t used = 0;

        text[0] = '\0';
        while ((number = strstr(line, " receipt="))) {
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s",
                                         (int)(number - line), line);
                line = number + 1 + strcspn(number + 1, " \n");
        }
        CHECK(used + strlen(line) < sizeof(text));
        (void)snprintf(text + used, sizeof(text) - used, "%s", line);
        return text;
}

static inline const char *told(Client *client) {
        return session_told(client->session);
}

static inline UplinkCounters counters(const World *w) {
        UplinkCounters c;

        uplink_counters(w->uplink, w->now, &c);
        return c;
}

/* The server acknowledges the first @n requests of those not forgotten. */
static inline void acknowledge(World *w, size_t n) {
        CHECK(n <= w->fake->n_requests);
        for (size_t i = 0; i < n; i++)
                fake_published(w->fake, w->fake->requests[i].token, true);
        world_turn(w);
}
