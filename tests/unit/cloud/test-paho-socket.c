/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That the library's connect() is ours: with the real library, against a listener that never
 * answers.
 */
#include "cloud/paho-socket.h"

#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "test.h"
#include "util/clock.h"
#include "util/macro.h"

/* A listener on 127.0.0.1. Returns its fd. */
static int start_listening(struct sockaddr_in *ret_address) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t size = sizeof(address);
        union {
                struct sockaddr_in *in;
                struct sockaddr *any;
        } u = {.in = &address};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(fd >= 0);
        CHECK(bind(fd, u.any, size) == 0);
        CHECK(listen(fd, 5) == 0);
        CHECK(getsockname(fd, u.any, &size) == 0);
        *ret_address = address;
        return fd;
}

static bool wait_readable(int fd, int timeout_msec) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};

        return poll(&pfd, 1, timeout_msec) == 1;
}

/* The number of our process's sockets that are connected to @address and have TCP_NODELAY set, or
 * with @user_timeout_msec this TCP_USER_TIMEOUT. */
static unsigned count_prepared(const struct sockaddr_in *address, unsigned user_timeout_msec) {
        unsigned n = 0;

        for (int fd = 3; fd < 256; fd++) {
                struct sockaddr_in peer = {0};
                socklen_t size = sizeof(peer), value_size = sizeof(int);
                union {
                        struct sockaddr_in *in;
                        struct sockaddr *any;
                } u = {.in = &peer};
                unsigned timeout = 0;
                int nodelay = 0;

                if (getpeername(fd, u.any, &size) < 0 || peer.sin_port != address->sin_port)
                        continue;
                CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &value_size) == 0);
                value_size = sizeof(timeout);
                CHECK(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, &value_size) == 0);
                CHECK_INT(timeout, user_timeout_msec);
                CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
                n += nodelay != 0;
        }
        return n;
}

static void test_own_connects_are_left_alone(void) {
        struct sockaddr_in address;
        int listen_fd = start_listening(&address), fd, value = 1;
        socklen_t size = sizeof(value);
        union {
                struct sockaddr_in *in;
                struct sockaddr *any;
        } u = {.in = &address};

        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK(connect(fd, u.any, sizeof(address)) == 0);
        CHECK(!paho_socket_is_known());
        CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0);
        CHECK_INT(value, 0);
        CHECK_INT(paho_socket_silence_usec(), 0);
        paho_socket_cut();
        paho_socket_forget();
        /* Errors come through as libc's do. */
        CHECK(connect(-1, u.any, sizeof(address)) == -1 && errno == EBADF);
        CHECK(close(fd) == 0);
        CHECK(close(listen_fd) == 0);
}

static MQTTAsync start_connecting(const struct sockaddr_in *address) {
        MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
        MQTTAsync client = NULL;
        char uri[64];

        (void)snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u", (unsigned)ntohs(address->sin_port));
        CHECK(MQTTAsync_create(&client, uri, "test", MQTTCLIENT_PERSISTENCE_NONE, NULL) ==
              MQTTASYNC_SUCCESS);
        options.MQTTVersion = MQTTVERSION_3_1_1;
        options.connectTimeout = 20;
        CHECK(MQTTAsync_connect(client, &options) == MQTTASYNC_SUCCESS);
        return client;
}

/* qemu-user passes on four bytes of it. */
static bool kernel_tells_tcp_info(int fd) {
        struct tcp_info info;
        socklen_t size = sizeof(info);

        return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size > sizeof(int);
}

static void test_the_library_comes_through_here(void) {
        struct sockaddr_in address;
        int listen_fd = start_listening(&address);

        TEST_NEEDS(kernel_tells_tcp_info(listen_fd), "no TCP_INFO here");
        /* Twice: the second connection finds the first forgotten. */
        for (unsigned timeout = 0; timeout <= 15000; timeout += 15000) {
                char buffer[256];
                MQTTAsync client;
                uint64_t silence;
                int fd;

                CHECK(!paho_socket_is_known());
                paho_socket_set_user_timeout(timeout);
                client = start_connecting(&address);
                CHECK(wait_readable(listen_fd, 10000));
                fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
                CHECK(fd >= 0);
                CHECK(paho_socket_is_known());
                CHECK(wait_readable(fd, 10000));
                CHECK(recv(fd, buffer, sizeof(buffer), 0) > 0); /* CONNECT */
                CHECK(buffer[0] == 0x10);
                CHECK_INT(count_prepared(&address, timeout), 2); /* its socket and our duplicate */

                /* The kernel tells how long the server has been silent. */
                (void)usleep(100000);
                silence = paho_socket_silence_usec();
                CHECK(silence >= 50000 && silence < 20 * USEC_PER_SEC);

                /* Cut, the peer sees the end though the library has closed nothing. */
                paho_socket_cut();
                CHECK(wait_readable(fd, 10000));
                CHECK(recv(fd, buffer, sizeof(buffer), 0) <= 0);

                MQTTAsync_destroy(&client);
                paho_socket_forget();
                CHECK(!paho_socket_is_known());
                CHECK_INT(paho_socket_silence_usec(), 0);
                CHECK(close(fd) == 0);
        }
        CHECK(close(listen_fd) == 0);
}

TEST_MAIN(TEST(test_own_connects_are_left_alone), TEST(test_the_library_comes_through_here))
