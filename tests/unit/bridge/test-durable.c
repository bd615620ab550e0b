/* SPDX-License-Identifier: Apache-2.0 */
/* The uplink with a real store. */
#include <fcntl.h>

#include "disk.h"

#define LANE 4096

static void numbered(World *w, Client *client, int n, LocalWait wait) {
        char payload[16];

        (void)snprintf(payload, sizeof(payload), "%d", n);
        publish(w, client,
                (Publish){.id = n, .topic = "t", .payload = payload, .qos = 1, .wait = wait});
}

static void test_offline_is_stored(void) {
        char line[64];
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish_many(&w, client, 1, 2);
        numbered(&w, client, 3, LOCAL_WAIT_STORED);
        numbered(&w, client, 4, LOCAL_WAIT_SENT);
        numbered(&w, client, 5, LOCAL_WAIT_DELIVERED);
        publish(&w, client, (Publish){.id = 9, .topic = "t"});
        CHECK_STR(told(client), "error 9 offline\n");
        CHECK(strstr(fake_session_words(client->session), "QoS 0 is not stored"));
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nack 2 stored\nack 3 stored\nack 4 stored\n");
        CHECK_INT(counters(&w).n_waiting, 5);
        CHECK_INT(counters(&w).bytes, 0);
        CHECK_INT(fake_session_holds(client->session), 1);

        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 2 3 4 5 ");
        CHECK_STR(told(client), "ack 5 delivered\n");
        CHECK_INT(fake_session_holds(client->session), 0);
        CHECK_INT(disk_rows(&d), 0);
        CHECK_INT(counters(&w).n_waiting, 0);

        /* The disk has nothing more to do with what comes now. */
        publish_many(&w, client, 6, 1);
        CHECK_INT(counters(&w).n_in_flight, 1);
        acknowledge(&w, 1);
        CHECK_STR(told(client), "ack 6 delivered\n");
        world_free(&w);
        disk_done(&d);
}

static void test_a_quick_cloud_leaves_the_disk_alone(void) {
        StoreCounters before, after;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        world_online(&w);
        client = world_client(&w);
        store_counters(d.store, &before);
        for (int i = 1; i <= 200; i++) {
                w.now += SEC / 2;
                publish_many(&w, client, i, 1);
                acknowledge(&w, 1);
                fake_forget(w.fake);
        }
        disk_settle(&d, &w);
        store_counters(d.store, &after);
        CHECK_INT(after.commits, before.commits);
        world_free(&w);
        disk_done(&d);
}

/* What the lane can't take follows it, also when the lane has room again meanwhile. */
static void test_a_full_lane_goes_on_on_disk_in_order(void) {
        const UplinkConfig config = {.memory_bytes = (size_t)64 << 20};
        static char line[65536], expected[65536];
        size_t used = 0;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &config);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, LANE);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 0);
        publish_many(&w, client, LANE + 1, 10);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), LANE + 10); /* all, or a crash would put the later ones first */
        CHECK_INT(counters(&w).n_waiting + counters(&w).n_in_flight, LANE + 10);
        for (size_t i = 0; i < 100; i++)
                fake_published(w.fake, w.fake->requests[i].token, true);
        w.fake->n_requests -= 100;
        memmove(w.fake->requests, w.fake->requests + 100,
                w.fake->n_requests * sizeof(w.fake->requests[0]));
        world_turn(&w);
        publish_many(&w, client, LANE + 11, 10);
        for (int i = 101; i <= LANE + 20; i++)
                used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%d ", i);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), expected);
        CHECK_INT(disk_rows(&d), 0);
        CHECK_INT(fake_session_holds(client->session), 0);
        world_free(&w);
        disk_done(&d);
}

static void test_a_slow_puback_is_not_waited_for(void) {
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 1);
        numbered(&w, client, 2, LOCAL_WAIT_DELIVERED);
        CHECK(uplink_deadline_usec(w.uplink, w.now) == w.now + 1 * SEC);
        w.now += 1 * SEC - 1;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 0);
        w.now++;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 2);
        CHECK_STR(told(client), "ack 1 stored\n");
        CHECK(uplink_deadline_usec(w.uplink, w.now) > w.now);
        acknowledge(&w, 2);
        CHECK_STR(told(client), "ack 2 delivered\n");
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 0);
        CHECK_INT(w.fake->n_requests, 2); /* each was sent once */
        world_free(&w);
        disk_done(&d);
}

static void test_a_puback_comes_while_it_is_being_written(void) {
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 1);
        w.now += 1 * SEC;
        uplink_pump(w.uplink, w.now);
        acknowledge(&w, 1);
        CHECK_STR(told(client), "ack 1 delivered\n");
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 0);
        CHECK_STR(told(client), "");
        CHECK_INT(counters(&w).n_waiting, 0);
        world_free(&w);
        disk_done(&d);
}

