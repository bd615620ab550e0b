/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge whole: a real event loop, real sockets for programs, a fake transport.
 */
#include "bridge/bridge.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fake-transport.h"
#include "test.h"
#include "util/clock.h"

static char path[] = "/tmp/iotlinkd-test-bridge-XXXXXX/socket";

typedef struct World {
        sd_event *event;
        FakeTransport *fake;
        RouteTable *routes;
        BridgeConfig config;
        Bridge *bridge;
        unsigned n_stopped;
} World;

static uint32_t no_random(void) {
        return 0;
}

static int on_get(void *userdata, Reason previous, Credentials *ret) {
        (void)userdata;
        (void)previous;
        *ret = (Credentials){
                        .host = strdup("cloud.example"), .port = 1883, .client_id = strdup("test")};
        return ret->host && ret->client_id ? 1 : -ENOMEM;
}

static void set_up(World *w) {
        char *slash = strrchr(path, '/');
        int fd;

        *slash = '\0';
        memcpy(slash - 6, "XXXXXX", 6);
        CHECK(mkdtemp(path));
        *slash = '/';
        fd = local_listen(path);
        CHECK(fd >= 0);

        *w = (World){0};
        CHECK(sd_event_new(&w->event) >= 0);
        CHECK_INT(route_table_new(&w->routes), 0);
        w->fake = fake_transport_new();
        w->config = (BridgeConfig){
                        .uplink = {.routes = w->routes,
                                   .max_payload_bytes = 1024,
                                   .memory_bytes = 65536},
                        .downlink = {.routes = w->routes, .max_payload_bytes = 1024},
                        .link = {.source = {.get = on_get},
                                 .keepalive_sec = 100,
                                 .connect_timeout_sec = 20,
                                 .network = {100 * USEC_PER_MSEC, 100 * USEC_PER_MSEC}},
                        .local = {.max_clients = 8,
                                  .client_buffer_bytes = 65536,
                                  .memory_bytes = 1048576},
                        .version = "1.2.3",
        };
        CHECK_INT(bridge_new(&w->bridge, w->event, &w->fake->base, fd, &w->config, no_random), 0);
}

static void tear_down(World *w) {
        char *slash = strrchr(path, '/');

        bridge_free(w->bridge);
        route_table_free(w->routes);
        sd_event_unref(w->event);
        (void)unlink(path);
        *slash = '\0';
        CHECK(rmdir(path) == 0);
        *slash = '/';
}

/* Turns the loop until nothing happens for @msec. */
static void run(World *w, unsigned msec) {
        while (sd_event_run(w->event, msec * USEC_PER_MSEC) > 0)
                continue;
}

static int connect_program(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        union {
                struct sockaddr_un *in;
                struct sockaddr *any;
        } u = {.in = &address};

        CHECK(fd >= 0);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        CHECK(connect(fd, u.any, sizeof(address)) == 0);
        return fd;
}

static void say(World *w, int fd, const char *line) {
        CHECK(send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line));
        run(w, 20);
}

/* What the program has got since the last call. */
static const char *heard(int fd) {
        static char text[8192];
        ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

        text[n > 0 ? n : 0] = '\0';
        return text;
}

static void go_online(World *w) {
        bridge_start(w->bridge);
        CHECK_INT(w->fake->n_connects, 1);
        fake_connected(w->fake, false);
        run(w, 20);
        CHECK(link_is_online(bridge_link(w->bridge)));
}

static void test_both_ways(void) {
        const char *all;
        World w;
        int fd;

        set_up(&w);
        go_online(&w);
        fd = connect_program();
        say(&w, fd, "{\"op\":\"hello\"}\n");
        all = heard(fd);
        CHECK(strstr(all, "\"hello\"") && strstr(all, "1.2.3") && strstr(all, "online"));
        say(&w, fd, "{\"op\":\"pub\",\"id\":7,\"topic\":\"up\",\"payload\":\"x\",\"qos\":1}\n");
        CHECK_STR(heard(fd), "");
        fake_published(w.fake, fake_token(w.fake, "up"), true);
        run(&w, 20);
        all = heard(fd);
        CHECK(strstr(all, "\"ack\"") && strstr(all, "delivered") && strstr(all, "7"));
        say(&w, fd, "{\"op\":\"sub\",\"id\":8,\"filter\":\"down/#\",\"qos\":1}\n");
        all = fake_requests(w.fake);
        CHECK_STR(all, "pub up=x/1 sub down/#/1 ");
        fake_subscribed(w.fake, 1, 1);
        fake_message(w.fake, "down/a", "hey", 1);
        run(&w, 20);
        all = heard(fd);
        CHECK(strstr(all, "subscribed") && strstr(all, "down/a") && strstr(all, "hey"));
        say(&w, fd, "{\"op\":\"status\"}\n");
        all = heard(fd);
        CHECK(strstr(all, "cloud.example:1883") && strstr(all, "\"sent\":1"));
        CHECK(close(fd) == 0);
        run(&w, 20);
        CHECK_STR(fake_requests(w.fake), "unsub down/# ");
        tear_down(&w);
}

