/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bridge
 *
 * Where local programs and the cloud meet: handles the requests of all sessions, owns uplink and
 * downlink, listens to the link, tells those who watch. Runs on the daemon's event loop.
 */

#include <systemd/sd-event.h>

#include "bridge/downlink.h"
#include "bridge/status.h"
#include "bridge/uplink.h"
#include "cloud/link.h"
#include "local/server.h"

typedef struct Bridge Bridge;

typedef struct BridgeConfig {
        UplinkConfig uplink;
        DownlinkConfig downlink;
        LinkConfig link;
        LocalLimits local;
        const char *version;

        /* Called for what the cloud says about the connection itself ("$SYS/..."), if not NULL. */
        void (*notice)(void *userdata, const Message *message);
        void *notice_userdata;
        /* Called after each change of the connection's state, if not NULL. */
        void (*changed)(void *userdata);
        void *changed_userdata;
} BridgeConfig;

/*
 * Serves on @take_listen_fd and connects through @take_transport (both taken on success only).
 * @config and what it points to must outlive the bridge, or the next bridge_set_config(). @random
 * gives 32 random bits.
 */
_warn_unused_ int bridge_new(Bridge **ret,
                             sd_event *event,
                             Transport *take_transport,
                             int take_listen_fd,
                             const BridgeConfig *config,
                             uint32_t (*random)(void));

/*
 * Goes on with another configuration, under everything that is going on. @reconnect: as for
 * link_set_config(). The old one is not used any more. Returns 0, or -ENOMEM when both may still be
 * in use: then there is no way on.
 */
_warn_unused_ int bridge_set_config(Bridge *bridge, const BridgeConfig *config, bool reconnect);

/* What there is to say of everything, at this moment. */
void bridge_status(const Bridge *bridge, StatusSource *ret);

/* Answers everyone who still waits, as far as that goes without waiting, and closes. */
Bridge *bridge_free(Bridge *bridge);

/* From now on messages can be stored; once. @store must outlive the bridge. 0 or -errno. */
_warn_unused_ int bridge_set_store(Bridge *bridge, Store *store, const StoreInfo *info);

/* There is none yet, and there has never been one: nobody can have durable subscriptions. */
void bridge_set_no_store(Bridge *bridge);

/* For the source of its credentials to answer to. */
Link *bridge_link(Bridge *bridge);

/* Starts connecting. */
void bridge_start(Bridge *bridge);

/* Accepts no more programs and disconnects; @done is called once the cloud has been told, or at
 * once if it need not be. */
void bridge_stop(Bridge *bridge, void (*done)(void *userdata), void *userdata);

DEFINE_CLEANUP(Bridge *, bridge_free);
