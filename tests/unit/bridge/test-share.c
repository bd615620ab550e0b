/* SPDX-License-Identifier: Apache-2.0 */
/* What is fresh and what waits share the connection; order is kept within each topic. */
#include "disk.h"

#define RATE 10

static const UplinkConfig limited = {.qos1_per_second = RATE, .memory_bytes = (size_t)64 << 20};

static void publish_on(World *w, Client *client, const char *topic, int first, int n) {
        for (int i = first; i < first + n; i++) {
                char payload[16];

                (void)snprintf(payload, sizeof(payload), "%s%d", topic, i);
                publish(w, client,
                        (Publish){.id = i, .topic = topic, .payload = payload, .qos = 1});
        }
}

/* Acknowledges whatever is sent during @usec, by the world's clock; all payloads, in order. */
static const char *sent_within(World *w, Disk *d, uint64_t usec) {
        static char text[16384];
        uint64_t end = w->now + usec;
        size_t used = 0;

        text[0] = '\0';
        for (;;) {
                uint64_t next;

                disk_settle(d, w);
                disk_settle(d, w);
                for (size_t i = 0; i < w->fake->n_requests; i++) {
                        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ",
                                                 w->fake->requests[i].payload);
                        CHECK(used < sizeof(text));
                        fake_published(w->fake, w->fake->requests[i].token, true);
                }
                if (w->fake->n_requests > 0) {
                        fake_forget(w->fake);
                        world_turn(w);
                        continue;
                }
                next = uplink_deadline_usec(w->uplink, w->now);
                if (next > end)
                        break;
                w->now = next > w->now ? next : w->now;
                uplink_pump(w->uplink, w->now);
        }
        w->now = end;
        return text;
}

static const char *numbers(const char *topic, int first, int n) {
        static char text[16384];
        size_t used = 0;

        for (int i = first; i < first + n; i++)
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d ", topic, i);
        return text;
}

/* What is over the rate goes to the disk, and follows what still waits in memory. */
static void test_a_burst_keeps_its_order(void) {
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &limited);
        world_online(&w);
        client = world_client(&w);
        publish_on(&w, client, "t", 1, 60);
        CHECK_INT(w.fake->n_requests, RATE);
        disk_settle(&d, &w);
        CHECK(disk_rows(&d) >= 40);
        CHECK_STR(sent_within(&w, &d, 10 * SEC), numbers("t", 1, 60));
        CHECK_INT(disk_rows(&d), 0);
        CHECK_INT(counters(&w).backlog_bytes, 0);
        world_free(&w);
        disk_done(&d);
}

static void test_fresh_messages_take_turns(void) {
        const char *sent;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &limited);
        client = world_client(&w);
        publish_on(&w, client, "a", 1, 100);
        disk_settle(&d, &w);
        world_online(&w);
        CHECK_INT(counters(&w).drain_usec, 10 * SEC);
        CHECK_STR(sent_within(&w, &d, 2 * SEC), numbers("a", 1, 20));

        /* One of another topic is the next but one; one of the same goes to the end. */
        publish_on(&w, client, "b", 1, 1);
        publish_on(&w, client, "a", 101, 1);
        sent = sent_within(&w, &d, SEC / 2);
        CHECK(strstr(sent, "b1 ") && strstr(sent, "b1 ") - sent <= 4);
        CHECK(strstr(told(client), "ack 1 delivered\n"));

        /* Many take turns. */
        publish_on(&w, client, "b", 2, 3);
        sent = sent_within(&w, &d, 2 * SEC);
        for (int i = 2; i < 4; i++) {
                char one[16];

                (void)snprintf(one, sizeof(one), "b%d a", i);
                CHECK(strstr(sent, one));
        }
        sent = sent_within(&w, &d, 20 * SEC);
        CHECK_STR(sent + strlen(sent) - strlen("a100 a101 "), "a100 a101 ");
        CHECK_INT(disk_rows(&d), 0);

        /* Clear again, nothing of it touches the disk. */
        publish_on(&w, client, "a", 102, 1);
        CHECK_INT(w.fake->n_requests, 1);
        CHECK(counters(&w).drain_usec == USEC_INFINITY);
        world_free(&w);
        disk_done(&d);
}

/* A flood of a topic that is behind does not keep others waiting. */
static void test_a_flood_leaves_room(void) {
        const char *sent;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &limited);
        world_online(&w);
        client = world_client(&w);
        publish_on(&w, client, "a", 1, 500);
        (void)sent_within(&w, &d, 5 * SEC);
        for (int i = 1; i <= 5; i++) {
                publish_on(&w, client, "a", 500 + i * 10, 10);
                publish_on(&w, client, "b", i, 1);
                sent = sent_within(&w, &d, 3 * SEC / 2);
                CHECK(strstr(sent, "b"));
        }
        world_free(&w);
        disk_done(&d);
}

