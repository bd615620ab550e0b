/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When there are no file descriptors left, a pending connection can be neither accepted nor
 * refused and would wake the loop for ever: the listening socket then takes a break.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "local/codec-json.h"
#include "local/server.h"
#include "local/session-internal.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/rate.h"

#define ACCEPTS_PER_WAKEUP 32U
#define BACKLOG            128
#define BREAK_USEC         USEC_PER_SEC
/* Lines about refused programs and about accept() failing: one each in this time. */
#define LOG_PERIOD_USEC (10 * USEC_PER_SEC)

struct LocalServer {
        SessionHost host;
        int fd;
        sd_event_source *listening;
        sd_event_source *end_of_break;

        uint64_t accepted, refused;
        uint64_t refused_said; /* of refused, those the log knows of */
        Rate refused_lines, accept_lines;
};

/* Listening */

static bool socket_is_alive(const struct sockaddr_un *address) {
        _cleanup_(closep) int fd = -1;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return true;
        /* Only a refusal proves that nobody listens; a full backlog (EAGAIN) is life. */
        return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
               (errno != ECONNREFUSED && errno != ENOENT);
}

/* Removes the socket file that a daemon which died has left behind. */
static int socket_remove_stale(const struct sockaddr_un *address) {
        struct stat st;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        if (socket_is_alive(address))
                return -EADDRINUSE;
        if (unlink(address->sun_path) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

int local_listen(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_(closep) int fd = -1;
        int r;

        if (*path == '\0')
                return -EINVAL;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        /* The mode before bind() bounds what the file is born with; the umask may take more. */
        if (fchmod(fd, 0660) < 0)
                return -errno;
        r = socket_remove_stale(&address);
        if (r < 0)
                return r;
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        if (chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Accepting */

static const char *reason_to_refuse(const LocalServer *server) {
        const SessionHost *host = &server->host;

        if (host->n_sessions >= host->limits.max_clients)
                return "too many programs are connected";
        if (host->buffered_bytes >= host->limits.memory_bytes)
                return "the memory for programs is used up";
        return NULL;
}

/* One line, if the fresh socket takes it, and the end. */
static void refuse(LocalServer *server, int fd, const char *reason) {
        _cleanup_(buffer_deinit) Buffer line = {0};
        Peer peer = {0};

        server->refused++;
        if (codec_json.encode_error(&line, NULL, LOCAL_ERROR_QUOTA, NULL, reason) >= 0)
                (void)send(fd, buffer_data(&line), buffer_size(&line), MSG_DONTWAIT | MSG_NOSIGNAL);

        if (peer_of(fd, &peer) < 0 || !rate_take(&server->refused_lines, clock_now_usec()))
                return;
        log_event(LOG_EVENT_CLIENT_REFUSED, NULL, 0,
                  "Program with pid %jd, uid %ju refused: %s (%ju since the last such line)",
                  (intmax_t)peer.pid, (uintmax_t)peer.uid, reason,
                  (uintmax_t)(server->refused - server->refused_said));
        server->refused_said = server->refused;
}

static int on_end_of_break(sd_event_source *source, uint64_t now_usec, void *userdata) {
        LocalServer *server = userdata;

        (void)source;
        (void)now_usec;
        (void)sd_event_source_set_enabled(server->listening, SD_EVENT_ON);
        return 0;
}

static void take_break(LocalServer *server, int error) {
        if (rate_take(&server->accept_lines, clock_now_usec()))
                log_warning("Cannot accept programs on the socket: %s; trying again every second",
                            strerror(error));
        if (sd_event_source_set_time_relative(server->end_of_break, BREAK_USEC) >= 0 &&
            sd_event_source_set_enabled(server->end_of_break, SD_EVENT_ONESHOT) >= 0)
                (void)sd_event_source_set_enabled(server->listening, SD_EVENT_OFF);
}

/* Takes one connection. 0, or -errno when there is none to be had. */
static int accept_one(LocalServer *server) {
        _cleanup_(closep) int fd = -1;
        const char *reason;
        int r;

        fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return -errno;

        reason = reason_to_refuse(server);
        if (reason) {
                refuse(server, fd, reason);
                return 0;
        }
        r = session_new(&server->host, fd);
        if (r < 0)
                return r;
        (void)TAKE_FD(fd);
        server->accepted++;
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        LocalServer *server = userdata;

        (void)source;
        (void)fd;
        (void)events;
        for (unsigned i = 0; i < ACCEPTS_PER_WAKEUP; i++) {
                int r = accept_one(server);

                if (r == -EAGAIN)
                        break;
                if (r < 0 && r != -EINTR && r != -ECONNABORTED) {
                        take_break(server, -r);
                        break;
                }
        }
        return 0;
}

/* The server */

LocalServer *local_server_free(LocalServer *server) {
        if (!server)
                return NULL;
        session_host_deinit(&server->host);
        (void)sd_event_source_disable_unref(server->listening);
        (void)sd_event_source_disable_unref(server->end_of_break);
        rate_done(&server->refused_lines);
        rate_done(&server->accept_lines);
        closep(&server->fd);
        free(server);
        return NULL;
}

static int server_attach(LocalServer *server, sd_event *event, int fd) {
        int r;

        r = session_host_init(&server->host, event);
        if (r < 0)
                return r;
        r = rate_init(&server->refused_lines, 1, LOG_PERIOD_USEC);
        if (r < 0)
                return r;
        r = rate_init(&server->accept_lines, 1, LOG_PERIOD_USEC);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &server->end_of_break, CLOCK_MONOTONIC, 0, 0,
                                       on_end_of_break, server);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(server->end_of_break, SD_EVENT_OFF);
        if (r < 0)
                return r;
        return sd_event_add_io(event, &server->listening, fd, EPOLLIN, on_connection, server);
}

int local_server_new(LocalServer **ret,
                     sd_event *event,
                     int take_fd,
                     const LocalLimits *limits,
                     const LocalHandler *handler,
                     void *userdata) {
        _cleanup_(local_server_freep) LocalServer *server = NULL;
        int r;

        server = calloc(1, sizeof(*server));
        if (!server)
                return -ENOMEM;
        server->fd = -1;
        server->host.limits = *limits;
        server->host.handler = *handler;
        server->host.userdata = userdata;
        r = server_attach(server, event, take_fd);
        if (r < 0)
                return r;

        server->fd = take_fd;
        *ret = TAKE_PTR(server);
        return 0;
}

void local_server_each(LocalServer *server,
                       void (*func)(LocalSession *session, void *userdata),
                       void *userdata) {
        for (LocalSession *s = server->host.sessions; s; s = s->next)
                func(s, userdata);
}

void local_server_set_limits(LocalServer *server, const LocalLimits *limits) {
        server->host.limits = *limits;
}

void local_server_stop_accepting(LocalServer *server) {
        server->listening = sd_event_source_disable_unref(server->listening);
        server->end_of_break = sd_event_source_disable_unref(server->end_of_break);
}

void local_server_flush(LocalServer *server) {
        for (LocalSession *s = server->host.sessions; s; s = s->next)
                session_write(s);
}

void local_server_counters(const LocalServer *server, LocalCounters *ret) {
        *ret = (LocalCounters){
                        .accepted = server->accepted,
                        .refused = server->refused,
                        .dropped_slow = server->host.dropped_slow,
                        .n_sessions = server->host.n_sessions,
                        .buffered_bytes = server->host.buffered_bytes,
        };
}
