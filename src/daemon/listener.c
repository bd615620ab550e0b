/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "local/server.h"
#include "util/log.h"

static void free_names(char ***names) {
        for (size_t i = 0; *names && (*names)[i]; i++)
                free((*names)[i]);
        free((void *)*names);
}

static int refuse(int fd, const char *why) {
        (void)close(fd);
        log_event(LOG_EVENT_FAILED, NULL, 0,
                  "The socket that systemd has passed %s. Compare iotlinkd.socket with the one that "
                  "came with iotlinkd: ListenStream= with the path of a Unix socket, Accept=no",
                  why);
        return -EINVAL;
}

/* Makes @fd what local_listen() would have made. */
static int take_over(int fd, Listener *ret) {
        struct sockaddr_un address = {0};
        socklen_t size = sizeof(address);
        int flags;

        if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
                return refuse(fd, "is not a stream socket of Unix that listens");
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) < 0)
                return refuse(fd, "cannot be used");
        *ret = (Listener){.fd = fd, .inherited = true};
        /* The name of an abstract one begins with NUL. */
        (void)snprintf(ret->path, sizeof(ret->path), "%s%.106s", address.sun_path[0] ? "" : "@",
                       address.sun_path + (address.sun_path[0] ? 0 : 1));
        return 0;
}

/* Returns 1 with systemd's socket, 0 if there is none, or -errno. */
static int inherit(Listener *ret) {
        _cleanup_(free_names) char **names = NULL;
        int n = sd_listen_fds_with_names(true, &names), r = 0;

        if (n < 0)
                return log_error_errno(n, "Cannot take over what systemd has passed");
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (r != 0 || strcmp(names[i], LISTENER_NAME) != 0) {
                        log_warning("systemd has passed '%s', which is not used: there is one "
                                    "socket with FileDescriptorName=" LISTENER_NAME,
                                    names[i]);
                        (void)close(fd);
                        continue;
                }
                r = take_over(fd, ret);
                if (r == 0)
                        r = 1;
        }
        return r;
}

static int listen_at(const char *path) {
        int fd = local_listen(path);

        if (fd == -EADDRINUSE)
                log_event(LOG_EVENT_FAILED, NULL, 0,
                          "Cannot listen at '%s': another program does already. Is iotlinkd running "
                          "twice?",
                          path);
        else if (fd < 0)
                (void)log_error_errno(fd,
                                      "Cannot listen at '%s'; check that its directory exists and "
                                      "that this user may write there",
                                      path);
        return fd;
}

int listener_open(const char *path, Listener *ret) {
        int r = inherit(ret);

        if (r != 0)
                return r < 0 ? r : 0;
        r = listen_at(path);
        if (r < 0)
                return r;
        *ret = (Listener){.fd = r};
        (void)snprintf(ret->path, sizeof(ret->path), "%s", path);
        return 0;
}

void listener_done(Listener *listener) {
        closep(&listener->fd);
        /* A file left behind does no harm: the next start replaces it. */
        if (listener->path[0] && !listener->inherited)
                (void)(unlink(listener->path) < 0);
        *listener = (Listener){.fd = -1};
}