/* What was live when the connection ended does not stand in the way of what is fresh after it. */
static void test_fresh_after_a_loss(void) {
        const UplinkConfig config = {.qos1_per_second = 100, .memory_bytes = (size_t)64 << 20};
        const char *sent;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &config);
        world_online(&w);
        client = world_client(&w);
        publish_on(&w, client, "a", 1, 150);
        world_lose(&w);
        fake_forget(w.fake);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 150);
        CHECK_INT(counters(&w).bytes, 0);
        w.now += 2 * SEC;
        world_online(&w);
        publish_on(&w, client, "b", 1, 1);
        publish_on(&w, client, "a", 151, 1);
        sent = sent_within(&w, &d, SEC / 10);
        CHECK(strstr(sent, "b1"));
        sent = sent_within(&w, &d, 10 * SEC);
        CHECK_STR(sent + strlen(sent) - strlen("a150 a151 "), "a150 a151 ");
        world_free(&w);
        disk_done(&d);
}

/* A later run learns from the store which topics are clear. */
static void test_fresh_after_a_restart(void) {
        const char *sent;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &limited);
        client = world_client(&w);
        publish_on(&w, client, "a", 1, 60);
        publish_on(&w, client, "c", 1, 1);
        disk_settle(&d, &w);
        disk_restart(&d, &w);
        world_online(&w);
        disk_settle(&d, &w);
        publish_on(&w, client, "b", 1, 1);
        publish_on(&w, client, "c", 2, 1);
        publish_on(&w, client, "a", 61, 1);
        sent = sent_within(&w, &d, 2 * SEC);
        CHECK(strstr(sent, "b1 ") && !strstr(sent, "c2") && !strstr(sent, "a61"));
        sent = sent_within(&w, &d, 10 * SEC);
        CHECK_STR(sent + strlen(sent) - strlen("a60 c1 c2 a61 "), "a60 c1 c2 a61 ");
        world_free(&w);
        disk_done(&d);
}

/* The cloud is slow: live messages are on disk too, among those of the old stream, but nobody reads
 * them back from there. */
static void test_copies_are_not_read_back(void) {
        const UplinkConfig config = {.window = 100, .memory_bytes = (size_t)64 << 20};
        char line[16384];
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &config);
        client = world_client(&w);
        publish_on(&w, client, "a", 1, 600);
        disk_settle(&d, &w);
        world_online(&w);
        disk_settle(&d, &w); /* the window is full of "a" */
        publish_on(&w, client, "b", 1, 5);
        publish_on(&w, client, "a", 601, 5);
        w.now += 2 * SEC;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 610);
        (void)disk_drain(&d, &w, line, sizeof(line));
        for (int i = 1; i <= 5; i++) {
                char one[16], *at;

                (void)snprintf(one, sizeof(one), "b%d ", i);
                at = strstr(line, one);
                CHECK(at && !strstr(at + 1, one));
        }
        CHECK(strstr(line, "a604 a605 "));
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

/* With a disk that takes nothing, memory has the burst that would go there. */
static void test_a_burst_without_a_disk(void) {
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        d.limits.max_messages = 2 * 1;
        disk_world(&d, &w, &limited);
        client = world_client(&w);
        publish_on(&w, client, "other", 1, 2);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nerror 2 full\n");
        world_online(&w);
        publish_on(&w, client, "t", 1, 60);
        CHECK_STR(told(client), "");
        CHECK(strstr(sent_within(&w, &d, 10 * SEC), "t59 t60 "));
        CHECK_INT(counters(&w).refused, 1);
        world_free(&w);
        disk_done(&d);
}

/* The first second belongs to what an earlier run may have sent. */
static void test_held_back_at_the_start(void) {
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, &limited);
        uplink_hold_back(w.uplink, w.now);
        world_online(&w);
        client = world_client(&w);
        publish_on(&w, client, "a", 1, 20);
        CHECK_STR(sent_within(&w, &d, 1 * SEC), "");
        CHECK_STR(sent_within(&w, &d, 1 * SEC), numbers("a", 1, RATE));
        world_free(&w);
        disk_done(&d);
}

TEST_MAIN(TEST(test_a_burst_keeps_its_order),
          TEST(test_fresh_messages_take_turns),
          TEST(test_a_flood_leaves_room),
          TEST(test_fresh_after_a_loss),
          TEST(test_fresh_after_a_restart),
          TEST(test_copies_are_not_read_back),
          TEST(test_a_burst_without_a_disk),
          TEST(test_held_back_at_the_start))
