/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of messages to durable subscribers, with the real store.
 */
#include <sqlite3.h>

#include "../store/faulty-vfs.h"
#include "inbox.h"

static void test_ack_when_on_disk_and_settled(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a/#", 1);
        CHECK_STR(took(client), "");
        inbox_settle(&i);
        CHECK_STR(took(client), ""); /* on the disk, and the cloud has not answered */
        fake_subscribed(i.w.fake, fake_token(i.w.fake, "a/#"), 1);
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 1 subscribed qos=1\n");
        /* The other way round: the cloud is quick. */
        inbox_request(&i, client, "b", 1);
        fake_subscribed(i.w.fake, fake_token(i.w.fake, "b"), 1);
        world_turn(&i.w);
        CHECK_STR(took(client), "");
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 2 subscribed qos=1\n");
        CHECK_INT(inbox_counters(&i).n_clients, 1);
        inbox_end(&i);
}

static void test_who_may_not(void) {
        InboxWorld i;
        Client *one, *two, *root;

        inbox_world(&i, NULL, 0);
        world_online(&i.w);
        one = inbox_program(&i, "meter", 1000);
        inbox_request(&i, one, "a", 1); /* no store */
        CHECK_STR(took(one), "error 1 internal a\n");
        inbox_open(&i);
        inbox_request(&i, one, "a", 0);
        CHECK_STR(took(one), "error 2 bad-request a\n");
        two = inbox_program(&i, NULL, 1000);
        inbox_request(&i, two, "a", 1);
        CHECK_STR(took(two), "error 3 bad-request a\n");
        inbox_request(&i, one, "a", 1);
        inbox_grant(&i);
        CHECK_STR(took(one), "ack 4 subscribed qos=1\n");

        /* Another user's, but for root. */
        two = inbox_program(&i, "meter", 1001);
        inbox_request(&i, two, "b", 1);
        inbox_unsubscribe(&i, two, "a");
        CHECK_STR(took(two), "error 5 denied b\nerror 6 denied a\n");
        root = inbox_program(&i, "meter", 0);
        inbox_unsubscribe(&i, root, "a");
        inbox_settle(&i);
        CHECK_STR(took(root), "ack 7 unsubscribed\n");
        /* With the last subscription the name is free. */
        inbox_request(&i, two, "b", 1);
        inbox_grant(&i);
        CHECK_STR(took(two), "ack 8 subscribed qos=1\n");
        inbox_end(&i);
}

static void test_messages_until_done(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_subscriber(&i, "meter", "a/#");
        inbox_message(&i, "a/1", "one");
        inbox_message(&i, "a/2", "two");
        inbox_message(&i, "b", "not ours");
        CHECK_STR(took(client), "msg a/1 qos=1 mid=1 one\nmsg a/2 qos=1 mid=2 two\n");
        CHECK_INT(inbox_counters(&i).n_messages, 2);
        inbox_done(&i, client, 1);
        inbox_done(&i, client, 1);
        inbox_done(&i, client, 77);
        CHECK_INT(inbox_counters(&i).n_messages, 1);
        inbox_leave(&i, client);

        inbox_message(&i, "a/3", "three"); /* nobody is there */
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a/#", 1);
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 2 subscribed qos=1\nmsg a/2 qos=1 mid=1 redelivered two\n"
                                "msg a/3 qos=1 mid=2 three\n");
        inbox_message(&i, "a/4", "four");
        CHECK_STR(took(client), "msg a/4 qos=1 mid=3 four\n");
        inbox_done(&i, client, 3);
        inbox_done(&i, client, 2);
        inbox_done(&i, client, 1);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        inbox_end(&i);
}

static void test_survives_the_daemon(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_subscriber(&i, "meter", "a/#");
        inbox_message(&i, "a", "1");
        inbox_message(&i, "a", "2");
        inbox_done(&i, client, 1);
        inbox_settle(&i);
        inbox_restart(&i);
        CHECK_STR(fake_requests(i.w.fake), "sub a/#/1 "); /* nobody has asked for it */
        inbox_message(&i, "a", "3");
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a/#", 1);
        inbox_settle(&i);
        CHECK_STR(took(client), "msg a qos=1 mid=1 redelivered 2\nmsg a qos=1 mid=2 3\n");
        inbox_end(&i);
}