static void test_watchers(void) {
        const char *all;
        World w;
        int fd;

        set_up(&w);
        go_online(&w);
        fd = connect_program();
        say(&w, fd, "{\"op\":\"watch\"}\n");
        CHECK(strstr(heard(fd), "online"));
        fake_lost(w.fake, REASON_CLOSED);
        run(&w, 20);
        all = heard(fd);
        CHECK(strstr(all, "offline") && strstr(all, "closed") && strstr(all, "retry_in"));
        /* By itself, after the delay. */
        run(&w, 300);
        CHECK_INT(w.fake->n_connects, 2);
        CHECK(strstr(heard(fd), "connecting"));
        CHECK(close(fd) == 0);
        tear_down(&w);
}

/* Even when the first attempt ends before the loop has turned once. */
static void test_first_attempt_that_cannot_start(void) {
        World w;

        set_up(&w);
        w.fake->connect_error = -ENOMEM;
        bridge_start(w.bridge);
        CHECK_INT(w.fake->n_connects, 1);
        w.fake->connect_error = 0;
        run(&w, 500);
        CHECK_INT(w.fake->n_connects, 2);
        tear_down(&w);
}

static void on_stopped(void *userdata) {
        World *w = userdata;

        w->n_stopped++;
}

static void test_stop(void) {
        World w;
        int fd;

        set_up(&w);
        go_online(&w);
        fd = connect_program();
        say(&w, fd, "{\"op\":\"pub\",\"id\":7,\"topic\":\"up\",\"payload\":\"x\",\"qos\":1}\n");
        bridge_stop(w.bridge, on_stopped, &w);
        run(&w, 20);
        CHECK_INT(w.n_stopped, 0);
        fake_closed(w.fake);
        run(&w, 20);
        CHECK_INT(w.n_stopped, 1);
        CHECK_STR(heard(fd), "");
        /* Who waits for a receipt is told before the socket closes. */
        tear_down(&w);
        CHECK(strstr(heard(fd), "\"offline\""));
        CHECK(close(fd) == 0);

        set_up(&w);
        bridge_stop(w.bridge, on_stopped, &w);
        CHECK_INT(w.n_stopped, 1);
        tear_down(&w);
}

/* QoS 0 that was handed over is written before the connection is closed, however late the stop
 * comes. */
static void test_stop_waits_for_what_is_being_written(void) {
        World w;
        int fd;

        set_up(&w);
        go_online(&w);
        fd = connect_program();
        say(&w, fd, "{\"op\":\"pub\",\"id\":7,\"topic\":\"up\",\"payload\":\"x\"}\n");
        bridge_stop(w.bridge, on_stopped, &w);
        run(&w, 20);
        CHECK(!w.fake->closing);
        CHECK_STR(heard(fd), "");
        fake_published(w.fake, fake_token(w.fake, "up"), true);
        run(&w, 20);
        CHECK(w.fake->closing);
        CHECK(strstr(heard(fd), "\"sent\""));
        fake_closed(w.fake);
        run(&w, 20);
        CHECK_INT(w.n_stopped, 1);
        CHECK(close(fd) == 0);
        tear_down(&w);

        /* A connection that ends by itself is not waited for. */
        set_up(&w);
        go_online(&w);
        fd = connect_program();
        say(&w, fd, "{\"op\":\"pub\",\"id\":7,\"topic\":\"up\",\"payload\":\"x\"}\n");
        bridge_stop(w.bridge, on_stopped, &w);
        fake_lost(w.fake, REASON_CLOSED);
        run(&w, 20);
        CHECK_INT(w.n_stopped, 1);
        CHECK(strstr(heard(fd), "\"offline\""));
        CHECK(close(fd) == 0);
        tear_down(&w);
}

TEST_MAIN(TEST(test_both_ways),
          TEST(test_watchers),
          TEST(test_stop),
          TEST(test_stop_waits_for_what_is_being_written),
          TEST(test_first_attempt_that_cannot_start))
