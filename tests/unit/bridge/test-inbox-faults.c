/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inboxes that are full, disks that fail, stores that change, programs that stay away.
 */
#include <errno.h>
#include <sqlite3.h>

#include "../store/faulty-vfs.h"
#include "inbox.h"

static void test_a_full_inbox_drops_the_oldest(void) {
        const StoreLimits limits = {.max_messages = 20, .inbox_full = STORE_INBOX_DROP_OLDEST};
        InboxWorld i;
        Client *client;

        inbox_world(&i, &limits, 0);
        inbox_open(&i);
        world_online(&i.w);
        inbox_leave(&i, inbox_subscriber(&i, "meter", "a"));
        for (int k = 0; k < 15; k++) {
                char payload[16];

                (void)snprintf(payload, sizeof(payload), "%d", k);
                inbox_message(&i, "a", payload);
                inbox_settle(&i);
        }
        CHECK(inbox_counters(&i).n_messages <= 10);
        CHECK_INT(inbox_counters(&i).dropped, 15 - inbox_counters(&i).n_messages);
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a", 1);
        inbox_settle(&i);
        CHECK(strstr(took(client), " 14\n"));
        CHECK_INT(client->last_mid, inbox_counters(&i).n_messages);
        inbox_end(&i);
}

static uint64_t held_back(const InboxWorld *i) {
        DownlinkCounters c;

        downlink_counters(i->w.downlink, &c);
        return c.held_back;
}

/* Refused by a full inbox: not acknowledged, none after it either; asked for again when there is
 * room. */
static void test_a_full_inbox_refuses(void) {
        const StoreLimits limits = {.max_messages = 20, .inbox_full = STORE_INBOX_REFUSE};
        InboxWorld i;
        Client *client;

        inbox_world(&i, &limits, 0);
        inbox_open(&i);
        world_online(&i.w);
        client = inbox_subscriber(&i, "meter", "a");
        for (int k = 0; k < 10; k++)
                inbox_message(&i, "a", "x");
        CHECK_INT(held_back(&i), 0);
        inbox_message(&i, "a", "eleventh");
        CHECK_INT(held_back(&i), 1);
        inbox_done(&i, client, 1);
        CHECK_INT(inbox_counters(&i).n_messages, 9);
        inbox_message(&i, "a", "twelfth"); /* there is room, but it must not overtake */
        CHECK_INT(held_back(&i), 2);
        CHECK_INT(inbox_counters(&i).n_messages, 9);
        CHECK(link_is_online(i.w.link));
        (void)took(client);

        /* What else there is goes on. */
        fake_message(i.w.fake, "a", "zero", 0);
        world_turn(&i.w);
        CHECK_STR(took(client), "msg a qos=0 mid=0 zero\n");

        i.w.now += 6 * SEC;
        inbox_settle(&i);
        CHECK_INT(i.w.fake->n_closes, 1); /* anew: there is room */
        world_online(&i.w);
        inbox_message(&i, "a", "eleventh");
        CHECK_STR(took(client), "msg a qos=1 mid=11 eleventh\n");
        inbox_message(&i, "a", "twelfth"); /* full again */
        CHECK_INT(held_back(&i), 3);
        i.w.now += 60 * SEC;
        inbox_settle(&i);
        CHECK_INT(i.w.fake->n_closes, 1); /* and stays so */
        for (uint64_t mid = 2; mid <= 11; mid++)
                inbox_done(&i, client, mid);
        inbox_settle(&i);
        i.w.now += 60 * SEC;
        inbox_settle(&i);
        CHECK_INT(i.w.fake->n_closes, 2);
        world_online(&i.w);
        inbox_message(&i, "a", "twelfth");
        CHECK_STR(took(client), "msg a qos=1 mid=12 twelfth\n");
        inbox_end(&i);
}

/* Whether there are durable subscriptions nobody knows until the store is open. */
static void test_before_the_store_is_known(void) {
        InboxWorld i;
        Client *client, *live;

        inbox_begin(&i);
        (void)inbox_subscriber(&i, "meter", "a");
        inbox_settle(&i);
        world_free(&i.w);
        i.disk.store = store_close(i.disk.store);
        world_new(&i.w, NULL, &i.config);
        i.w.now = clock_now_usec();
        world_online(&i.w);
        live = world_client(&i.w);
        inbox_live(&i, live, "b", 1);
        inbox_message(&i, "b", "x"); /* somebody gets it */
        inbox_message(&i, "a", "1");
        CHECK_INT(held_back(&i), 1);
        inbox_open(&i);
        i.w.now += 10 * SEC;
        inbox_settle(&i);
        i.w.now += 10 * SEC;
        inbox_settle(&i);
        CHECK_INT(i.w.fake->n_closes, 1);
        world_online(&i.w);
        inbox_message(&i, "a", "1");
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a", 1);
        inbox_grant(&i);
        CHECK(strstr(took(client), "msg a qos=1 mid=1 1\n"));
        inbox_end(&i);
}

