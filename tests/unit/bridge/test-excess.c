/* SPDX-License-Identifier: Apache-2.0 */
/* QoS 0 over its rate, and how often it is spoken of. */
#include "bridge/tally.h"
#include "programs.h"

static void publish_q(World *w, Client *client, int first, int n) {
        for (int i = first; i < first + n; i++) {
                char payload[16];

                (void)snprintf(payload, sizeof(payload), "%d", i);
                publish(w, client, (Publish){.id = i, .topic = "q", .payload = payload});
        }
}

static void begin(World *w, UplinkExcess excess) {
        const UplinkConfig config = {.qos0_per_second = 3,
                                     .qos0_excess = excess,
                                     .memory_bytes = (size_t)64 << 20};

        world_new(w, &config, NULL);
        world_online(w);
}

static void test_they_wait(void) {
        Client *client;
        World w;

        begin(&w, UPLINK_EXCESS_WAIT);
        client = world_client(&w);
        publish_q(&w, client, 1, 8);
        CHECK_STR(fake_requests(w.fake), "pub q=1/0 pub q=2/0 pub q=3/0 ");
        world_wait(&w);
        CHECK_STR(fake_requests(w.fake), "pub q=4/0 pub q=5/0 pub q=6/0 ");
        CHECK_STR(fake_session_take(client->session), "");
        CHECK_INT(counters(&w).qos0_refused, 0);

        /* Not for ever, and not any number of them. */
        publish_q(&w, client, 9, 4100);
        CHECK(strncmp(fake_session_take(client->session), "error ", 6) == 0);
        CHECK(strstr(fake_session_words(client->session), "too many QoS 0"));
        CHECK(counters(&w).qos0_refused > 0 && counters(&w).qos0_refused < 30);
        CHECK_INT(counters(&w).qos0_refused, counters(&w).refused);
        world_free(&w);
}

static void test_they_are_refused(void) {
        Client *client;
        World w;

        begin(&w, UPLINK_EXCESS_REFUSE);
        client = world_client(&w);
        publish_q(&w, client, 1, 5);
        CHECK_STR(fake_session_take(client->session), "error 4 quota\nerror 5 quota\n");
        CHECK(strstr(fake_session_words(client->session), "takes 3 QoS 0 messages a second"));
        CHECK_INT(counters(&w).qos0_refused, 2);
        CHECK_INT(counters(&w).refused, 2);
        w.now += 2 * SEC;
        publish_q(&w, client, 6, 1);
        CHECK_STR(fake_requests(w.fake), "pub q=1/0 pub q=2/0 pub q=3/0 pub q=6/0 ");
        publish(&w, client, (Publish){.id = 9, .topic = "t", .qos = 1});
        CHECK_STR(fake_session_take(client->session), "");
        world_free(&w);
}

static void test_the_oldest_give_way(void) {
        Client *client;
        World w;

        begin(&w, UPLINK_EXCESS_DROP_OLDEST);
        client = world_client(&w);
        publish_q(&w, client, 1, 8);
        CHECK_STR(fake_session_take(client->session), "error 4 quota\nerror 5 quota\n");
        CHECK(strstr(fake_session_words(client->session), "given way"));
        CHECK_INT(counters(&w).qos0_dropped, 2);
        CHECK_INT(counters(&w).n_waiting, 3);
        world_wait(&w); /* the journal */
        while (w.fake->n_requests < 6)
                world_wait(&w);
        CHECK_STR(fake_requests(w.fake),
                  "pub q=1/0 pub q=2/0 pub q=3/0 pub q=6/0 pub q=7/0 pub q=8/0 ");
        CHECK_INT(fake_session_holds(client->session), 6);
        world_free(&w);
}

static void test_said_once_a_minute(void) {
        Tally tally = {0};

        CHECK(tally_deadline_usec(&tally) == USEC_INFINITY);
        CHECK_INT(tally_take(&tally, 100 * SEC), 0);
        tally_add(&tally, 2);
        CHECK(tally_deadline_usec(&tally) <= 100 * SEC);
        CHECK_INT(tally_take(&tally, 100 * SEC), 2);
        tally_add(&tally, 3);
        tally_add(&tally, 4);
        CHECK(tally_deadline_usec(&tally) == 160 * SEC);
        CHECK_INT(tally_take(&tally, 159 * SEC), 0);
        CHECK_INT(tally_take(&tally, 160 * SEC), 7);
        CHECK_INT(tally_take(&tally, 300 * SEC), 0);
        CHECK_INT(tally.total, 9);
}

TEST_MAIN(TEST(test_they_wait),
          TEST(test_they_are_refused),
          TEST(test_the_oldest_give_way),
          TEST(test_said_once_a_minute))
