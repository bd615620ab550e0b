/* SPDX-License-Identifier: Apache-2.0 */
#include "programs.h"

static void test_receipt_after_puback(void) {
        uint64_t token;
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        publish(&w, client, (Publish){.id = 1, .topic = "a", .payload = "x", .qos = 1});
        CHECK_STR(fake_session_take(client->session), "");
        CHECK_INT(fake_session_holds(client->session), 1);
        CHECK_INT(counters(&w).n_in_flight, 1);
        CHECK(counters(&w).bytes > 0);
        token = w.fake->requests[0].token;
        acknowledge(&w, 1);
        CHECK_STR(fake_session_take(client->session), "ack 1 delivered\n");
        CHECK_INT(fake_session_holds(client->session), 0);
        CHECK_INT(fake_session_refs(client->session), 1);
        CHECK_STR(fake_requests(w.fake), "pub a=x/1 ");

        /* The same answer again, or one to nothing, finds nobody. */
        fake_published(w.fake, token, true);
        fake_published(w.fake, token + 77, false);
        world_turn(&w);
        CHECK(link_is_online(w.link));
        CHECK_STR(fake_session_take(client->session), "");
        CHECK_INT(counters(&w).n_in_flight, 0);
        CHECK_INT(counters(&w).bytes, 0);
        CHECK_INT(counters(&w).delivered.total, 1);
        world_free(&w);
}

static void test_waits(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        publish(&w, client, (Publish){.id = 1, .topic = "a", .qos = 1, .wait = LOCAL_WAIT_SENT});
        CHECK_STR(fake_session_take(client->session), "ack 1 sent\n");
        publish(&w, client, (Publish){.id = 2, .topic = "a", .qos = 1, .wait = LOCAL_WAIT_STORED});
        publish(&w, client,
                (Publish){.id = 3, .topic = "a", .qos = 1, .wait = LOCAL_WAIT_DELIVERED});
        publish(&w, client, (Publish){.id = 4, .topic = "a", .qos = 0});
        publish(&w, client, (Publish){.id = 5, .topic = "a", .qos = 0, .wait = LOCAL_WAIT_SENT});
        CHECK_STR(fake_session_take(client->session), "");
        acknowledge(&w, 5);
        CHECK_STR(fake_session_take(client->session),
                  "ack 2 delivered\nack 3 delivered\nack 4 sent\nack 5 sent\n");
        CHECK_INT(fake_session_holds(client->session), 0);
        world_free(&w);
}

static void test_order_and_window(void) {
        const UplinkConfig config = {.window = 3};
        Client *client;
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 6);
        CHECK_INT(counters(&w).n_in_flight, 3);
        CHECK_INT(counters(&w).n_waiting, 3);
        CHECK_INT(w.fake->n_requests, 3);

        /* Out of order too: each answer makes room for one. */
        fake_published(w.fake, w.fake->requests[2].token, true);
        world_turn(&w);
        CHECK_STR(fake_session_take(client->session), "ack 3 delivered\n");
        CHECK_INT(counters(&w).n_in_flight, 3);
        fake_published(w.fake, w.fake->requests[0].token, true);
        fake_published(w.fake, w.fake->requests[1].token, true);
        world_turn(&w);
        CHECK_STR(fake_session_take(client->session), "ack 1 delivered\nack 2 delivered\n");
        CHECK_STR(fake_requests(w.fake), "pub t=1/1 pub t=2/1 pub t=3/1 pub t=4/1 pub t=5/1 "
                                         "pub t=6/1 ");
        world_free(&w);
}

/* QoS 0 does not wait behind a full window of QoS 1. */
static void test_lanes_are_apart(void) {
        const UplinkConfig config = {.window = 1};
        Client *client;
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 3);
        publish(&w, client, (Publish){.id = 9, .topic = "q", .payload = "0"});
        CHECK_STR(fake_requests(w.fake), "pub t=1/1 pub q=0/0 ");
        world_free(&w);
}

