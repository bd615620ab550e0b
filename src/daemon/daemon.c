/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <errno.h>
#include <inttypes.h>
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
#include "daemon/reload.h"
#include "daemon/root-watch.h"
#include "daemon/service-status.h"
#include "daemon/setup.h"
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
        ServiceStatus *status;
        Setup *setup;     /* the one in use */
        Setup *old_setup; /* in use, too, after a change that failed halfway */
        const char *config_path;
        bool stopping;
} Daemon;

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

static void on_bridge_changed(void *userdata) {
        Daemon *daemon = userdata;

        /* Not before the bridge is whole. */
        if (daemon->status)
                service_status_changed(daemon->status);
}

/* Everybody who borrows from the setup. */
static int use_setup(Daemon *daemon, Setup *setup, bool reconnect) {
        setup->config.changed = on_bridge_changed;
        setup->config.changed_userdata = daemon;
        setup_set_authenticator(setup, daemon->authenticator);
        storage_set_settings(daemon->storage, setup->settings);
        root_watch_set_settings(daemon->root_watch, setup->settings);
        return bridge_set_config(daemon->bridge, &setup->config, reconnect);
}

/* Returns 0, also when the new configuration is no good; or -errno when there is no way on. */
static int reload(Daemon *daemon) {
        Authenticator *old_authenticator = NULL;
        SettingsDifference difference;
        Setup *setup = NULL, *old = daemon->setup;
        bool reconnect;
        int r;

        if (reload_read(&setup, daemon->config_path, old, &difference) < 0)
                return 0;
        reconnect = difference.parts & SETTINGS_CONNECTION;
        if (reconnect) {
                /* What was granted to another identity is not for this one. */
                Authenticator *authenticator = NULL;

                if (authenticator_new(&authenticator, daemon->event, setup->settings) < 0) {
                        reload_give_up(setup, old);
                        return 0;
                }
                authenticator_set_link(authenticator, bridge_link(daemon->bridge));
                old_authenticator = daemon->authenticator;
                daemon->authenticator = authenticator;
        } else
                authenticator_set_settings(daemon->authenticator, setup->settings);
        daemon->setup = setup;
        r = use_setup(daemon, setup, reconnect);
        authenticator_free(old_authenticator);
        if (r < 0) {
                daemon->old_setup = old;
                return log_error_errno(r, "Cannot go on with the new configuration");
        }
        setup_free(old);
        reload_say(&difference);
        return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Daemon *daemon = userdata;
        int r;

        (void)source;
        (void)info;
        if (daemon->stopping)
                return 0;
        (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now_usec());
        r = reload(daemon);
        (void)sd_notify(false, "READY=1");
        return r < 0 ? sd_event_exit(daemon->event, r) : 0;
}

static int set_up_loop(Daemon *daemon) {
        static const struct {
                int number;
                sd_event_signal_handler_t handler;
        } signals[] = {{SIGTERM, on_signal}, {SIGINT, on_signal}, {SIGHUP, on_reload}};
        sigset_t blocked;
        int r;

        if (sigemptyset(&blocked) < 0)
                return -errno;
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                if (sigaddset(&blocked, signals[i].number) < 0)
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
                r = sd_event_add_signal(daemon->event, NULL, signals[i].number, signals[i].handler,
                                        daemon);
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
                               &daemon->setup->config, arc4random);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the bridge");
        (void)TAKE_PTR(transport);
        (void)TAKE_FD(daemon->listener.fd);
        return 0;
}

static int serve(Daemon *daemon) {
        const Settings *settings = daemon->setup->settings;
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
        setup_set_authenticator(daemon->setup, daemon->authenticator);
        daemon->setup->config.changed = on_bridge_changed;
        daemon->setup->config.changed_userdata = daemon;
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
        r = service_status_new(&daemon->status, daemon->event, daemon->bridge);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the service's status");

        log_event(LOG_EVENT_STARTED, NULL, 0,
                  "iotlinkd " IOTLINK_VERSION " serves local programs at %s",
                  daemon->listener.path);
        bridge_start(daemon->bridge);
        (void)sd_notify(false, "READY=1");
        r = sd_event_loop(daemon->event);
        return r < 0 ? log_error_errno(r, "The event loop failed") : r;
}

int daemon_run(Settings *take_settings, const char *config_path) {
        Daemon daemon = {.listener = {.fd = -1}, .config_path = config_path};
        int r;

        r = setup_new(&daemon.setup, take_settings);
        if (r < 0) {
                settings_free(take_settings);
                return log_error_errno(r, "Cannot start");
        }
        r = serve(&daemon);
        service_status_free(TAKE_PTR(daemon.status));
        watchdog_free(daemon.watchdog);
        root_watch_free(daemon.root_watch);
        authenticator_free(daemon.authenticator); /* it speaks to the bridge's link */
        bridge_free(daemon.bridge);
        storage_free(daemon.storage); /* the bridge stores to the last */
        sd_event_unref(daemon.event);
        setup_free(daemon.setup);
        setup_free(daemon.old_setup);
        listener_done(&daemon.listener);
        return r;
}