static void test_order_over_an_outage(void) {
        const UplinkConfig config = {.window = 2};
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &config);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 4); /* two under way, two waiting */
        numbered(&w, client, 5, LOCAL_WAIT_DELIVERED);
        world_lose(&w);
        publish_many(&w, client, 6, 2);
        numbered(&w, client, 8, LOCAL_WAIT_DELIVERED);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nack 2 stored\nack 3 stored\n"
                                "ack 4 stored\nack 6 stored\nack 7 stored\n");
        fake_forget(w.fake);
        world_online(&w);
        publish_many(&w, client, 9, 1); /* must not get ahead of what is on disk */
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 2 3 4 5 6 7 8 9 ");
        CHECK_STR(told(client), "ack 9 stored\nack 5 delivered\nack 8 delivered\n");
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

static void test_restart_delivers_in_order(void) {
        const UplinkConfig config = {.window = 2};
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &config);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 4);
        acknowledge(&w, 1);
        world_lose(&w);
        publish_many(&w, client, 5, 2);
        numbered(&w, client, 7, LOCAL_WAIT_DELIVERED);
        disk_restart(&d, &w);
        CHECK_STR(told(client),
                  "ack 1 delivered\nack 2 stored\nack 3 stored\nack 4 stored\nack 5 stored\n"
                  "ack 6 stored\nerror 7 offline\n");
        CHECK_STR(fake_session_words(client->session),
                  "the daemon is stopping; the message is stored and will be delivered");
        CHECK_INT(fake_session_holds(client->session), 0);
        CHECK_INT(counters(&w).n_waiting, 6);
        publish_many(&w, client, 8, 1);
        fake_forget(w.fake);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "2 3 4 5 6 7 8 ");
        CHECK_INT(disk_rows(&d), 0);
        CHECK_STR(told(client), "ack 8 stored\n");
        world_free(&w);
        disk_done(&d);
}

/* The end comes while messages are under way: those are stored too. */
static void test_restart_while_online(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 2);
        numbered(&w, client, 3, LOCAL_WAIT_DELIVERED);
        w.uplink = uplink_free(w.uplink);
        CHECK_STR(told(client), "ack 1 stored\nack 2 stored\nerror 3 offline\n");
        d.store = store_close(d.store);
        CHECK_INT(uplink_new(&w.uplink, w.link, &w.uplink_config), 0);
        disk_open(&d, &w);
        world_lose(&w);
        fake_forget(w.fake);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 2 3 ");
        world_free(&w);
        disk_done(&d);
}

static void test_ttl_on_disk(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish(&w, client,
                (Publish){.id = 1, .topic = "t", .payload = "1", .qos = 1, .ttl_sec = 1});
        publish(&w, client,
                (Publish){.id = 2, .topic = "t", .payload = "2", .qos = 1, .ttl_sec = 60});
        publish(&w, client,
                (Publish){.id = 3,
                          .topic = "t",
                          .payload = "3",
                          .qos = 1,
                          .wait = LOCAL_WAIT_DELIVERED,
                          .ttl_sec = 1});
        numbered(&w, client, 4, LOCAL_WAIT_DELIVERED);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nack 2 stored\n");
        (void)usleep(1050000);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "2 4 ");
        CHECK_STR(told(client), "error 3 expired\nack 4 delivered\n");
        CHECK_INT(counters(&w).expired, 2);
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

static void test_quota(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        d.limits.max_messages = 2 * 3;
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish_many(&w, client, 1, 5);
        disk_settle(&d, &w);
        CHECK_STR(told(client),
                  "ack 1 stored\nack 2 stored\nack 3 stored\nerror 4 full\nerror 5 full\n");
        CHECK_INT(counters(&w).refused, 2);
        CHECK_INT(fake_session_holds(client->session), 0);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 2 3 ");
        world_lose(&w);
        publish_many(&w, client, 6, 1);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 6 stored\n");
        world_free(&w);
        disk_done(&d);
}

/* Messages under way when the connection ends and the store is full: what does not fit is refused,
 * the rest is kept. */
static void test_quota_at_the_loss(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        d.limits.max_messages = 2 * 2;
        disk_world(&d, &w, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 4);
        world_lose(&w);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nack 2 stored\nerror 3 full\nerror 4 full\n");
        fake_forget(w.fake);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 2 ");
        CHECK_INT(counters(&w).bytes, 0);
        world_free(&w);
        disk_done(&d);
}

