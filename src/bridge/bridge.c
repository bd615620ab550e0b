/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One timer serves the link and the uplink: after every turn of the loop the post source sends what
 * may be sent and arms the timer for whoever is next.
 */
#include "bridge/bridge.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "bridge/spool-desk.h"
#include "bridge/status.h"
#include "cloud/tls.h"
#include "util/clock.h"
#include "util/log.h"

/* An earlier run that ended no longer ago may have filled the cloud's limits. */
#define JUST_NOW_MSEC 2000U

struct Bridge {
        const BridgeConfig *config;
        Clients clients;
        Guard *guard;
        Link *link;
        Uplink *uplink;
        Downlink *downlink;
        SpoolDesk *desk;
        LocalServer *server;
        uint64_t started_wall_msec;

        LinkState seen_state; /* what uplink and downlink know of */
        void (*stopped)(void *userdata);
        void *stopped_userdata;
        bool stopping; /* the link is stopped once the uplink has written */

        sd_event *event;
        sd_event_source *cloud, *disk, *timer, *post;
        Store *store;        /* borrowed */
        uint64_t armed_usec; /* what the timer is set to */
};

void bridge_status(const Bridge *bridge, StatusSource *ret) {
        *ret = (StatusSource){
                        .now_usec = clock_now_usec(),
                        .started_wall_msec = bridge->started_wall_msec,
                        .version = bridge->config->version,
                        .max_payload_bytes = bridge->config->uplink.max_payload_bytes,
                        .root_days = INT_MIN,
        };
        link_status(bridge->link, &ret->link);
        uplink_counters(bridge->uplink, ret->now_usec, &ret->uplink);
        downlink_counters(bridge->downlink, &ret->downlink);
        local_server_counters(bridge->server, &ret->local);
}

/* From the link */

static void tell_watchers(Bridge *bridge) {
        LocalFact facts[STATUS_FACTS_MAX];
        StatusSource source;
        StatusTexts texts;
        size_t n;

        bridge_status(bridge, &source);
        n = status_state(&source, &texts, facts);
        for (Client *client = bridge->clients.first; client; client = client->next)
                if (client->watching)
                        local_session_facts(client->session, "state", NULL, facts, n);
}

static void on_link_changed(void *userdata) {
        Bridge *bridge = userdata;
        LinkState before = bridge->seen_state;
        LinkStatus status;

        link_status(bridge->link, &status);
        bridge->seen_state = status.state;
        if (before == LINK_ONLINE && status.state != LINK_ONLINE) {
                uplink_on_offline(bridge->uplink);
                downlink_on_offline(bridge->downlink);
        }
        if (before != LINK_ONLINE && status.state == LINK_ONLINE)
                downlink_on_online(bridge->downlink, clock_now_usec());
        tell_watchers(bridge);
        if (bridge->config->changed)
                bridge->config->changed(bridge->config->changed_userdata);
        if (status.state == LINK_STOPPED && bridge->stopped)
                bridge->stopped(bridge->stopped_userdata);
}

static void on_link_published(void *userdata, uint64_t token, bool ok) {
        Bridge *bridge = userdata;

        uplink_on_published(bridge->uplink, token, ok, clock_now_usec());
}

static void on_link_subscribed(void *userdata, uint64_t token, int code) {
        Bridge *bridge = userdata;

        downlink_on_subscribed(bridge->downlink, token, code);
}

static void on_link_unsubscribed(void *userdata, uint64_t token) {
        (void)userdata;
        (void)token; /* nobody waits for it */
}

static void on_link_message(void *userdata, Message *message, uint64_t kept) {
        Bridge *bridge = userdata;

        if (bridge->config->notice && strncmp(message_topic(message), "$SYS/", 5) == 0)
                bridge->config->notice(bridge->config->notice_userdata, message);
        downlink_on_message(bridge->downlink, message, kept, clock_now_usec());
}

static void on_link_withheld(void *userdata, int r) {
        Bridge *bridge = userdata;

        downlink_on_withheld(bridge->downlink, r, clock_now_usec());
}