/* While the store is being read its filters are there already, and nothing can be kept yet. */
static void test_while_the_store_is_read(void) {
        for (int empty = 0; empty < 2; empty++) {
                _cleanup_(message_unrefp) Message *message = NULL;
                _cleanup_(guard_freep) Guard *guard = NULL;
                TransportKeeper keeper;
                uint64_t kept = 0;

                CHECK_INT(guard_new(&guard), 0);
                CHECK_INT(message_new(&message, "a", "x", 1, 1), 0);
                keeper = guard_keeper(guard);
                if (empty) /* it was mounted late */
                        guard_set_empty(guard);
                CHECK_INT(guard_add(guard, "a", true), 0);
                CHECK_INT(keeper.keep(keeper.userdata, 1, message, &kept), -EUNATCH);
        }
}

/* Where there has never been a store, nobody can have durable subscriptions. */
static void test_without_a_store_from_the_first(void) {
        InboxWorld i;

        inbox_world(&i, NULL, 0);
        guard_set_empty(i.w.guard);
        world_online(&i.w);
        inbox_message(&i, "a", "1");
        CHECK_INT(held_back(&i), 0);
        inbox_end(&i);
}

/* The disk is full, and has room again. */
static void test_a_disk_that_is_full(void) {
        InboxWorld i;
        Client *client, *other;

        faulty_register();
        inbox_world(&i, NULL, 0);
        i.disk.vfs = FAULTY_VFS;
        inbox_open(&i);
        world_online(&i.w);
        client = inbox_subscriber(&i, "meter", "a");
        inbox_message(&i, "a", "1");
        CHECK_STR(took(client), "msg a qos=1 mid=1 1\n");
        faulty_fail_writes(SQLITE_FULL);
        inbox_message(&i, "a", "2");
        CHECK_INT(held_back(&i), 1);
        inbox_done(&i, client, 1);
        other = inbox_program(&i, "other", 1000);
        inbox_request(&i, other, "b", 1);
        inbox_settle(&i);
        CHECK_STR(took(other), "error 2 full b\n");
        inbox_unsubscribe(&i, client, "a");
        inbox_settle(&i);
        CHECK_STR(took(client), "error 3 full a\n"); /* goes on */
        for (int k = 0; k < 5; k++) {
                i.w.now += 10 * SEC;
                inbox_settle(&i);
                (void)usleep(60000); /* the store leaves a disk that failed alone for a moment */
        }
        CHECK_INT(i.w.fake->n_closes, 0);
        CHECK(link_is_online(i.w.link));

        faulty_fail_writes(0);
        for (int k = 0; k < 20 && i.w.fake->n_closes == 0; k++) {
                i.w.now += 10 * SEC;
                inbox_settle(&i);
                (void)usleep(60000);
        }
        CHECK_INT(i.w.fake->n_closes, 1);
        world_online(&i.w);
        inbox_message(&i, "a", "2");
        CHECK_STR(took(client), "msg a qos=1 mid=2 2\n");
        inbox_done(&i, client, 2);
        CHECK_INT(inbox_counters(&i).n_messages, 0); /* the first one, too */
        inbox_end(&i);
}

/* The file is damaged in mid-run: subscriptions hold all the same. */
static void test_another_file(void) {
        char path[160];
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_subscriber(&i, "meter", "a");
        inbox_message(&i, "a", "1");
        inbox_settle(&i);
        (void)took(client);
        for (size_t k = 0; k < 2; k++) {
                static const char *const names[] = {"spool.db", "spool.db-wal"};

                CHECK(snprintf(path, sizeof(path), "%s/%s", i.disk.directory, names[k]) > 0);
                CHECK(unlink(path) == 0);
        }
        inbox_message(&i, "a", "2"); /* the store sees it, and begins anew */
        inbox_settle(&i);
        inbox_message(&i, "a", "3");
        inbox_settle(&i);
        CHECK(strstr(took(client), " 3\n"));
        inbox_done(&i, client, 1);
        inbox_restart(&i);
        CHECK_STR(fake_requests(i.w.fake), "sub a/1 ");
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a", 1);
        inbox_grant(&i);
        CHECK(strstr(took(client), " redelivered 3\n"));
        inbox_end(&i);
}