/* Large messages go one by one: the library leaks what it can't write before a connection ends. */
static void test_window_in_bytes(void) {
        static char large[100 * 1024 + 1];
        Client *client;
        World w;

        memset(large, 'x', sizeof(large) - 1);
        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        for (int i = 0; i < 3; i++)
                publish(&w, client, (Publish){.id = i, .topic = "t", .payload = large, .qos = 1});
        publish_many(&w, client, 3, 1);
        CHECK_INT(w.fake->n_requests, 1);
        for (int i = 1; i < 3; i++) {
                fake_published(w.fake, w.fake->requests[i - 1].token, true);
                link_dispatch(w.link, w.now);
                uplink_pump(w.uplink, w.now);
                /* Behind the last of the large ones, there is room for the small one too. */
                CHECK_INT(w.fake->n_requests, i == 2 ? 4 : 2);
        }
        world_free(&w);
}

static void test_rates(void) {
        const UplinkConfig config = {.qos1_per_second = 10, .qos0_per_second = 30};
        uint64_t times[50], start;
        Client *client;
        size_t n = 0;
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        client = world_client(&w);
        start = w.now;
        publish_many(&w, client, 1, 50);
        while (n < 50) {
                size_t sent = w.fake->n_requests;

                for (; n < sent; n++)
                        times[n] = w.now;
                for (size_t i = 0; i < sent; i++)
                        fake_published(w.fake, w.fake->requests[i].token, true);
                link_dispatch(w.link, w.now);
                if (n < 50)
                        world_wait(&w);
        }
        for (size_t i = 10; i < 50; i++)
                CHECK(times[i] - times[i - 10] > 1 * SEC);
        CHECK(w.now - start < 5 * SEC);
        for (int i = 0; i < 40; i++)
                publish(&w, client, (Publish){.id = i, .topic = "q"});
        CHECK_INT(w.fake->n_requests, 50 + 30);
        world_free(&w);
}

static void test_resend_after_loss(void) {
        const UplinkConfig config = {.window = 4};
        Client *client;
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 6);
        publish(&w, client, (Publish){.id = 7, .topic = "q", .payload = "7"});
        fake_published(w.fake, w.fake->requests[1].token, true); /* message 2 */
        world_turn(&w);
        CHECK_STR(fake_requests(w.fake),
                  "pub t=1/1 pub t=2/1 pub t=3/1 pub t=4/1 pub q=7/0 pub t=5/1 ");
        CHECK_STR(fake_session_take(client->session), "ack 2 delivered\n");

        world_lose(&w);
        CHECK_STR(fake_session_take(client->session), "error 7 offline\n");
        CHECK_INT(counters(&w).n_in_flight, 0);
        CHECK_INT(counters(&w).n_waiting, 5);
        CHECK(uplink_deadline_usec(w.uplink, w.now) == USEC_INFINITY);

        world_online(&w);
        CHECK_INT(w.fake->n_requests, 4);
        acknowledge(&w, 4);
        CHECK_STR(fake_requests(w.fake), "pub t=1/1 pub t=3/1 pub t=4/1 pub t=5/1 pub t=6/1 ");
        CHECK_STR(fake_session_take(client->session),
                  "ack 1 delivered\nack 3 delivered\nack 4 delivered\nack 5 delivered\n");
        world_free(&w);
}

/* Many cuts at random places: everything arrives, in order apart from repeats, each receipt once.
 */
static void test_many_losses(void) {
        const UplinkConfig config = {.window = 5};
        uint32_t dice = 12345;
        char expected[32];
        Client *client;
        int next_ack = 1, next_id = 1;
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        client = world_client(&w);
        while (next_ack <= 500) {
                dice = dice * 1664525U + 1013904223U;
                if (next_id <= 500 && (dice >> 28) < 10) {
                        publish_many(&w, client, next_id++, 1);
                } else if ((dice >> 28) < 15) {
                        if (counters(&w).n_in_flight == 0)
                                continue;
                        CHECK_INT(atoi(w.fake->requests[0].payload), next_ack);
                        fake_published(w.fake, w.fake->requests[0].token, true);
                        world_turn(&w);
                        memmove(w.fake->requests, w.fake->requests + 1,
                                --w.fake->n_requests * sizeof(FakeRequest));
                        (void)snprintf(expected, sizeof(expected), "ack %d delivered\n",
                                       next_ack++);
                        CHECK_STR(fake_session_take(client->session), expected);
                } else {
                        world_lose(&w);
                        fake_forget(w.fake);
                        world_online(&w);
                }
                for (size_t i = 0; i < w.fake->n_requests; i++)
                        CHECK_INT(atoi(w.fake->requests[i].payload), next_ack + (int)i);
        }
        CHECK_INT(counters(&w).bytes, 0);
        CHECK_INT(fake_session_holds(client->session), 0);
        world_free(&w);
}