/* Kept by a run that ended before it could say for whom. */
static void test_messages_of_nobody_yet(void) {
        InboxWorld i;
        Client *one, *two;

        inbox_begin(&i);
        one = inbox_subscriber(&i, "one", "a/#");
        two = inbox_subscriber(&i, "two", "a/b");
        for (int k = 0; k < 250; k++) {
                char payload[16];

                (void)snprintf(payload, sizeof(payload), "%d", k);
                fake_message(i.w.fake, k % 2 ? "a/b" : "a/c", payload, 1);
        }
        inbox_restart(&i); /* the loop has seen none of them */
        fake_message(i.w.fake, "a/b", "250", 1);
        inbox_settle(&i);
        one = inbox_program(&i, "one", 1000);
        inbox_request(&i, one, "a/#", 1);
        two = inbox_program(&i, "two", 1000);
        inbox_request(&i, two, "a/b", 1);
        inbox_grant(&i);
        (void)took(one);
        (void)took(two);
        for (uint64_t mid = 1; mid <= 251; mid++) {
                inbox_done(&i, one, mid);
                inbox_done(&i, two, mid);
                if (mid % 20 == 0)
                        inbox_settle(&i);
        }
        inbox_settle(&i);
        CHECK_INT(one->last_mid, 251);
        CHECK_INT(two->last_mid, 126);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        inbox_end(&i);
}

static void test_two_clients_one_message(void) {
        InboxWorld i;
        Client *one, *two, *live;

        inbox_begin(&i);
        one = inbox_subscriber(&i, "one", "a/#");
        two = inbox_subscriber(&i, "two", "a/b");
        live = world_client(&i.w);
        inbox_live(&i, live, "a/b", 1);
        inbox_live(&i, one, "a/b", 1); /* comes once all the same */
        inbox_grant(&i);
        (void)took(live);
        (void)took(one);
        inbox_message(&i, "a/b", "x");
        CHECK_STR(took(one), "msg a/b qos=1 mid=1 x\n");
        CHECK_STR(took(two), "msg a/b qos=1 mid=1 x\n");
        CHECK_STR(took(live), "msg a/b qos=1 mid=1 x\n");
        inbox_done(&i, one, 1);
        CHECK_INT(inbox_counters(&i).n_messages, 1);
        inbox_done(&i, two, 1);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        /* QoS 0 comes live, and is not kept. */
        fake_message(i.w.fake, "a/b", "zero", 0);
        world_turn(&i.w);
        CHECK_STR(took(two), "msg a/b qos=0 mid=0 zero\n");
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        inbox_end(&i);
}

static void test_the_newest_connection_gets_them(void) {
        InboxWorld i;
        Client *old, *new;

        inbox_begin(&i);
        old = inbox_subscriber(&i, "meter", "a");
        inbox_message(&i, "a", "1");
        (void)took(old);
        CHECK_INT(fake_session_holds(old->session), 1);
        new = inbox_program(&i, "meter", 1000);
        inbox_request(&i, new, "a", 1);
        inbox_settle(&i);
        CHECK_STR(took(old), "error - denied a\n");
        CHECK_INT(fake_session_holds(old->session), 0);
        CHECK_STR(took(new), "ack 2 subscribed qos=1\nmsg a qos=1 mid=1 redelivered 1\n");
        inbox_done(&i, old, 1); /* has nothing to say any more */
        CHECK_INT(inbox_counters(&i).n_messages, 1);
        inbox_message(&i, "a", "2");
        CHECK_STR(took(old), "");
        CHECK_STR(took(new), "msg a qos=1 mid=2 2\n");
        inbox_leave(&i, old);
        inbox_message(&i, "a", "3");
        CHECK_STR(took(new), "msg a qos=1 mid=3 3\n");
        inbox_end(&i);
}