static const LinkHandler link_handler = {
                .changed = on_link_changed,
                .published = on_link_published,
                .subscribed = on_link_subscribed,
                .unsubscribed = on_link_unsubscribed,
                .message = on_link_message,
                .withheld = on_link_withheld,
};

/* From local programs */

/* The session's client; without memory for one the program gets an error. */
static Client *need_client(Bridge *bridge, LocalSession *session, const LocalId *id) {
        Client *client = client_of(&bridge->clients, session);

        if (!client)
                local_session_error(session, id, LOCAL_ERROR_INTERNAL, NULL, "out of memory");
        return client;
}

static void on_hello(void *userdata, LocalSession *session, const LocalId *id) {
        LocalFact facts[STATUS_FACTS_MAX];
        StatusSource source;

        bridge_status(userdata, &source);
        local_session_facts(session, "hello", id, facts, status_hello(&source, facts));
}

static void on_publish(void *userdata, LocalSession *session, const LocalPublish *publish) {
        Bridge *bridge = userdata;
        Client *client = need_client(bridge, session, publish->id);

        if (client)
                uplink_publish(bridge->uplink, client, publish, clock_now_usec());
}

static void on_subscribe(void *userdata, LocalSession *session, const LocalSubscribe *subscribe) {
        Bridge *bridge = userdata;
        Client *client = need_client(bridge, session, subscribe->id);

        if (client)
                downlink_subscribe(bridge->downlink, client, subscribe);
}

static void on_unsubscribe(void *userdata,
                           LocalSession *session,
                           const LocalId *id,
                           const char *filter) {
        Bridge *bridge = userdata;
        Client *client = need_client(bridge, session, id);

        if (client)
                downlink_unsubscribe(bridge->downlink, client, id, filter);
}

static void on_done(void *userdata, LocalSession *session, uint64_t mid) {
        Bridge *bridge = userdata;
        Client *client = client_peek(session);

        if (client)
                downlink_done(bridge->downlink, client, mid);
}

static void on_status(void *userdata, LocalSession *session, const LocalId *id) {
        Bridge *bridge = userdata;
        LocalFact facts[STATUS_FACTS_MAX];
        StatusSource source;
        StatusTexts texts;

        bridge_status(bridge, &source);
        if (source.link.tls && source.link.root_file)
                source.root_days = tls_root_days(source.link.root_file);
        local_session_facts(session, "status", id, facts, status_full(&source, &texts, facts));
}

static void on_watch(void *userdata, LocalSession *session, const LocalId *id) {
        Bridge *bridge = userdata;
        LocalFact facts[STATUS_FACTS_MAX];
        StatusSource source;
        StatusTexts texts;
        Client *client = need_client(bridge, session, id);

        if (!client)
                return;
        if (!client->watching)
                local_session_hold(session);
        client->watching = true;
        bridge_status(bridge, &source);
        local_session_facts(session, "state", id, facts, status_state(&source, &texts, facts));
}

static void on_receipt(void *userdata,
                       LocalSession *session,
                       const LocalId *id,
                       uint64_t receipt,
                       LocalWait wait) {
        Bridge *bridge = userdata;
        Client *client = need_client(bridge, session, id);

        if (client)
                uplink_ask(bridge->uplink, client, id, receipt, wait);
}

static void on_spool(void *userdata, LocalSession *session, const LocalSpool *request) {
        Bridge *bridge = userdata;

        if (need_client(bridge, session, request->id)) /* it is told of the session's end */
                spool_desk_request(bridge->desk, session, request);
}

static uint64_t on_desk_next_seq(void *userdata) {
        const Bridge *bridge = userdata;

        return uplink_next_seq(bridge->uplink);
}

static int on_desk_drop(void *userdata, const uint64_t *seqs, size_t n) {
        const Bridge *bridge = userdata;

        return uplink_drop(bridge->uplink, seqs, n);
}

static void on_closed(void *userdata, LocalSession *session) {
        Bridge *bridge = userdata;
        Client *client = client_peek(session);

        if (!client)
                return;
        downlink_forget(bridge->downlink, client);
        client_remove(&bridge->clients, client);
        /* At the end of the bridge both have answered already, and are gone. */
        if (bridge->desk)
                spool_desk_forget(bridge->desk, session);
        if (bridge->uplink)
                uplink_forget(bridge->uplink, session);
}