static void test_ttl(void) {
        const UplinkConfig config = {.window = 1};
        Client *client;
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        client = world_client(&w);
        publish(&w, client, (Publish){.id = 1, .topic = "a", .qos = 1, .ttl_sec = 10});
        publish(&w, client, (Publish){.id = 2, .topic = "a", .qos = 1, .ttl_sec = 30});
        publish(&w, client, (Publish){.id = 3, .topic = "a", .qos = 1, .ttl_sec = 20});
        publish(&w, client, (Publish){.id = 4, .topic = "a", .qos = 1});
        CHECK(uplink_deadline_usec(w.uplink, w.now) <= w.now + 20 * SEC);

        /* In flight, it is left to its PUBACK. */
        w.now += 15 * SEC;
        uplink_pump(w.uplink, w.now);
        CHECK_STR(fake_session_take(client->session), "");
        w.now += 5 * SEC;
        uplink_pump(w.uplink, w.now);
        CHECK_STR(fake_session_take(client->session), "error 3 expired\n");
        CHECK_INT(counters(&w).expired, 1);

        /* Offline, what was in flight can expire as well. */
        world_lose(&w);
        CHECK_STR(fake_session_take(client->session), "error 1 expired\n");
        CHECK(uplink_deadline_usec(w.uplink, w.now) == w.now + 10 * SEC);
        world_wait(&w);
        CHECK_STR(fake_session_take(client->session), "error 2 expired\n");
        CHECK(uplink_deadline_usec(w.uplink, w.now) == USEC_INFINITY);
        CHECK_INT(counters(&w).n_waiting, 1);
        fake_forget(w.fake);
        world_online(&w);
        CHECK_STR(fake_requests(w.fake), "pub a=/1 ");
        CHECK_INT(fake_session_holds(client->session), 1);
        world_free(&w);
}

/* The first, the last and all of a lane; what comes after them still goes in order. */
static void test_ttl_at_the_ends(void) {
        const UplinkConfig config = {.window = 1};
        Client *client;
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        client = world_client(&w);
        publish(&w, client, (Publish){.id = 1, .topic = "a", .payload = "1", .qos = 1});
        publish(&w, client,
                (Publish){.id = 2, .topic = "a", .payload = "2", .qos = 1, .ttl_sec = 1});
        world_wait(&w);
        CHECK_STR(fake_session_take(client->session), "error 2 expired\n");
        publish(&w, client, (Publish){.id = 3, .topic = "a", .payload = "3", .qos = 1});
        acknowledge(&w, 1);
        acknowledge(&w, 2);
        CHECK_STR(fake_requests(w.fake), "pub a=1/1 pub a=3/1 ");
        CHECK_STR(fake_session_take(client->session), "ack 1 delivered\nack 3 delivered\n");
        publish(&w, client, (Publish){.id = 4, .topic = "a", .qos = 1, .ttl_sec = 1});
        world_lose(&w);
        w.now += 1 * SEC;
        uplink_pump(w.uplink, w.now);
        CHECK_STR(fake_session_take(client->session), "error 4 expired\n");
        world_online(&w);
        publish(&w, client, (Publish){.id = 5, .topic = "a", .payload = "5", .qos = 1});
        CHECK_INT(counters(&w).n_in_flight, 1);
        world_free(&w);
}

