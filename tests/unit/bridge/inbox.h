/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A world with durable subscriptions and a real store in a directory of its own; messages from the
 * cloud are kept as the transport would have it.
 */

#include "disk.h"

typedef struct InboxWorld {
        Disk disk;
        World w;
        DownlinkConfig config;
        int64_t last_id;
} InboxWorld;

static inline void inbox_world(InboxWorld *i, const StoreLimits *limits, size_t window_bytes) {
        *i = (InboxWorld){.config = {.durable = {.window_bytes = window_bytes}}};
        disk_init(&i->disk);
        if (limits)
                i->disk.limits = *limits;
        world_new(&i->w, NULL, &i->config);
        i->w.now = clock_now_usec();
}

static inline void inbox_replaced(const StoreInfo *info, void *userdata) {
        InboxWorld *i = userdata;

        (void)info;
        downlink_on_store_replaced(i->w.downlink);
}

/* The daemon opens its store, as it does at start. */
static inline void inbox_open(InboxWorld *i) {
        CHECK_INT(store_open_with(&i->disk.store, i->disk.directory, &i->disk.limits, i->disk.vfs,
                                  50000, &i->disk.info),
                  0);
        downlink_set_store(i->w.downlink, i->disk.store);
        store_on_replaced(i->disk.store, inbox_replaced, i);
}

static inline void inbox_begin(InboxWorld *i) {
        inbox_world(i, NULL, 0);
        inbox_open(i);
        world_online(&i->w);
}

static inline void inbox_end(InboxWorld *i) {
        world_free(&i->w);
        disk_done(&i->disk);
}

/* The daemon ends without a word to anybody, and starts again: the programs have gone with it. */
static inline void inbox_restart(InboxWorld *i) {
        world_free(&i->w);
        i->disk.store = store_close(i->disk.store);
        world_new(&i->w, NULL, &i->config);
        i->w.now = clock_now_usec();
        inbox_open(i);
        world_online(&i->w);
}

static inline void inbox_marked(int r, StoreIncoming *messages, size_t n, void *userdata) {
        bool *done = userdata;

        (void)r;
        for (size_t i = 0; i < n; i++)
                message_unref(messages[i].message);
        *done = true;
}

/* Everything has come to rest: what was asked of the disk is done, and what follows from that. */
static inline void inbox_settle(InboxWorld *i) {
        for (int round = 0; round < 12; round++) {
                bool done = false;

                world_turn(&i->w);
                CHECK_INT(store_read_incoming(i->disk.store, NULL, INT64_MAX, 1, inbox_marked,
                                              &done),
                          0);
                while (!done) {
                        struct pollfd pfd = {.fd = store_fd(i->disk.store), .events = POLLIN};

                        CHECK(poll(&pfd, 1, 10000) == 1);
                        store_dispatch(i->disk.store);
                }
        }
        world_turn(&i->w);
}

/* A program of this name and user. */
static inline Client *inbox_program(InboxWorld *i, const char *name, uid_t uid) {
        Client *client = world_client(&i->w);

        fake_session_set_client(client->session, name, uid);
        return client;
}

static inline void inbox_leave(InboxWorld *i, Client *client) {
        local_session_unref(world_leave(&i->w, client));
}

static inline void inbox_request(InboxWorld *i, Client *client, const char *filter, int qos) {
        const LocalId id = world_id(++i->last_id);
        const LocalSubscribe request = {.id = &id, .filter = filter, .qos = qos, .durable = true};

        downlink_subscribe(i->w.downlink, client, &request);
}

static inline void inbox_live(InboxWorld *i, Client *client, const char *filter, int qos) {
        const LocalId id = world_id(++i->last_id);
        const LocalSubscribe request = {.id = &id, .filter = filter, .qos = qos};

        downlink_subscribe(i->w.downlink, client, &request);
}

static inline void inbox_unsubscribe(InboxWorld *i, Client *client, const char *filter) {
        const LocalId id = world_id(++i->last_id);

        downlink_unsubscribe(i->w.downlink, client, &id, filter);
}

/* The cloud grants everything that is asked for. */
static inline void inbox_grant(InboxWorld *i) {
        for (size_t k = 0; k < i->w.fake->n_requests; k++)
                if (i->w.fake->requests[k].kind == FAKE_SUBSCRIBE)
                        fake_subscribed(i->w.fake, i->w.fake->requests[k].token,
                                        i->w.fake->requests[k].qos);
        fake_forget(i->w.fake);
        inbox_settle(i);
}

/* A program with a durable subscription that is settled; its lines are taken. */
static inline Client *inbox_subscriber(InboxWorld *i, const char *name, const char *filter) {
        Client *client = inbox_program(i, name, 1000);

        inbox_request(i, client, filter, 1);
        inbox_grant(i);
        (void)fake_session_take(client->session);
        return client;
}

static inline void inbox_message(InboxWorld *i, const char *topic, const char *payload) {
        fake_message(i->w.fake, topic, payload, 1);
        world_turn(&i->w);
}

static inline void inbox_forget(InboxWorld *i, uint64_t max_age_msec) {
        downlink_forget_absent(i->w.downlink, max_age_msec);
        inbox_settle(i);
}

static inline void inbox_done(InboxWorld *i, Client *client, uint64_t mid) {
        downlink_done(i->w.downlink, client, mid);
}

static inline const char *took(Client *client) {
        return fake_session_take(client->session);
}

static inline DurablesCounters inbox_counters(InboxWorld *i) {
        DownlinkCounters c;

        inbox_settle(i);
        downlink_counters(i->w.downlink, &c);
        return c.durable;
}
