/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of stored messages, and who is told: receipts that are asked for, ttl, and routes
 * whose messages give way when the store is full. The wall clock is the test's.
 */
#include "disk.h"

static int64_t wall_jump_msec; /* how far somebody has set the clock */

/* The linker's names (--wrap). NOLINTBEGIN(readability-identifier-naming) */
uint64_t __real_clock_wall_msec(void);
uint64_t __wrap_clock_wall_msec(void);

uint64_t __wrap_clock_wall_msec(void) {
        return (uint64_t)((int64_t)__real_clock_wall_msec() + wall_jump_msec);
}
/* NOLINTEND(readability-identifier-naming) */

/* @n: the number of the message among those that the store has ever got. */
static void ask(World *w, Disk *d, Client *client, int64_t id, uint64_t n, LocalWait wait) {
        const LocalId local = world_id(id);

        uplink_ask(w->uplink, client, &local, d->base + n, wait);
}

static void test_receipts_over_a_restart(void) {
        Client *client, *other;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish_many(&w, client, 1, 2);
        disk_settle(&d, &w);
        (void)snprintf(line, sizeof(line), "ack 1 stored receipt=%llu\n",
                       (unsigned long long)d.base + 1);
        CHECK(strncmp(fake_session_take(client->session), line, strlen(line)) == 0);
        disk_restart(&d, &w);

        /* Another program, or the same after its restart; and two of them for one message. */
        other = world_client(&w);
        ask(&w, &d, other, 11, 1, LOCAL_WAIT_STORED);
        ask(&w, &d, other, 12, 2, LOCAL_WAIT_DELIVERED);
        ask(&w, &d, client, 13, 2, LOCAL_WAIT_DELIVERED);
        ask(&w, &d, other, 14, 77, LOCAL_WAIT_DELIVERED);
        disk_settle(&d, &w);
        CHECK_STR(told(other), "ack 11 stored\nerror 14 bad-request\n");
        CHECK_INT(fake_session_holds(other->session), 1);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 2 ");
        CHECK_STR(told(other), "ack 12 delivered\n");
        CHECK_STR(told(client), "ack 13 delivered\n");
        ask(&w, &d, other, 15, 2, LOCAL_WAIT_STORED);
        disk_settle(&d, &w);
        CHECK_STR(told(other), "ack 15 delivered\n");
        CHECK_INT(fake_session_holds(other->session), 0);
        world_free(&w);
        disk_done(&d);
}

/* A message that is in memory is asked for while it is sent, before and after it is stored. */
static void test_receipts_of_live_messages(void) {
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        world_online(&w);
        client = world_client(&w);
        publish_many(&w, client, 1, 1);
        ask(&w, &d, client, 11, 1, LOCAL_WAIT_STORED);
        ask(&w, &d, client, 12, 1, LOCAL_WAIT_DELIVERED);
        w.now += 1 * SEC;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nack 11 stored\n");
        ask(&w, &d, client, 13, 1, LOCAL_WAIT_STORED);
        CHECK_STR(told(client), "ack 13 stored\n");
        acknowledge(&w, 1);
        CHECK_STR(told(client), "ack 12 delivered\n");
        world_free(&w);
        disk_done(&d);
}

/* Who goes away is not remembered. */
static void test_a_program_that_asks_and_leaves(void) {
        LocalSession *session;
        Client *client;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish_many(&w, client, 1, 1);
        disk_settle(&d, &w);
        for (int i = 0; i < 300; i++)
                ask(&w, &d, client, i, 1, LOCAL_WAIT_DELIVERED);
        CHECK(fake_session_paused(client->session));
        session = world_leave(&w, client);
        uplink_forget(w.uplink, session);
        CHECK_INT(fake_session_holds(session), 0);
        CHECK_INT(fake_session_refs(session), 1);
        local_session_unref(session);
        disk_settle(&d, &w);
        world_free(&w);
        disk_done(&d);
}

static void test_without_a_store(void) {
        const LocalId id = world_id(1);
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        client = world_client(&w);
        uplink_ask(w.uplink, client, &id, 1, LOCAL_WAIT_STORED);
        CHECK_STR(told(client), "error 1 internal\n");
        world_free(&w);
}

/* Who waits for a message on disk is told when its ttl ends, not when the cloud is there again. */
static void test_ttl_ends_offline(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish(&w, client,
                (Publish){.id = 1,
                          .topic = "t",
                          .payload = "1",
                          .qos = 1,
                          .wait = LOCAL_WAIT_DELIVERED,
                          .ttl_sec = 30});
        publish_many(&w, client, 2, 1);
        disk_settle(&d, &w);
        ask(&w, &d, client, 11, 1, LOCAL_WAIT_DELIVERED);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 2 stored\n");
        CHECK(uplink_deadline_usec(w.uplink, w.now) <= w.now + 30 * SEC);
        w.now += 30 * SEC;
        uplink_pump(w.uplink, w.now);
        CHECK_STR(told(client), "error 1 expired\nerror 11 expired\n");
        CHECK_INT(counters(&w).expired, 1);
        ask(&w, &d, client, 12, 1, LOCAL_WAIT_DELIVERED);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "error 12 expired\n");
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "2 ");
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