static void test_routes(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_route(&w, "up/#", "/sys/up/#", ROUTE_UP, 1);
        world_route(&w, "cheap/+", "/c/+", ROUTE_UP, 0);
        world_route(&w, "down/#", "/d/#", ROUTE_DOWN, 1);
        world_online(&w);
        client = world_client(&w);
        publish(&w, client, (Publish){.id = 1, .topic = "up/a/b", .payload = "1", .qos = 1});
        publish(&w, client, (Publish){.id = 2, .topic = "cheap/x", .payload = "2", .qos = 1});
        publish(&w, client, (Publish){.id = 3, .topic = "cheap/y", .payload = "3", .qos = 0});
        CHECK_STR(fake_requests(w.fake), "pub /sys/up/a/b=1/1 pub /c/x=2/0 pub /c/y=3/0 ");
        publish(&w, client, (Publish){.id = 4, .topic = "down/a", .qos = 1});
        publish(&w, client, (Publish){.id = 5, .topic = "elsewhere", .qos = 1});
        publish(&w, client,
                (Publish){.id = 6, .topic = "cheap/z", .qos = 1, .wait = LOCAL_WAIT_DELIVERED});
        publish(&w, client,
                (Publish){.id = 7, .topic = "cheap/z", .qos = 1, .wait = LOCAL_WAIT_STORED});
        CHECK_STR(fake_session_take(client->session),
                  "error 4 bad-topic\nerror 5 bad-topic\nerror 6 bad-request\n"
                  "error 7 bad-request\n");
        CHECK_INT(counters(&w).refused, 4);
        CHECK_STR(fake_requests(w.fake), "");
        publish(&w, client,
                (Publish){.id = 8, .topic = "cheap/z", .qos = 1, .wait = LOCAL_WAIT_SENT});
        acknowledge(&w, 1);
        CHECK_STR(fake_session_take(client->session), "ack 8 sent\n");
        world_free(&w);
}

static void test_refusals(void) {
        const UplinkConfig config = {.max_payload_bytes = 8,
                                     .memory_bytes = 2000,
                                     .topics = {.max_bytes = 16, .max_slashes = 2}};
        Client *client;
        int64_t id = 10;
        World w;

        world_new(&w, &config, NULL);
        client = world_client(&w);
        publish(&w, client, (Publish){.id = 1, .topic = "a", .qos = 1});
        CHECK_STR(fake_session_take(client->session), "error 1 offline\n");
        world_online(&w);
        publish(&w, client, (Publish){.id = 2, .topic = "a", .payload = "123456789", .qos = 1});
        publish(&w, client, (Publish){.id = 3, .topic = "12345678901234567", .qos = 1});
        publish(&w, client, (Publish){.id = 4, .topic = "a/b/c/d", .qos = 1});
        CHECK_STR(fake_session_take(client->session),
                  "error 2 too-large\nerror 3 bad-topic\nerror 4 bad-topic\n");
        CHECK_INT(counters(&w).refused, 4);
        CHECK_INT(fake_session_holds(client->session), 0);

        publish(&w, client, (Publish){.id = 5, .topic = "a", .payload = "12345678", .qos = 1});
        CHECK_STR(fake_session_take(client->session), "");
        while (fake_session_take(client->session)[0] == '\0') {
                CHECK(id < 200);
                publish(&w, client, (Publish){.id = id++, .topic = "a", .qos = 1});
        }
        CHECK(counters(&w).bytes <= 2000);
        CHECK_STR(fake_session_words(client->session),
                  "too much waits for the cloud already; try again later");
        acknowledge(&w, 2);
        (void)fake_session_take(client->session);
        publish(&w, client, (Publish){.id = 300, .topic = "a", .qos = 1});
        CHECK_STR(fake_session_take(client->session), "");
        world_free(&w);
}

static void test_pause(void) {
        const UplinkConfig config = {.window = 1};
        Client *fast, *other;
        World w;
        int n = 0;

        world_new(&w, &config, NULL);
        world_online(&w);
        fast = world_client(&w);
        other = world_client(&w);
        publish_many(&w, other, 0, 1);
        while (!fake_session_paused(fast->session)) {
                CHECK(n < 1000);
                publish_many(&w, fast, n++, 1);
        }
        CHECK(n > 1);
        CHECK(!fake_session_paused(other->session));
        publish_many(&w, fast, n++, 1); /* what was read already is still taken */
        for (int i = 0; fake_session_paused(fast->session); i++) {
                CHECK(i < n);
                fake_published(w.fake, w.fake->requests[w.fake->n_requests - 1].token, true);
                world_turn(&w);
        }
        CHECK(counters(&w).n_waiting + counters(&w).n_in_flight > 0);
        world_free(&w);
}

