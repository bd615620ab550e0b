/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Uplink and downlink with a real link on a fake transport and with fake sessions; the test is the
 * server, the programs and the clock.
 */

#include <errno.h>

#include "bridge/downlink.h"
#include "bridge/uplink.h"
#include "fake-session.h"
#include "fake-transport.h"
#include "test.h"
#include "util/clock.h"

#define SEC USEC_PER_SEC

typedef struct World {
        uint64_t now;
        FakeTransport *fake;
        Guard *guard;
        Link *link;
        LinkConfig link_config;
        LinkState seen;
        Clients clients;
        RouteTable *routes;
        UplinkConfig uplink_config;
        Uplink *uplink;
        Downlink *downlink;
} World;

static inline uint32_t world_random(void) {
        return 0;
}

static inline int world_credentials(void *userdata, Reason previous, Credentials *ret) {
        (void)userdata;
        (void)previous;
        *ret = (Credentials){
                        .host = strdup("cloud.example"), .port = 1883, .client_id = strdup("test")};
        return ret->host && ret->client_id ? 1 : -ENOMEM;
}

static inline void world_changed(void *userdata) {
        World *w = userdata;
        LinkState before = w->seen;
        LinkStatus status;

        link_status(w->link, &status);
        w->seen = status.state;
        if (before == LINK_ONLINE && status.state != LINK_ONLINE) {
                uplink_on_offline(w->uplink);
                downlink_on_offline(w->downlink);
        }
        if (before != LINK_ONLINE && status.state == LINK_ONLINE)
                downlink_on_online(w->downlink, w->now);
}

static inline void world_published(void *userdata, uint64_t token, bool ok) {
        World *w = userdata;

        uplink_on_published(w->uplink, token, ok, w->now);
}

static inline void world_subscribed(void *userdata, uint64_t token, int code) {
        World *w = userdata;

        downlink_on_subscribed(w->downlink, token, code);
}

static inline void world_unsubscribed(void *userdata, uint64_t token) {
        (void)userdata;
        (void)token;
}

static inline void world_message(void *userdata, Message *message, uint64_t kept) {
        World *w = userdata;

        downlink_on_message(w->downlink, message, kept, w->now);
}

static inline void world_withheld(void *userdata, int r) {
        World *w = userdata;

        downlink_on_withheld(w->downlink, r, w->now);
}

/* Everything at zero is a world without limits and routes, apart from sizes. */
static inline void world_new(World *w, const UplinkConfig *up, const DownlinkConfig *down) {
        static const LinkHandler handler = {
                        .changed = world_changed,
                        .published = world_published,
                        .subscribed = world_subscribed,
                        .unsubscribed = world_unsubscribed,
                        .message = world_message,
                        .withheld = world_withheld,
        };
        UplinkConfig uplink = up ? *up : (UplinkConfig){0};
        DownlinkConfig downlink = down ? *down : (DownlinkConfig){0};
        TransportKeeper keeper;

        *w = (World){.now = 1000 * SEC};
        w->link_config = (LinkConfig){.source = {.get = world_credentials, .userdata = w},
                                      .keepalive_sec = 1000,
                                      .connect_timeout_sec = 20,
                                      .network = {1 * SEC, 300 * SEC}};
        w->fake = fake_transport_new();
        CHECK_INT(link_new(&w->link, &w->fake->base, &w->link_config, &handler, w, world_random),
                  0);
        CHECK_INT(route_table_new(&w->routes), 0);
        uplink.routes = downlink.routes = w->routes;
        if (uplink.max_payload_bytes == 0)
                uplink.max_payload_bytes = MESSAGE_PAYLOAD_MAX;
        if (uplink.memory_bytes == 0)
                uplink.memory_bytes = 1024U * 1024U;
        if (downlink.max_payload_bytes == 0)
                downlink.max_payload_bytes = MESSAGE_PAYLOAD_MAX;
        if (downlink.durable.window_bytes == 0)
                downlink.durable.window_bytes = (size_t)128 * 1024;
        w->uplink_config = uplink;
        CHECK_INT(uplink_new(&w->uplink, w->link, &uplink), 0);
        CHECK_INT(guard_new(&w->guard), 0);
        keeper = guard_keeper(w->guard);
        link_set_keeper(w->link, &keeper);
        CHECK_INT(downlink_new(&w->downlink, w->link, &w->clients, w->guard, &downlink), 0);
}

static inline void world_route(World *w,
                               const char *local,
                               const char *remote,
                               RouteDirection direction,
                               int qos) {
        static const RouteVariables variables;
        const RouteSpec spec = {
                        .local = local, .remote = remote, .direction = direction, .qos = qos};
        char *error = NULL;

        CHECK_INT(route_table_add(w->routes, &spec, &variables, &error), 0);
}

static inline Client *world_client(World *w) {
        Client *client = client_of(&w->clients, fake_session_new());

        CHECK(client);
        return client;
}

/* The program goes away; returns its session, to which the caller owes an unref. */
static inline LocalSession *world_leave(World *w, Client *client) {
        LocalSession *session = client->session;

        downlink_forget(w->downlink, client);
        client_remove(&w->clients, client);
        return session;
}

static inline void world_free(World *w) {
        w->uplink = uplink_free(w->uplink);
        while (w->clients.first)
                local_session_unref(world_leave(w, w->clients.first));
        downlink_free(w->downlink);
        link_free(w->link);
        guard_free(w->guard);
        route_table_free(w->routes);
}

/* What a turn of the loop does. */
static inline void world_turn(World *w) {
        link_dispatch(w->link, w->now);
        uplink_pump(w->uplink, w->now);
        downlink_pump(w->downlink, w->now);
}

static inline void world_online(World *w) {
        if (w->fake->closing) {
                fake_closed(w->fake);
                world_turn(w);
        }
        if (w->seen == LINK_OFFLINE) {
                if (w->fake->n_connects == 0) {
                        link_start(w->link, w->now);
                } else {
                        if (link_deadline_usec(w->link) > w->now)
                                w->now = link_deadline_usec(w->link);
                        link_tick(w->link, w->now);
                }
        }
        fake_connected(w->fake, true);
        world_turn(w);
        CHECK(link_is_online(w->link));
}

static inline void world_lose(World *w) {
        fake_lost(w->fake, REASON_CLOSED);
        world_turn(w);
        CHECK(!link_is_online(w->link));
}

/* Waits until the uplink wants its turn. */
static inline void world_wait(World *w) {
        uint64_t deadline = uplink_deadline_usec(w->uplink, w->now);

        CHECK(deadline != USEC_INFINITY);
        if (deadline > w->now)
                w->now = deadline;
        uplink_pump(w->uplink, w->now);
}

static inline LocalId world_id(int64_t n) {
        return (LocalId){.kind = LOCAL_ID_INTEGER, .integer = n};
}
