/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library's threads write with writev() comes by puback.c. That the library does it, over
 * TLS too, is for tests/integration/test_inbox.py.
 */
#include "cloud/puback.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test.h"

static void be_the_library(void) {
        CHECK(prctl(PR_SET_NAME, "MQTTAsync_rcv") == 0);
}

static void be_somebody(void) {
        CHECK(prctl(PR_SET_NAME, "somebody") == 0);
}

/* Writes a packet in the two pieces that the library makes of it; returns what arrives. */
static size_t written(const int fds[2], uint8_t type, uint8_t rest, uint16_t id) {
        uint8_t head[] = {type, rest}, tail[] = {(uint8_t)(id >> 8), (uint8_t)id}, got[16];
        const struct iovec pieces[] = {{head, 2}, {NULL, 0}, {tail, 2}};
        ssize_t n;

        CHECK_INT(writev(fds[0], pieces, 3), 4);
        n = recv(fds[1], got, sizeof(got), MSG_DONTWAIT);
        return n < 0 ? 0 : (size_t)n;
}

static void test_only_what_is_withheld_is_left_out(void) {
        int fds[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        be_the_library();
        puback_permit_all();
        CHECK(!puback_withhold(513)); /* nothing has come by here */
        CHECK_INT(written(fds, 0x40, 2, 513), 4);
        CHECK(puback_withhold(513));
        CHECK_INT(written(fds, 0x40, 2, 513), 0);
        CHECK_INT(written(fds, 0x40, 2, 514), 4);
        CHECK_INT(written(fds, 0x40, 2, 1), 4);
        CHECK_INT(written(fds, 0x50, 2, 513), 4); /* no PUBACK */
        CHECK_INT(written(fds, 0x40, 3, 513), 4);
        puback_permit(513);
        CHECK_INT(written(fds, 0x40, 2, 513), 4);
        for (unsigned id = 1; id <= UINT16_MAX; id += 997)
                CHECK(puback_withhold((uint16_t)id));
        CHECK_INT(written(fds, 0x40, 2, 998), 0);
        puback_permit_all();
        CHECK_INT(written(fds, 0x40, 2, 998), 4);
        CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
}

static void test_others_write_what_they_like(void) {
        int fds[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        be_the_library();
        puback_permit_all();
        CHECK_INT(written(fds, 0x40, 2, 7), 4);
        CHECK(puback_withhold(7));
        be_somebody();
        CHECK_INT(written(fds, 0x40, 2, 7), 4);
        be_the_library();
        CHECK_INT(written(fds, 0x40, 2, 7), 0);
        CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
}

static void test_longer_packets_pass(void) {
        uint8_t puback[] = {0x40, 2, 0, 7}, got[16];
        struct iovec pieces[] = {{puback, 4}, {puback, 4}};
        int fds[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        be_the_library();
        puback_permit_all();
        CHECK_INT(writev(fds[0], pieces, 2), 8);
        CHECK_INT(recv(fds[1], got, sizeof(got), MSG_DONTWAIT), 8);
        CHECK(puback_withhold(7));
        CHECK_INT(writev(fds[0], pieces, 2), 8);
        CHECK_INT(recv(fds[1], got, sizeof(got), MSG_DONTWAIT), 8);
        CHECK_INT(writev(fds[0], pieces, 1), 4);
        CHECK(recv(fds[1], got, sizeof(got), MSG_DONTWAIT) < 0);
        CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
}

TEST_MAIN(TEST(test_only_what_is_withheld_is_left_out),
          TEST(test_others_write_what_they_like),
          TEST(test_longer_packets_pass))