static const LocalHandler local_handler = {
                .hello = on_hello,
                .publish = on_publish,
                .subscribe = on_subscribe,
                .unsubscribe = on_unsubscribe,
                .done = on_done,
                .status = on_status,
                .watch = on_watch,
                .receipt = on_receipt,
                .spool = on_spool,
                .closed = on_closed,
};

/* The loop */

static int on_cloud(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Bridge *bridge = userdata;

        (void)source;
        (void)fd;
        (void)events;
        link_dispatch(bridge->link, clock_now_usec());
        return 0;
}

static int on_disk(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Bridge *bridge = userdata;

        (void)source;
        (void)fd;
        (void)events;
        store_dispatch(bridge->store);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Bridge *bridge = userdata;

        (void)source;
        (void)usec;
        bridge->armed_usec = USEC_INFINITY;
        link_tick(bridge->link, clock_now_usec());
        return 0;
}

static int arm(Bridge *bridge, uint64_t deadline_usec) {
        int r = 0;

        if (deadline_usec == bridge->armed_usec)
                return 0;
        if (deadline_usec != USEC_INFINITY)
                r = sd_event_source_set_time(bridge->timer, deadline_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(bridge->timer, deadline_usec == USEC_INFINITY
                                                                               ? SD_EVENT_OFF
                                                                               : SD_EVENT_ONESHOT);
        bridge->armed_usec = deadline_usec;
        return r;
}

static void stop_if_written(Bridge *bridge) {
        if (!bridge->stopping || uplink_is_writing(bridge->uplink))
                return;
        bridge->stopping = false;
        link_stop(bridge->link);
}

static uint64_t next_deadline_usec(const Bridge *bridge, uint64_t now_usec) {
        const uint64_t deadlines[] = {link_deadline_usec(bridge->link),
                                      uplink_deadline_usec(bridge->uplink, now_usec),
                                      downlink_deadline_usec(bridge->downlink)};
        uint64_t first = USEC_INFINITY;

        for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++)
                if (deadlines[i] < first)
                        first = deadlines[i];
        return first;
}

static int go_on(Bridge *bridge) {
        uint64_t now = clock_now_usec();
        int r;

        uplink_pump(bridge->uplink, now);
        downlink_pump(bridge->downlink, now);
        stop_if_written(bridge);
        r = arm(bridge, next_deadline_usec(bridge, now));
        if (r < 0) {
                (void)log_error_errno(r, "Cannot set the timer");
                return sd_event_exit(bridge->event, r);
        }
        return 0;
}

static int on_post(sd_event_source *source, void *userdata) {
        (void)source;
        return go_on(userdata);
}