static void test_forgetting_the_absent(void) {
        InboxWorld i;
        Client *client;

        inbox_world(&i, NULL, 0);
        i.w.now = clock_now_usec();
        inbox_open(&i);
        world_online(&i.w);
        inbox_leave(&i, inbox_subscriber(&i, "away", "a"));
        inbox_message(&i, "a", "x");
        client = inbox_subscriber(&i, "here", "b");
        inbox_settle(&i);
        (void)usleep(300000);
        inbox_forget(&i, 200);
        CHECK_INT(inbox_counters(&i).n_clients, 1);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        CHECK(strstr(fake_requests(i.w.fake), "unsub a "));
        inbox_message(&i, "b", "y");
        CHECK_STR(took(client), "msg b qos=1 mid=1 y\n");
        inbox_restart(&i);
        CHECK_STR(fake_requests(i.w.fake), "sub b/1 ");
        inbox_end(&i);
}

/* A world with one client that has been away for long, and its subscriptions. */
static void begin_absent(InboxWorld *i) {
        Client *client;

        inbox_world(i, NULL, 0);
        i->w.now = clock_now_usec();
        inbox_open(i);
        world_online(&i->w);
        client = inbox_subscriber(i, "away", "a");
        inbox_request(i, client, "b", 1);
        inbox_grant(i);
        inbox_leave(i, client);
        inbox_settle(i);
        (void)usleep(300000);
}

/* It comes back while the store is looking who is absent. */
static void test_back_in_the_last_moment(void) {
        InboxWorld i;
        Client *client;

        for (int leaves = 0; leaves < 2; leaves++) {
                begin_absent(&i);
                downlink_forget_absent(i.w.downlink, 200);
                client = inbox_program(&i, "away", 1000);
                inbox_request(&i, client, "a", 1);
                if (leaves)
                        inbox_leave(&i, client);
                inbox_settle(&i);
                CHECK_INT(inbox_counters(&i).n_clients, 1);
                inbox_restart(&i);
                CHECK_INT(inbox_counters(&i).n_clients, 1);
                CHECK(strstr(fake_requests(i.w.fake), "sub a/1 "));
                inbox_end(&i);
        }
}

/* Root ends one of its subscriptions meanwhile. */
static void test_unsubscribed_in_the_last_moment(void) {
        InboxWorld i;
        Client *root;

        begin_absent(&i);
        downlink_forget_absent(i.w.downlink, 200);
        root = inbox_program(&i, "away", 0);
        inbox_unsubscribe(&i, root, "a");
        inbox_settle(&i);
        CHECK_STR(took(root), "ack 3 unsubscribed\n");
        inbox_restart(&i);
        CHECK(!strstr(fake_requests(i.w.fake), "sub a/1 "));
        inbox_end(&i);
}

/* The first of two ends fails, and is answered after the second was asked for: that one counts. */
static void test_ended_twice(void) {
        struct pollfd pfd = {.events = POLLIN};
        InboxWorld i;
        Client *client;

        faulty_register();
        inbox_world(&i, NULL, 0);
        i.disk.vfs = FAULTY_VFS;
        inbox_open(&i);
        world_online(&i.w);
        client = inbox_subscriber(&i, "meter", "a");
        faulty_fail_writes(SQLITE_FULL);
        inbox_unsubscribe(&i, client, "a");
        pfd.fd = store_fd(i.disk.store);
        CHECK(poll(&pfd, 1, 10000) == 1);
        faulty_fail_writes(0);
        (void)usleep(60000); /* then the disk is tried again */
        inbox_request(&i, client, "a", 1);
        inbox_unsubscribe(&i, client, "a");
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 3 subscribed qos=1 pending\nerror 2 full a\n"
                                "ack 4 unsubscribed\n");
        CHECK_INT(inbox_counters(&i).n_clients, 0);
        CHECK(strstr(fake_requests(i.w.fake), "unsub a "));
        inbox_end(&i);
}

TEST_MAIN(TEST(test_a_full_inbox_drops_the_oldest),
          TEST(test_a_full_inbox_refuses),
          TEST(test_before_the_store_is_known),
          TEST(test_while_the_store_is_read),
          TEST(test_without_a_store_from_the_first),
          TEST(test_a_disk_that_is_full),
          TEST(test_another_file),
          TEST(test_ended_twice),
          TEST(test_forgetting_the_absent),
          TEST(test_back_in_the_last_moment),
          TEST(test_unsubscribed_in_the_last_moment))
