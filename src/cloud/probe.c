/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cloud/tls.h"
#include "util/clock.h"

static void fail(ProbeResult *result, Reason reason, const char *words) {
        result->reason = reason;
        (void)snprintf(result->detail, sizeof(result->detail), "%s", words);
}

/* strerror() is not thread-safe, and GNU's strerror_r() needs a buffer. */
static void fail_errno(ProbeResult *result, Reason reason, int error) {
        char buffer[96];

        fail(result, reason, strerror_r(error, buffer, sizeof(buffer)));
}

bool probe_resolve(const char *host,
                   uint16_t port,
                   struct addrinfo **ret,
                   ProbeResult *ret_result) {
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
        char service[8];
        int r;

        (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
        r = getaddrinfo(host, service, &hints, ret);
        if (r == 0)
                return true;
        fail(ret_result,
             r == EAI_NONAME || r == EAI_NODATA ? REASON_DNS_UNKNOWN_HOST : REASON_DNS_FAILURE,
             gai_strerror(r));
        return false;
}

/* The address that the library takes: the first of IPv4, else the last of all. */
static const struct addrinfo *library_choice(const struct addrinfo *list) {
        const struct addrinfo *a = list;

        while (a->ai_family != AF_INET && a->ai_next)
                a = a->ai_next;
        return a;
}

static Reason reason_from_errno(int error) {
        switch (error) {
        case ECONNREFUSED:
                return REASON_TCP_REFUSED;
        case ETIMEDOUT:
                return REASON_TCP_TIMEOUT;
        default:
                return REASON_NETWORK_UNREACHABLE;
        }
}

/* Waits for @events on @fd. Returns 0 or -ETIMEDOUT or another -errno. */
static int wait_fd(int fd, short events, uint64_t deadline_usec) {
        for (;;) {
                struct pollfd pfd = {.fd = fd, .events = events};
                uint64_t now = clock_now_usec();
                int r;

                if (now >= deadline_usec)
                        return -ETIMEDOUT;
                r = poll(&pfd, 1, (int)((deadline_usec - now) / USEC_PER_MSEC) + 1);
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -errno;
        }
}

static int connect_tcp(const struct addrinfo *address, uint64_t deadline_usec) {
        _cleanup_(closep) int fd = -1;
        int error = 0, r;
        socklen_t size = sizeof(error);

        fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
                if (errno != EINPROGRESS)
                        return -errno;
                r = wait_fd(fd, POLLOUT, deadline_usec);
                if (r < 0)
                        return r;
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                        return -errno;
                if (error != 0)
                        return -error;
        }
        return TAKE_FD(fd);
}

/* Returns the connected socket; or a negative number, and @result has the reason. */
static int connect_target(const TransportTarget *target,
                          uint64_t deadline_usec,
                          ProbeResult *result) {
        struct addrinfo *list = NULL;
        int r;

        if (!probe_resolve(target->host, target->port, &list, result))
                return -1;
        r = connect_tcp(library_choice(list), deadline_usec);
        freeaddrinfo(list);
        if (r < 0)
                fail_errno(result, reason_from_errno(-r), -r);
        return r;
}

void probe_run(const TransportTarget *target, unsigned timeout_sec, ProbeResult *ret_result) {
        uint64_t deadline = clock_now_usec() + timeout_sec * USEC_PER_SEC;
        _cleanup_(closep) int fd = -1;

        *ret_result = (ProbeResult){.reason = REASON_NONE};
        fd = connect_target(target, deadline, ret_result);
        if (fd >= 0 && target->tls)
                tls_probe(fd, target, deadline, ret_result);
}

static bool speaks_tls(const TransportTarget *target, unsigned timeout_sec) {
        uint64_t deadline = clock_now_usec() + timeout_sec * USEC_PER_SEC;
        _cleanup_(closep) int fd = -1;
        ProbeResult ignored;

        fd = connect_target(target, deadline, &ignored);
        return fd >= 0 && tls_is_spoken(fd, deadline);
}

void probe_explain(const TransportTarget *target,
                   const Answer *answer,
                   unsigned timeout_sec,
                   ProbeResult *ret_result) {
        ProbeResult result = {0};

        result.reason = answer_explain_alert(answer->alert, result.detail);
        if (result.reason == REASON_NONE)
                result.reason = answer_explain(answer, result.detail);
        if (!target->tls && result.reason != REASON_CAPTIVE_PORTAL &&
            (answer_is_tls(answer) || (answer->n == 0 && speaks_tls(target, timeout_sec))))
                fail(&result, REASON_TLS_WANTED, "");
        if (result.reason != REASON_NONE)
                *ret_result = result;
}
