/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of messages to durable subscribers, with the real store.
 */
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
          TEST(test_quotas),
          TEST(test_freed_in_the_middle))