static void test_unsubscribing_ends_it_for_good(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_subscriber(&i, "meter", "a");
        inbox_request(&i, client, "b", 1);
        inbox_grant(&i);
        (void)took(client);
        inbox_message(&i, "a", "1");
        inbox_message(&i, "b", "2");
        inbox_leave(&i, client);

        /* Without having subscribed again; the other one's messages stay. */
        client = inbox_program(&i, "meter", 1000);
        inbox_unsubscribe(&i, client, "a");
        CHECK_STR(took(client), "");
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 3 unsubscribed\n");
        CHECK_STR(fake_requests(i.w.fake), "unsub a ");
        inbox_unsubscribe(&i, client, "a");
        CHECK_STR(took(client), "error 4 bad-request a\n");
        inbox_message(&i, "a", "late");
        inbox_request(&i, client, "b", 1);
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 5 subscribed qos=1\nmsg b qos=1 mid=1 redelivered 2\n");
        CHECK_INT(inbox_counters(&i).n_messages, 1);

        /* With the last one everything goes. */
        inbox_message(&i, "b", "3");
        inbox_unsubscribe(&i, client, "b");
        inbox_settle(&i);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        CHECK_INT(inbox_counters(&i).n_clients, 0);
        inbox_restart(&i);
        CHECK_STR(fake_requests(i.w.fake), "");
        inbox_end(&i);
}

static void test_what_was_asked_last_counts(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a", 1);
        inbox_unsubscribe(&i, client, "a");
        inbox_request(&i, client, "a", 1);
        inbox_grant(&i);
        CHECK_STR(took(client), "ack 1 subscribed qos=1 pending\nack 2 unsubscribed\n"
                                "ack 3 subscribed qos=1\n");
        inbox_unsubscribe(&i, client, "a");
        inbox_request(&i, client, "a", 1);
        inbox_unsubscribe(&i, client, "a");
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 5 subscribed qos=1 pending\nack 4 unsubscribed\n"
                                "ack 6 unsubscribed\n");
        CHECK_INT(inbox_counters(&i).n_clients, 0);
        inbox_end(&i);
}

static void test_window(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_subscriber(&i, "meter", "a");
        for (int k = 0; k < 300; k++)
                inbox_message(&i, "a", "x");
        inbox_settle(&i);
        CHECK_INT(client->last_mid, 100);
        for (uint64_t mid = 1; mid <= 49; mid++)
                inbox_done(&i, client, mid);
        inbox_settle(&i);
        CHECK_INT(client->last_mid, 100); /* for so few it isn't worth asking the disk */
        inbox_done(&i, client, 50);
        inbox_settle(&i);
        CHECK_INT(client->last_mid, 150);
        for (uint64_t mid = 51; mid <= 300; mid++) {
                inbox_done(&i, client, mid);
                if (mid % 50 == 0)
                        inbox_settle(&i);
        }
        inbox_settle(&i);
        CHECK_INT(client->last_mid, 300);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        inbox_message(&i, "a", "live again");
        CHECK_INT(client->last_mid, 301);
        inbox_end(&i);
}

static void test_window_of_bytes(void) {
        char large[50];
        InboxWorld i;
        Client *client;

        inbox_world(&i, NULL, 300);
        inbox_open(&i);
        world_online(&i.w);
        client = inbox_subscriber(&i, "meter", "a");
        memset(large, 'x', sizeof(large) - 1);
        large[sizeof(large) - 1] = '\0';
        for (int k = 0; k < 20; k++)
                inbox_message(&i, "a", large);
        inbox_settle(&i);
        CHECK(client->last_mid > 0 && client->last_mid < 8);
        for (uint64_t mid = 1; mid <= 20; mid++) {
                inbox_done(&i, client, mid);
                inbox_settle(&i);
        }
        CHECK_INT(client->last_mid, 20);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        inbox_end(&i);
}

/* Under each name that it is wanted under; done when all are. */
static void test_several_names(void) {
        InboxWorld i;
        Client *client;

        inbox_world(&i, NULL, 0);
        world_route(&i.w, "one/#", "/r/#", ROUTE_DOWN, 1);
        world_route(&i.w, "two/#", "/r/#", ROUTE_DOWN, 1);
        world_route(&i.w, "zero/#", "/z/#", ROUTE_DOWN, 0);
        inbox_open(&i);
        world_online(&i.w);
        client = inbox_subscriber(&i, "meter", "#");
        inbox_message(&i, "/r/x", "1");
        CHECK_STR(took(client), "msg one/x qos=1 mid=1 1\nmsg two/x qos=1 mid=2 1\n");
        inbox_done(&i, client, 2);
        inbox_done(&i, client, 2);
        CHECK_INT(inbox_counters(&i).n_messages, 1);
        inbox_done(&i, client, 1);
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        /* A route with QoS 0 keeps nothing, and alone can't be durable. */
        inbox_message(&i, "/z/x", "2");
        CHECK_STR(took(client), "msg zero/x qos=0 mid=0 2\n");
        inbox_request(&i, client, "zero/x", 1);
        CHECK_STR(took(client), "error 2 bad-request zero/x\n");
        CHECK_INT(inbox_counters(&i).n_messages, 0);
        inbox_end(&i);
}