/* A disk that fills up while the cloud is slow refuses nothing: the PUBACK may still come. */
static void test_quota_while_online(void) {
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        d.limits.max_messages = 2 * 1;
        disk_world(&d, &w, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 2);
        w.now += 1 * SEC;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\n");
        CHECK(uplink_deadline_usec(w.uplink, w.now) > w.now);
        acknowledge(&w, 2);
        CHECK_STR(told(client), "ack 2 delivered\n");
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

/* The store comes late and has messages of an earlier run, with the numbers that a run without a
 * store would use too. */
static void test_a_store_that_comes_late(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish_many(&w, client, 1, 3);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nack 2 stored\nack 3 stored\n");
        w.uplink = uplink_free(w.uplink);
        d.store = store_close(d.store);

        CHECK_INT(uplink_new(&w.uplink, w.link, &w.uplink_config), 0);
        publish_many(&w, client, 10, 1);
        CHECK_STR(told(client), "error 10 offline\n");
        world_online(&w);
        publish_many(&w, client, 11, 3);
        disk_open(&d, &w);
        w.now += 2 * SEC;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        disk_settle(&d, &w);
        publish_many(&w, client, 14, 1);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "11 12 13 1 2 3 14 ");
        CHECK_STR(told(client), "ack 14 stored\nack 11 delivered\nack 12 delivered\n"
                                "ack 13 delivered\n");
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

static void spoil(Disk *d, off_t where) {
        static const char rubbish[4096] = {1, 2, 3};
        char path[160];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/spool.db", d->directory);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK(lseek(fd, 0, SEEK_END) > where);
        CHECK(pwrite(fd, rubbish, sizeof(rubbish), where) == sizeof(rubbish));
        (void)close(fd);
}

/* Damage is found while the backlog is read. What memory has by then goes to the new file; who
 * waits for what is lost is told. */
static void test_a_store_that_is_replaced(void) {
        const UplinkConfig config = {.window = 1};
        static char line[131072];
        uint64_t kept;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &config);
        client = world_client(&w);
        for (int i = 1; i <= 2000; i++)
                publish(&w, client,
                        (Publish){.id = i,
                                  .topic = "a/topic/of/some/length",
                                  .qos = 1,
                                  .payload = "forty bytes of payload, more or less so"});
        w.uplink = uplink_free(w.uplink);
        d.store = store_close(d.store);
        (void)told(client);
        spoil(&d, 4096L * 30);
        CHECK_INT(uplink_new(&w.uplink, w.link, &w.uplink_config), 0);
        disk_open(&d, &w);
        CHECK_INT(counters(&w).n_waiting, 2000);
        numbered(&w, client, 2001, LOCAL_WAIT_DELIVERED);
        disk_settle(&d, &w);

        world_online(&w);
        while (fake_session_words(client->session)[0] == '\0') {
                disk_settle(&d, &w);
                CHECK_INT(w.fake->n_requests, 1);
                fake_published(w.fake, w.fake->requests[0].token, true);
                fake_forget(w.fake);
                world_turn(&w);
        }
        CHECK_STR(told(client), "error 2001 internal\n");
        disk_settle(&d, &w);
        disk_settle(&d, &w);
        kept = counters(&w).n_waiting + counters(&w).n_in_flight;
        CHECK(kept > 0 && kept < 2000);
        CHECK_INT(disk_rows(&d), kept);
        numbered(&w, client, 2002, LOCAL_WAIT_DELIVERED);
        /* A disk that could not be read is left alone for 10 s; the new file is not. */
        (void)disk_drain(&d, &w, line, sizeof(line));
        CHECK_STR(told(client), "ack 2002 delivered\n");
        CHECK_INT(fake_session_holds(client->session), 0);
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

/* The disk takes longer than the daemon's end: the program is told when it has finished. */
static void test_an_end_without_patience(void) {
        LocalSession *session;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        session = local_session_ref(world_client(&w)->session);
        publish_many(&w, w.clients.first, 1, 3);
        world_free(&w);
        disk_done(&d);
        CHECK_STR(session_told(session), "ack 1 stored\nack 2 stored\nack 3 stored\n");
        CHECK_INT(fake_session_holds(session), 0);
        CHECK_INT(fake_session_refs(session), 1);
        local_session_unref(session);
}

TEST_MAIN(TEST(test_offline_is_stored),
          TEST(test_a_quick_cloud_leaves_the_disk_alone),
          TEST(test_a_full_lane_goes_on_on_disk_in_order),
          TEST(test_a_slow_puback_is_not_waited_for),
          TEST(test_a_puback_comes_while_it_is_being_written),
          TEST(test_order_over_an_outage),
          TEST(test_restart_delivers_in_order),
          TEST(test_restart_while_online),
          TEST(test_ttl_on_disk),
          TEST(test_quota),
          TEST(test_quota_at_the_loss),
          TEST(test_quota_while_online),
          TEST(test_a_store_that_comes_late),
          TEST(test_a_store_that_is_replaced),
          TEST(test_an_end_without_patience))
