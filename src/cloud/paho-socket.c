/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/paho-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cloud/answer.h"
#include "util/clock.h"

/* <netinet/tcp.h> has the states, but not all of tcp_info, and both can't be included. */
#define TCP_SYN_SENT 2

/* Room for everything that the uplink has in flight, so that none of it waits in the library. The
 * kernel doubles it for its own needs and caps it at net.core.wmem_max. */
#define SEND_BUFFER_BYTES (640 * 1024)

static struct {
        pthread_mutex_t lock;
        int fd; /* our duplicate, so that it can't become another file while we use it */
        unsigned user_timeout_msec;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static atomic_int read_error;

bool paho_socket_is_library_thread(void) {
        char name[16] = "";

        return prctl(PR_GET_NAME, name) == 0 && strncmp(name, "MQTTAsync", 9) == 0;
}

static bool is_tcp(int fd) {
        int value = 0;
        socklen_t size = sizeof(value);

        if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &size) < 0)
                return false;
        return value == IPPROTO_TCP;
}

static void remember(int take_fd) {
        if (shared.fd >= 0)
                (void)close(shared.fd);
        shared.fd = take_fd;
}

static void prepare(int fd) {
        const int on = 1, size = SEND_BUFFER_BYTES;

        (void)pthread_mutex_lock(&shared.lock);
        /* The library leaves its socket open for programs that we start. */
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        /* These are improvements only: without them the connection works as the library made it. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        if (shared.user_timeout_msec > 0)
                (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &shared.user_timeout_msec,
                                 sizeof(shared.user_timeout_msec));
        remember(fcntl(fd, F_DUPFD_CLOEXEC, 3));
        atomic_store(&read_error, 0);
        (void)pthread_mutex_unlock(&shared.lock);
}

/* Visible to the library, which finds the program's connect() before libc's, whose parameters have
 * other names. NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
__attribute__((__visibility__("default"))) int connect(int fd,
                                                       __CONST_SOCKADDR_ARG address,
                                                       socklen_t size) {
        if (paho_socket_is_library_thread() && is_tcp(fd))
                prepare(fd);
        return (int)syscall(SYS_connect, fd, address.__sockaddr__, size);
}

/* The same for what the library reads; the rest of the program hardly comes this way. A pragma,
 * because the C library's headers may have defined an inline one by now. */
#pragma GCC visibility push(default)
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t recv(int fd, void *buffer, size_t size, int flags) {
        ssize_t n = syscall(SYS_recvfrom, fd, buffer, size, flags, NULL, NULL);

        if (n > 0 && answer_is_awaited() && paho_socket_is_library_thread())
                answer_note(buffer, (size_t)n);
        if (n < 0 && errno != EAGAIN && errno != EINTR && paho_socket_is_library_thread())
                paho_socket_note_error(errno);
        return n;
}
#pragma GCC visibility pop

void paho_socket_set_user_timeout(unsigned msec) {
        (void)pthread_mutex_lock(&shared.lock);
        shared.user_timeout_msec = msec;
        (void)pthread_mutex_unlock(&shared.lock);
}

bool paho_socket_is_known(void) {
        bool known;

        (void)pthread_mutex_lock(&shared.lock);
        known = shared.fd >= 0;
        (void)pthread_mutex_unlock(&shared.lock);
        return known;
}

static bool get_info(struct tcp_info *ret) {
        socklen_t size = sizeof(*ret);
        bool known;

        (void)pthread_mutex_lock(&shared.lock);
        known = shared.fd >= 0 && getsockopt(shared.fd, IPPROTO_TCP, TCP_INFO, ret, &size) == 0;
        (void)pthread_mutex_unlock(&shared.lock);
        return known;
}

bool paho_socket_is_connected(void) {
        struct tcp_info info = {0};

        return !get_info(&info) || info.tcpi_state != TCP_SYN_SENT;
}

uint64_t paho_socket_silence_usec(void) {
        struct tcp_info info = {0};

        return get_info(&info) ? (uint64_t)info.tcpi_last_data_recv * USEC_PER_MSEC : 0;
}

int paho_socket_error(void) {
        return atomic_load(&read_error);
}

void paho_socket_note_error(int error) {
        atomic_store(&read_error, error);
}

void paho_socket_cut(void) {
        (void)pthread_mutex_lock(&shared.lock);
        if (shared.fd >= 0)
                (void)shutdown(shared.fd, SHUT_RDWR);
        (void)pthread_mutex_unlock(&shared.lock);
}

void paho_socket_forget(void) {
        (void)pthread_mutex_lock(&shared.lock);
        remember(-1);
        (void)pthread_mutex_unlock(&shared.lock);
}