static void test_refused_by_the_cloud(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a", 1);
        inbox_settle(&i);
        fake_subscribed(i.w.fake, fake_token(i.w.fake, "a"), 0x80);
        inbox_settle(&i);
        CHECK_STR(took(client), "error 1 rejected a\n");
        CHECK_INT(inbox_counters(&i).n_clients, 0);

        /* One that was there stays, for a better day. */
        inbox_request(&i, client, "b", 1);
        inbox_grant(&i);
        (void)took(client);
        world_lose(&i.w);
        world_online(&i.w);
        fake_subscribed(i.w.fake, fake_token(i.w.fake, "b"), 0x80);
        inbox_settle(&i);
        CHECK_STR(took(client), "error - rejected b\n");
        (void)fake_requests(i.w.fake);
        inbox_request(&i, client, "b", 1);
        CHECK_STR(fake_requests(i.w.fake), "sub b/1 ");
        world_lose(&i.w);
        CHECK_STR(took(client), "ack 3 subscribed qos=1 pending\n");
        world_online(&i.w);
        inbox_grant(&i);
        inbox_message(&i, "b", "x");
        CHECK_STR(took(client), "msg b qos=1 mid=1 x\n");
        inbox_end(&i);
}

static void test_offline(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        world_lose(&i.w);
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a", 1);
        CHECK_STR(took(client), "");
        inbox_settle(&i);
        CHECK_STR(took(client), "ack 1 subscribed qos=1 pending\n");
        inbox_restart(&i);
        CHECK_STR(fake_requests(i.w.fake), "sub a/1 ");
        inbox_end(&i);
}

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

static void test_quotas(void) {
        char name[32];
        InboxWorld i;
        Client *client = NULL;

        inbox_begin(&i);
        for (int k = 0; k < 257; k++) {
                static char names[257][24];

                (void)snprintf(names[k], sizeof(names[k]), "client-%d", k);
                client = inbox_program(&i, names[k], 1000);
                inbox_request(&i, client, "a", 1);
        }
        CHECK_STR(took(client), "error 257 quota a\n");
        client = inbox_program(&i, "another-user's", 1001);
        inbox_request(&i, client, "a", 1);
        CHECK_STR(took(client), "");
        for (int k = 0; k < 256; k++) {
                (void)snprintf(name, sizeof(name), "f/%d", k);
                inbox_request(&i, client, name, 1);
        }
        inbox_grant(&i);
        CHECK(strstr(took(client), "error 514 quota f/255\n"));
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

/* The store's answers come when everyone has gone. */
static void test_freed_in_the_middle(void) {
        InboxWorld i;
        Client *client;

        inbox_begin(&i);
        client = inbox_subscriber(&i, "meter", "a");
        inbox_message(&i, "a", "1");
        inbox_leave(&i, client);
        client = inbox_program(&i, "meter", 1000);
        inbox_request(&i, client, "a", 1); /* a page is being read */
        inbox_request(&i, client, "b", 1); /* and this is being written */
        inbox_unsubscribe(&i, client, "b");
        inbox_end(&i);
}

TEST_MAIN(TEST(test_ack_when_on_disk_and_settled),
          TEST(test_who_may_not),
          TEST(test_messages_until_done),
          TEST(test_survives_the_daemon),
          TEST(test_messages_of_nobody_yet),
          TEST(test_two_clients_one_message),
          TEST(test_the_newest_connection_gets_them),
          TEST(test_unsubscribing_ends_it_for_good),
          TEST(test_what_was_asked_last_counts),
          TEST(test_window),
          TEST(test_window_of_bytes),
          TEST(test_several_names),
          TEST(test_refused_by_the_cloud),
          TEST(test_offline),
          TEST(test_a_full_inbox_drops_the_oldest),
          TEST(test_a_full_inbox_refuses),
          TEST(test_before_the_store_is_known),
          TEST(test_without_a_store_from_the_first),
          TEST(test_quotas),
          TEST(test_a_disk_that_is_full),
          TEST(test_another_file),
          TEST(test_forgetting_the_absent),
          TEST(test_freed_in_the_middle))