static int add_sources(Bridge *bridge) {
        int r;

        r = sd_event_add_io(bridge->event, &bridge->cloud, link_fd(bridge->link), EPOLLIN, on_cloud,
                            bridge);
        if (r < 0)
                return r;
        r = sd_event_add_time(bridge->event, &bridge->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC,
                              on_timer, bridge);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(bridge->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        return sd_event_add_post(bridge->event, &bridge->post, on_post, bridge);
}

int bridge_new(Bridge **ret,
               sd_event *event,
               Transport *take_transport,
               int take_listen_fd,
               const BridgeConfig *config,
               uint32_t (*random)(void)) {
        _cleanup_(bridge_freep) Bridge *bridge = calloc(1, sizeof(*bridge));
        TransportKeeper keeper;
        int r;

        if (!bridge)
                return -ENOMEM;
        bridge->config = config;
        bridge->event = sd_event_ref(event);
        bridge->started_wall_msec = clock_wall_msec();
        bridge->armed_usec = USEC_INFINITY;

        r = guard_new(&bridge->guard);
        if (r < 0)
                return r;
        r = link_new(&bridge->link, take_transport, &config->link, &link_handler, bridge, random);
        if (r < 0)
                return r;
        keeper = guard_keeper(bridge->guard);
        link_set_keeper(bridge->link, &keeper);
        r = uplink_new(&bridge->uplink, bridge->link, &config->uplink);
        if (r < 0)
                goto fail;
        r = downlink_new(&bridge->downlink, bridge->link, &bridge->clients, bridge->guard,
                         &config->downlink);
        if (r < 0)
                goto fail;
        r = spool_desk_new(&bridge->desk,
                           &(SpoolDeskHandler){on_desk_next_seq, on_desk_drop, bridge});
        if (r < 0)
                goto fail;
        r = add_sources(bridge);
        if (r < 0)
                goto fail;
        r = local_server_new(&bridge->server, event, take_listen_fd, &config->local, &local_handler,
                             bridge);
        if (r < 0)
                goto fail;

        *ret = TAKE_PTR(bridge);
        return 0;
fail:
        /* The transport is still the caller's. */
        link_release_transport(bridge->link);
        return r;
}

Bridge *bridge_free(Bridge *bridge) {
        if (!bridge)
                return NULL;
        /* First the answers to what waits, then a last chance to send them, then the sessions. */
        bridge->desk = spool_desk_free(bridge->desk);
        bridge->uplink = uplink_free(bridge->uplink);
        if (bridge->server)
                local_server_flush(bridge->server);
        local_server_free(bridge->server);
        downlink_free(bridge->downlink);
        sd_event_source_disable_unref(bridge->post);
        sd_event_source_disable_unref(bridge->timer);
        sd_event_source_disable_unref(bridge->disk);
        sd_event_source_disable_unref(bridge->cloud);
        link_free(bridge->link);
        guard_free(bridge->guard); /* the transport asked it to the last */
        sd_event_unref(bridge->event);
        free(bridge);
        return NULL;
}

static void on_store_replaced(const StoreInfo *info, void *userdata) {
        Bridge *bridge = userdata;

        uplink_on_store_replaced(bridge->uplink, info);
        downlink_on_store_replaced(bridge->downlink);
}

int bridge_set_store(Bridge *bridge, Store *store, const StoreInfo *info) {
        int r;

        r = sd_event_add_io(bridge->event, &bridge->disk, store_fd(store), EPOLLIN, on_disk,
                            bridge);
        if (r < 0)
                return r;
        bridge->store = store;
        spool_desk_set_store(bridge->desk, store);
        uplink_set_store(bridge->uplink, store, info);
        if (info->n_spooled > 0)
                uplink_hold_back(bridge->uplink, clock_now_usec());
        else if (info->idle_msec < JUST_NOW_MSEC)
                uplink_hold_back(bridge->uplink,
                                 clock_now_usec() - info->idle_msec * USEC_PER_MSEC);
        downlink_set_store(bridge->downlink, store);
        store_on_replaced(store, on_store_replaced, bridge);
        return 0;
}

int bridge_set_config(Bridge *bridge, const BridgeConfig *config, bool reconnect) {
        int r;

        bridge->config = config;
        local_server_set_limits(bridge->server, &config->local);
        /* A connection that ends leaves its messages to the uplink as it was. */
        r = link_set_config(bridge->link, &config->link, reconnect, clock_now_usec());
        if (r == 0)
                r = uplink_set_config(bridge->uplink, &config->uplink);
        if (r < 0)
                return r;
        downlink_set_config(bridge->downlink, &config->downlink);
        return 0;
}

void bridge_set_no_store(Bridge *bridge) {
        guard_set_empty(bridge->guard);
}

Link *bridge_link(Bridge *bridge) {
        return bridge->link;
}

void bridge_start(Bridge *bridge) {
        /* Nothing tells then when an earlier run has ended. */
        if (!bridge->store)
                uplink_hold_back(bridge->uplink, clock_now_usec());
        link_start(bridge->link, clock_now_usec());
        /* An attempt that could not even start leaves only the timer to turn the loop again. */
        (void)go_on(bridge);
}

void bridge_stop(Bridge *bridge, void (*done)(void *userdata), void *userdata) {
        bridge->stopped = done;
        bridge->stopped_userdata = userdata;
        bridge->stopping = true;
        local_server_stop_accepting(bridge->server);
        stop_if_written(bridge);
}
