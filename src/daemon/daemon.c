/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "bridge/bridge.h"
#include "cloud/tls.h"
#include "cloud/transport-paho.h"
#include "config.h"
#include "daemon/authenticator.h"
#include "daemon/listener.h"
#include "daemon/root-watch.h"
#include "daemon/storage.h"
#include "daemon/watchdog.h"
#include "util/clock.h"
#include "util/log.h"

/* How long the farewell to the cloud may take. */
#define STOP_USEC (2 * USEC_PER_SEC)

typedef struct Daemon {
        sd_event *event;
        Authenticator *authenticator;
        Bridge *bridge;
        Storage *storage;
        RootWatch *root_watch;
        Watchdog *watchdog;
        Listener listener; /* its socket is the bridge's once that is there */
        BridgeConfig config;
        LinkRoot roots[SETTINGS_ROOTS_MAX];
        bool stopping;
} Daemon;

static void on_notice(void *userdata, const Message *message) {
        authenticator_on_notice(userdata, message);
}

static void fill_config(Daemon *daemon, const Settings *s) {
        const TopicLimits topics = {.max_bytes = s->max_topic_bytes,
                                    .max_slashes = s->max_topic_slashes};

        for (size_t i = 0; i < s->n_roots; i++)
                daemon->roots[i] = (LinkRoot){s->roots[i].file, s->roots[i].port};
        daemon->config = (BridgeConfig){
                        .version = IOTLINK_VERSION,
                        .notice = on_notice,
                        .notice_userdata = daemon->authenticator,
                        .uplink = {.routes = s->routes,
                                   .topics = topics,
                                   .max_payload_bytes = s->max_payload_bytes,
                                   .qos1_per_second = s->qos1_per_second,
                                   .qos0_per_second = s->qos0_per_second,
                                   .window = s->unacknowledged,
                                   .memory_bytes = s->memory_bytes,
                                   .store_delay_usec = s->store_delay_msec * USEC_PER_MSEC},
                        .downlink = {.routes = s->routes,
                                     .topics = topics,
                                     .max_payload_bytes = MESSAGE_PAYLOAD_MAX,
                                     .max_subscriptions = s->max_subscriptions},
                        .link = {.source = authenticator_source(daemon->authenticator),
                                 .roots = daemon->roots,
                                 .n_roots = s->n_roots,
                                 .certificate_file = s->certificate_file,
                                 .key_file = s->key_file,
                                 .keepalive_sec = s->keepalive_sec,
                                 .connect_timeout_sec = s->connect_timeout_sec,
                                 .connects_per_minute = s->connects_per_minute,
                                 .network = {s->reconnect_min_sec * USEC_PER_SEC,
                                             s->reconnect_max_sec * USEC_PER_SEC}},
                        .local = {.max_clients = s->max_clients,
                                  .client_buffer_bytes = s->client_buffer_bytes,
                                  .memory_bytes = s->memory_bytes},
        };
}

/* A core dump or a debugger of the same user would show the secret. */
static void keep_memory_private(void) {
        const struct rlimit none = {0, 0};

        if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                (void)log_error_errno(-errno, "Cannot switch core dumps off, going on");
}

