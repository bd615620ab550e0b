/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/paho-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/clock.h"

/* The library has one set of threads per process, so one place per process fits. */
static atomic_int last_fd = -1;
static atomic_uint user_timeout_msec;

static bool is_library_thread(void) {
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

static void prepare(int fd) {
        unsigned timeout = atomic_load(&user_timeout_msec);
        int on = 1, copy;

        /* Each is an improvement only: without it the connection works as the library made it. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (timeout > 0)
                (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));

        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        copy = atomic_exchange(&last_fd, copy);
        if (copy >= 0)
                (void)close(copy);
}

/* Visible to the library, which finds the program's connect() before libc's. */
__attribute__((__visibility__("default"))) int connect(int fd,
                                                       const struct sockaddr *address,
                                                       socklen_t size) {
        if (is_library_thread() && is_tcp(fd))
                prepare(fd);
        return (int)syscall(SYS_connect, fd, address.__sockaddr__, size);
}

int paho_socket_take(void) {
        return atomic_exchange(&last_fd, -1);
}

void paho_socket_set_user_timeout(unsigned msec) {
        atomic_store(&user_timeout_msec, msec);
}

uint64_t paho_socket_silence_usec(int fd) {
        struct tcp_info info = {0};
        socklen_t size = sizeof(info);

        if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
                return 0;
        return (uint64_t)info.tcpi_last_data_recv * USEC_PER_MSEC;
}