static void check_wall_jump(int64_t msec) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        client = world_client(&w);
        publish(&w, client,
                (Publish){.id = 1, .topic = "t", .payload = "1", .qos = 1, .ttl_sec = 600});
        publish(&w, client,
                (Publish){.id = 2, .topic = "t", .payload = "2", .qos = 1, .ttl_sec = 1});
        disk_settle(&d, &w);
        wall_jump_msec = msec;
        disk_restart(&d, &w);
        (void)usleep(1050000);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 ");
        CHECK_INT(counters(&w).expired, 1);
        CHECK_INT(disk_rows(&d), 0);
        wall_jump_msec = 0;
        world_free(&w);
        disk_done(&d);
}

static void test_a_wall_clock_that_jumps(void) {
        const int64_t day = INT64_C(86400000);

        check_wall_jump(400 * day);
        check_wall_jump(-400 * day);
}

static void full_world(Disk *d, World *w, RouteWhenFull when_full) {
        static const RouteVariables variables;
        const RouteSpec specs[] = {{"x/#", "x/#", ROUTE_UP, 1, when_full},
                                   {"#", "#", ROUTE_UP, 1, ROUTE_REFUSE}};
        char *error = NULL;

        disk_init(d);
        d->limits.max_messages = 2 * 5;
        disk_world(d, w, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
                CHECK_INT(route_table_add(w->routes, &specs[i], &variables, &error), 0);
}

static void publish_x(World *w, Client *client, const char *topic, int n, LocalWait wait) {
        char payload[16];

        (void)snprintf(payload, sizeof(payload), "%d", n);
        publish(w, client,
                (Publish){.id = n, .topic = topic, .payload = payload, .qos = 1, .wait = wait});
}

static void test_the_oldest_give_way(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        full_world(&d, &w, ROUTE_DROP_OLDEST);
        client = world_client(&w);
        publish_x(&w, client, "other", 1, LOCAL_WAIT_DEFAULT);
        for (int i = 2; i <= 5; i++)
                publish_x(&w, client, "x/a", i, i == 2 ? LOCAL_WAIT_DELIVERED : LOCAL_WAIT_STORED);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 1 stored\nack 3 stored\nack 4 stored\nack 5 stored\n");
        ask(&w, &d, client, 13, 3, LOCAL_WAIT_DELIVERED);
        publish_x(&w, client, "x/b", 6, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/b", 7, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "other", 8, LOCAL_WAIT_DEFAULT);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "error 2 full\nack 6 stored\nerror 13 full\nack 7 stored\n"
                                "error 8 full\n");
        CHECK_INT(counters(&w).dropped_oldest, 2);
        CHECK_INT(counters(&w).dropped_superseded, 0);
        CHECK_INT(counters(&w).refused, 1);
        ask(&w, &d, client, 14, 3, LOCAL_WAIT_DELIVERED);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "error 14 full\n");
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 4 5 6 7 ");
        world_free(&w);
        disk_done(&d);
}

static void test_the_latest_are_kept(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        full_world(&d, &w, ROUTE_KEEP_LATEST);
        client = world_client(&w);
        publish_x(&w, client, "x/a", 1, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/b", 2, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/b", 3, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/c", 4, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/d", 5, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/e", 6, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/a", 7, LOCAL_WAIT_DEFAULT);
        publish_x(&w, client, "x/f", 8, LOCAL_WAIT_DEFAULT);
        disk_settle(&d, &w);
        CHECK(strstr(told(client), "ack 7 stored\nerror 8 full\n"));
        CHECK_INT(counters(&w).dropped_superseded, 2);
        CHECK_INT(counters(&w).dropped_oldest, 0);
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "3 4 5 6 7 ");
        world_free(&w);
        disk_done(&d);
}

/* A copy has given way, and when the connection ends there is no room for another: everyone who
 * waits is told. */
static void test_no_room_for_another_copy(void) {
        Client *client, *other;
        World w;
        Disk d;

        full_world(&d, &w, ROUTE_KEEP_LATEST);
        world_online(&w);
        client = world_client(&w);
        other = world_client(&w);
        publish_x(&w, client, "x/a", 1, LOCAL_WAIT_DELIVERED);
        publish_x(&w, client, "x/a", 2, LOCAL_WAIT_STORED);
        publish_x(&w, client, "x/b", 3, LOCAL_WAIT_STORED);
        publish_x(&w, client, "x/c", 4, LOCAL_WAIT_STORED);
        publish_x(&w, client, "x/d", 5, LOCAL_WAIT_STORED);
        w.now += 1 * SEC;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        ask(&w, &d, other, 21, 1, LOCAL_WAIT_DELIVERED);
        publish_x(&w, client, "x/e", 6, LOCAL_WAIT_STORED);
        w.now += 1 * SEC;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "ack 2 stored\nack 3 stored\nack 4 stored\nack 5 stored\n"
                                "ack 6 stored\n");
        world_lose(&w);
        disk_settle(&d, &w);
        CHECK_STR(told(client), "error 1 full\n");
        CHECK_STR(told(other), "error 21 full\n");
        CHECK_INT(fake_session_holds(other->session), 0);
        world_free(&w);
        disk_done(&d);
}