static void test_client_that_leaves(void) {
        LocalSession *session;
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 2);
        session = world_leave(&w, client);
        CHECK_INT(counters(&w).n_in_flight, 2);
        acknowledge(&w, 1);
        world_lose(&w);
        fake_forget(w.fake);
        world_online(&w);
        CHECK_INT(w.fake->n_requests, 1);
        acknowledge(&w, 1);
        CHECK_INT(counters(&w).delivered.total, 2);
        CHECK_INT(fake_session_refs(session), 1);
        local_session_unref(session);
        world_free(&w);
}

static void test_ack_timeout(void) {
        LinkStatus status;
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 1);
        w.now += 30 * SEC;
        publish_many(&w, client, 2, 1);
        CHECK(uplink_deadline_usec(w.uplink, w.now) == w.now + 30 * SEC);
        acknowledge(&w, 1);
        CHECK(uplink_deadline_usec(w.uplink, w.now) == w.now + 60 * SEC);
        w.now += 60 * SEC - 1;
        uplink_pump(w.uplink, w.now);
        CHECK(link_is_online(w.link));
        w.now++;
        uplink_pump(w.uplink, w.now);
        CHECK(!link_is_online(w.link));
        link_status(w.link, &status);
        CHECK_INT(status.reason, REASON_ACK_TIMEOUT);
        CHECK_INT(w.fake->n_closes, 1);

        /* A PUBACK that comes after all is not believed; the message goes again. */
        fake_published(w.fake, w.fake->requests[1].token, true);
        world_turn(&w);
        CHECK_STR(fake_session_take(client->session), "ack 1 delivered\n");
        fake_forget(w.fake);
        world_online(&w);
        CHECK_INT(w.fake->n_requests, 1);
        acknowledge(&w, 1);
        CHECK_STR(fake_session_take(client->session), "ack 2 delivered\n");
        world_free(&w);
}

static void test_not_handed_over(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 2);
        fake_published(w.fake, w.fake->requests[0].token, false);
        world_turn(&w);
        CHECK(!link_is_online(w.link));
        CHECK_STR(fake_session_take(client->session), "");
        fake_forget(w.fake);
        world_online(&w);
        acknowledge(&w, 2);
        CHECK_STR(fake_session_take(client->session), "ack 1 delivered\nack 2 delivered\n");
        world_free(&w);
}

static void test_transport_without_memory(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        w.fake->request_error = -ENOMEM;
        publish_many(&w, client, 1, 2);
        CHECK_INT(counters(&w).n_waiting, 2);
        CHECK_STR(fake_session_take(client->session), "");
        w.fake->request_error = 0;
        uplink_pump(w.uplink, w.now);
        acknowledge(&w, 2);
        CHECK_STR(fake_session_take(client->session), "ack 1 delivered\nack 2 delivered\n");
        world_free(&w);
}

static void test_freed_with_messages(void) {
        LocalSession *session;
        const UplinkConfig config = {.window = 1};
        World w;

        world_new(&w, &config, NULL);
        world_online(&w);
        session = local_session_ref(world_client(&w)->session);
        publish_many(&w, w.clients.first, 1, 2);
        publish(&w, w.clients.first, (Publish){.id = 3, .topic = "a"});
        publish(&w, w.clients.first,
                (Publish){.id = 4, .topic = "a", .qos = 1, .wait = LOCAL_WAIT_SENT});
        world_free(&w);
        CHECK_STR(fake_session_take(session), "error 3 offline\nerror 1 offline\nerror 2 offline\n"
                                              "error 4 offline\n");
        CHECK_INT(fake_session_holds(session), 0);
        CHECK_INT(fake_session_refs(session), 1);
        local_session_unref(session);
}

TEST_MAIN(TEST(test_receipt_after_puback),
          TEST(test_waits),
          TEST(test_order_and_window),
          TEST(test_lanes_are_apart),
          TEST(test_window_in_bytes),
          TEST(test_rates),
          TEST(test_resend_after_loss),
          TEST(test_many_losses),
          TEST(test_ttl),
          TEST(test_ttl_at_the_ends),
          TEST(test_routes),
          TEST(test_refusals),
          TEST(test_pause),
          TEST(test_client_that_leaves),
          TEST(test_ack_timeout),
          TEST(test_not_handed_over),
          TEST(test_transport_without_memory),
          TEST(test_freed_with_messages))
