/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/connection.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "util/clock.h"

/* A payload of the largest size, each byte of which needs six characters ("\u0001"), and more. */
#define LINE_MAX_SIZE ((size_t)4 * 1024 * 1024)

int connection_open(Connection *connection, const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_(closep) int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;

        *connection = CONNECTION_NULL;
        connection->fd = TAKE_FD(fd);
        lines_init(&connection->lines, connection->fd, LINE_MAX_SIZE);
        return 0;
}

void connection_done(Connection *connection) {
        closep(&connection->fd);
        closep(&connection->stop_fd);
        lines_deinit(&connection->lines);
        *connection = CONNECTION_NULL;
}

int connection_until_stopped(Connection *connection) {
        sigset_t signals;

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGINT);
        (void)sigaddset(&signals, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        connection->stop_fd = signalfd(-1, &signals, SFD_CLOEXEC);
        if (connection->stop_fd < 0)
                return -errno;
        connection->output_fd = STDOUT_FILENO;
        return 0;
}

int connection_write(Connection *connection, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = send(connection->fd, p, size, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EPIPE || errno == ECONNRESET ? CONNECTION_E_CLOSED : -errno;
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

int connection_send(Connection *connection, const json_t *object) {
        _cleanup_(freep) char *line = json_dumps(object, JSON_COMPACT);
        size_t len;

        if (!line)
                return -ENOMEM;
        len = strlen(line);
        line[len] = '\n'; /* in place of the NUL: one write for it all */
        return connection_write(connection, line, len + 1);
}

bool connection_is_drained(const Connection *connection) {
        const Lines *lines = &connection->lines;
        size_t size = buffer_size(&lines->buffer) - lines->taken;

        return size == 0 || !memchr(buffer_data(&lines->buffer) + lines->taken, '\n', size);
}

/* Until the socket is readable. */
static int wait_for_input(const Connection *connection, uint64_t deadline_usec) {
        struct pollfd fds[] = {
                        {.fd = connection->fd, .events = POLLIN},
                        {.fd = connection->stop_fd, .events = POLLIN},
                        {.fd = connection->output_fd, .events = 0}, /* POLLERR comes unasked */
        };

        for (;;) {
                int timeout_msec = -1, n;

                if (deadline_usec != USEC_INFINITY) {
                        uint64_t now_usec = clock_now_usec(), left_msec;

                        if (now_usec >= deadline_usec)
                                return -ETIMEDOUT;
                        left_msec = (deadline_usec - now_usec) / USEC_PER_MSEC + 1;
                        timeout_msec = left_msec < INT_MAX ? (int)left_msec : INT_MAX;
                }
                n = poll(fds, ARRAY_SIZE(fds), timeout_msec);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n <= 0)
                        continue;
                return fds[1].revents || fds[2].revents ? CONNECTION_E_STOPPED : 0;
        }
}

static int parse_object(const char *line, size_t size, json_t **ret) {
        json_t *object = json_loadb(line, size, JSON_ALLOW_NUL, NULL);

        if (!json_is_object(object)) {
                json_decref(object);
                return -EBADMSG;
        }
        *ret = object;
        return 0;
}

int connection_receive(Connection *connection, uint64_t deadline_usec, json_t **ret) {
        const char *line;
        size_t size;
        int r;

        for (;;) {
                switch (lines_next(&connection->lines, &line, &size)) {
                case LINES_LINE:
                        return parse_object(line, size, ret);
                case LINES_TOO_LONG:
                        return -EBADMSG;
                case LINES_END:
                        return CONNECTION_E_CLOSED;
                case LINES_MORE_NEEDED:
                default:
                        r = wait_for_input(connection, deadline_usec);
                        if (r != 0)
                                return r;
                        r = lines_fill(&connection->lines);
                        if (r < 0)
                                return r == -ECONNRESET ? CONNECTION_E_CLOSED : r;
                }
        }
}