static void on_stopped(void *userdata) {
        Daemon *daemon = userdata;

        (void)sd_event_exit(daemon->event, 0);
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *daemon = userdata;

        (void)source;
        (void)usec;
        return sd_event_exit(daemon->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Daemon *daemon = userdata;

        (void)source;
        if (daemon->stopping)
                return sd_event_exit(daemon->event, 0);
        daemon->stopping = true;
        (void)sd_notify(false, "STOPPING=1");
        log_event(LOG_EVENT_STOPPING, NULL, 0, "Stopping on signal %u", (unsigned)info->ssi_signo);
        /* Without the timer the farewell has no limit of its own, so then there is none. */
        if (sd_event_add_time_relative(daemon->event, NULL, CLOCK_MONOTONIC, STOP_USEC, 0,
                                       on_stop_timeout, daemon) < 0)
                return sd_event_exit(daemon->event, 0);
        bridge_stop(daemon->bridge, on_stopped, daemon);
        return 0;
}

static int set_up_loop(Daemon *daemon) {
        static const int signals[] = {SIGTERM, SIGINT};
        sigset_t blocked;
        int r;

        if (sigemptyset(&blocked) < 0)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                if (sigaddset(&blocked, signals[i]) < 0)
                        return -errno;
        if (sigaddset(&blocked, SIGCHLD) < 0) /* for the credential command's end */
                return -errno;
        /* Before any thread starts: all inherit it, so the loop gets the signals. */
        r = -pthread_sigmask(SIG_BLOCK, &blocked, NULL);
        if (r < 0)
                return r;
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -errno;
        r = sd_event_default(&daemon->event);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                r = sd_event_add_signal(daemon->event, NULL, signals[i], on_signal, daemon);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_up_bridge(Daemon *daemon) {
        _cleanup_(transport_freep) Transport *transport = NULL;
        int r;

        r = transport_paho_new(&transport);
        if (r >= 0)
                r = bridge_new(&daemon->bridge, daemon->event, transport, daemon->listener.fd,
                               &daemon->config, arc4random);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the bridge");
        (void)TAKE_PTR(transport);
        (void)TAKE_FD(daemon->listener.fd);
        return 0;
}

static int serve(Daemon *daemon, const Settings *settings) {
        int r;

        /* Before it is private: OpenSSL reads its settings through /proc. */
        r = tls_init(settings->tls_min_version);
        if (r < 0)
                return log_error_errno(r, "Cannot make TLS %s the minimum",
                                       settings->tls_min_version);
        keep_memory_private();
        r = set_up_loop(daemon);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop");
        r = authenticator_new(&daemon->authenticator, daemon->event, settings);
        if (r < 0)
                return r;
        fill_config(daemon, settings);
        r = listener_open(settings->socket_path, &daemon->listener);
        if (r < 0)
                return r;
        if (settings->socket_named && strcmp(settings->socket_path, daemon->listener.path) != 0)
                log_warning("local.socket is '%s', but systemd listens at '%s', so that is where "
                            "programs are served. The place is set in the socket unit: systemctl "
                            "edit iotlinkd.socket",
                            settings->socket_path, daemon->listener.path);
        r = set_up_bridge(daemon);
        if (r < 0)
                return r;
        authenticator_set_link(daemon->authenticator, bridge_link(daemon->bridge));

        r = storage_new(&daemon->storage, daemon->event, settings, daemon->bridge);
        if (r < 0)
                return log_error_errno(r, "Cannot set storage up");
        r = root_watch_new(&daemon->root_watch, daemon->event, settings);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the watch over the roots");
        r = watchdog_new(&daemon->watchdog, daemon->event, bridge_link(daemon->bridge));
        if (r < 0)
                return log_error_errno(r, "Cannot set up the watchdog");

        log_event(LOG_EVENT_STARTED, NULL, 0,
                  "iotlinkd " IOTLINK_VERSION " serves local programs at %s",
                  daemon->listener.path);
        bridge_start(daemon->bridge);
        (void)sd_notify(false, "READY=1");
        r = sd_event_loop(daemon->event);
        return r < 0 ? log_error_errno(r, "The event loop failed") : r;
}

int daemon_run(const Settings *settings) {
        Daemon daemon = {.listener = {.fd = -1}};
        int r;

        r = serve(&daemon, settings);
        watchdog_free(daemon.watchdog);
        root_watch_free(daemon.root_watch);
        authenticator_free(daemon.authenticator); /* it speaks to the bridge's link */
        bridge_free(daemon.bridge);
        storage_free(daemon.storage); /* the bridge stores to the last */
        sd_event_unref(daemon.event);
        listener_done(&daemon.listener);
        return r;
}