/* What was read back when the connection ended may give way, too, but for the very first. */
static void test_what_was_read_back_gives_way(void) {
        Client *client;
        char line[64];
        World w;
        Disk d;

        full_world(&d, &w, ROUTE_DROP_OLDEST);
        client = world_client(&w);
        for (int i = 1; i <= 5; i++)
                publish_x(&w, client, "x/a", i, LOCAL_WAIT_DEFAULT);
        disk_settle(&d, &w);
        world_online(&w);
        disk_settle(&d, &w);
        CHECK_INT(w.fake->n_requests, 5);
        world_lose(&w);
        fake_forget(w.fake);
        for (int i = 6; i <= 8; i++)
                publish_x(&w, client, "x/a", i, LOCAL_WAIT_DEFAULT);
        disk_settle(&d, &w);
        CHECK(strstr(told(client), "ack 6 stored\nack 7 stored\nack 8 stored\n"));
        world_online(&w);
        CHECK_STR(disk_drain(&d, &w, line, sizeof(line)), "1 5 6 7 8 ");
        CHECK_INT(disk_rows(&d), 0);
        world_free(&w);
        disk_done(&d);
}

/* A copy that gives way is no loss while the message is in memory. */
static void test_copies_give_way(void) {
        Client *client;
        World w;
        Disk d;

        full_world(&d, &w, ROUTE_DROP_OLDEST);
        world_online(&w);
        client = world_client(&w);
        for (int i = 1; i <= 8; i++)
                publish_x(&w, client, "x/a", i, LOCAL_WAIT_DEFAULT);
        w.now += 1 * SEC;
        uplink_pump(w.uplink, w.now);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 5);
        CHECK_INT(counters(&w).dropped_oldest, 0);
        acknowledge(&w, 8);
        disk_settle(&d, &w);
        CHECK_INT(disk_rows(&d), 0);
        CHECK_INT(counters(&w).backlog_bytes, 0);
        world_free(&w);
        disk_done(&d);
}

static void ignore(int r, void *userdata) {
        (void)r;
        (void)userdata;
}

/* More waits for the disk than the store takes: the next page waits, too, and does not keep the
 * loop busy. */
static void test_a_disk_that_is_behind(void) {
        static char payload[MESSAGE_PAYLOAD_MAX];
        _cleanup_(message_unrefp) Message *message = NULL;
        StoreRecord record;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        publish_many(&w, world_client(&w), 1, 1);
        disk_settle(&d, &w);
        CHECK_INT(message_new(&message, "t", payload, sizeof(payload), 1), 0);
        record = (StoreRecord){.seq = d.base + 1000, .message = message};
        while (store_put(d.store, &record, ignore, NULL) == 0)
                record.seq++;
        world_online(&w);
        CHECK(uplink_deadline_usec(w.uplink, w.now) > w.now);
        world_free(&w);
        disk_done(&d);
}

/* The same for what is under way and takes too long. */
static void test_a_disk_that_is_behind_while_online(void) {
        static char payload[MESSAGE_PAYLOAD_MAX];
        _cleanup_(message_unrefp) Message *message = NULL;
        StoreRecord record;
        World w;
        Disk d;

        disk_init(&d);
        disk_world(&d, &w, NULL);
        world_online(&w);
        CHECK_INT(message_new(&message, "t", payload, sizeof(payload), 1), 0);
        record = (StoreRecord){.seq = d.base + 1000, .message = message};
        while (store_put(d.store, &record, ignore, NULL) == 0)
                record.seq++;
        publish_many(&w, world_client(&w), 1, 1);
        w.now += 10 * SEC;
        uplink_pump(w.uplink, w.now);
        CHECK(uplink_deadline_usec(w.uplink, w.now) > w.now);
        world_free(&w);
        disk_done(&d);
}

TEST_MAIN(TEST(test_receipts_over_a_restart),
          TEST(test_receipts_of_live_messages),
          TEST(test_a_program_that_asks_and_leaves),
          TEST(test_without_a_store),
          TEST(test_ttl_ends_offline),
          TEST(test_a_wall_clock_that_jumps),
          TEST(test_the_oldest_give_way),
          TEST(test_the_latest_are_kept),
          TEST(test_no_room_for_another_copy),
          TEST(test_what_was_read_back_gives_way),
          TEST(test_copies_give_way),
          TEST(test_a_disk_that_is_behind),
          TEST(test_a_disk_that_is_behind_while_online))
