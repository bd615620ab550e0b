/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service-status.h"

#include "test.h"
#include "util/clock.h"

static const char *line(const StatusSource *source) {
        static char text[SERVICE_STATUS_MAX];

        service_status_line(source, text);
        return text;
}

static void test_states(void) {
        StatusSource s = {.now_usec = 100 * USEC_PER_SEC};

        CHECK_STR(line(&s), "Offline");
        s.link.reason = REASON_DNS_UNKNOWN_HOST;
        CHECK_STR(line(&s), "Offline: the host name does not exist");
        s.link.state = LINK_CONNECTING;
        CHECK_STR(line(&s), "Connecting; before that: the host name does not exist");
        s.link.reason = REASON_NONE;
        CHECK_STR(line(&s), "Connecting");
        s.link.state = LINK_ONLINE;
        s.link.host = "h";
        s.link.port = 8883;
        CHECK_STR(line(&s), "Online at h:8883");
        s.link.state = LINK_STOPPING;
        CHECK_STR(line(&s), "Stopping");
}

static void test_backlog(void) {
        StatusSource s = {.now_usec = 1, .uplink.drain_usec = USEC_INFINITY};

        s.uplink.n_waiting = 1;
        CHECK_STR(line(&s), "Offline; 1 message waits for the cloud");
        s.uplink.n_waiting = 600;
        CHECK_STR(line(&s), "Offline; 600 messages wait for the cloud");
        s.link.state = LINK_ONLINE;
        s.link.host = "h";
        s.link.port = 1;
        CHECK_STR(line(&s), "Online at h:1; 600 messages wait for the cloud");
        s.uplink.drain_usec = 59 * USEC_PER_SEC + 1;
        CHECK_STR(line(&s), "Online at h:1; 600 messages wait for the cloud, for about 60 s");
        s.uplink.n_waiting = 6000;
        s.uplink.drain_usec = 600 * USEC_PER_SEC;
        CHECK_STR(line(&s), "Online at h:1; 6000 messages wait for the cloud, for about 10 min");
        s.uplink.n_waiting = 600000;
        s.uplink.drain_usec = 60000 * USEC_PER_SEC;
        CHECK_STR(line(&s), "Online at h:1; 600000 messages wait for the cloud, for about 17 h");
}

static void test_the_longest_fits(void) {
        StatusSource s = {.now_usec = 1, .uplink.n_waiting = UINT64_MAX};
        char host[256];

        for (Reason reason = REASON_NONE; reason < _REASON_MAX; reason++) {
                s.link.reason = reason;
                s.link.state = LINK_CONNECTING;
                CHECK(strstr(line(&s), "messages wait for the cloud"));
        }
        memset(host, 'h', sizeof(host) - 1);
        host[sizeof(host) - 1] = '\0';
        s.link = (LinkStatus){.state = LINK_ONLINE, .host = host, .port = 65535};
        CHECK(strstr(line(&s), "messages wait for the cloud"));
}

TEST_MAIN(TEST(test_states), TEST(test_backlog), TEST(test_the_longest_fits))
