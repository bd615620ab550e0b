/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static void subscribe(World *w, Client *client, int64_t id, const char *filter, int qos) {
        const LocalId local_id = world_id(id);
        const LocalSubscribe request = {.id = &local_id, .filter = filter, .qos = qos};

        downlink_subscribe(w->downlink, client, &request);
}

static void unsubscribe(World *w, Client *client, int64_t id, const char *filter) {
        const LocalId local_id = world_id(id);

        downlink_unsubscribe(w->downlink, client, &local_id, filter);
}

static size_t filters(const World *w) {
        DownlinkCounters c;

        downlink_counters(w->downlink, &c);
        return c.n_filters;
}

/* The server's answer to the last request for @filter. */
static void answer(World *w, const char *filter, int code) {
        fake_subscribed(w->fake, fake_token(w->fake, filter), code);
        world_turn(w);
}

static void message(World *w, const char *topic, const char *payload, int qos) {
        fake_message(w->fake, topic, payload, qos);
        world_turn(w);
}

static const char *took(Client *client) {
        return fake_session_take(client->session);
}

static void test_one_subscription(void) {
        DownlinkCounters c;
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "a/+", 1);
        CHECK_STR(took(client), "");
        CHECK_INT(fake_session_holds(client->session), 1);
        answer(&w, "a/+", 1);
        CHECK_STR(took(client), "ack 1 subscribed qos=1\n");
        message(&w, "a/x", "one", 1);
        message(&w, "a/y", "two", 0);
        message(&w, "b", "three", 0);
        message(&w, "a/x", "four", 1);
        CHECK_STR(took(client), "msg a/x qos=1 mid=1 one\nmsg a/y qos=0 mid=0 two\n"
                                "msg a/x qos=1 mid=2 four\n");
        downlink_counters(w.downlink, &c);
        CHECK_INT(c.received.total, 4);
        CHECK_INT(c.unwanted, 1);
        CHECK_INT(c.n_filters, 1);
        unsubscribe(&w, client, 2, "a/+");
        CHECK_STR(took(client), "ack 2 unsubscribed\n");
        CHECK_STR(fake_requests(w.fake), "sub a/+/1 unsub a/+ ");
        CHECK_INT(fake_session_holds(client->session), 0);
        message(&w, "a/x", "late", 1);
        CHECK_STR(took(client), "");
        unsubscribe(&w, client, 3, "a/+");
        CHECK_STR(took(client), "error 3 bad-request a/+\n");
        world_free(&w);
}

static void test_granted_less(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "a", 1);
        answer(&w, "a", 0);
        CHECK_STR(took(client), "ack 1 subscribed qos=0\n");
        world_free(&w);
}

static void test_shared_filters(void) {
        Client *one, *two;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        one = world_client(&w);
        two = world_client(&w);
        subscribe(&w, one, 1, "a", 0);
        subscribe(&w, two, 1, "a", 0);
        CHECK_STR(took(two), "");
        fake_subscribed(w.fake, 1, 0);
        world_turn(&w);
        CHECK_STR(took(one), "ack 1 subscribed qos=0\n");
        CHECK_STR(took(two), "ack 1 subscribed qos=0\n");
        CHECK_STR(fake_requests(w.fake), "sub a/0 ");
        CHECK_INT(filters(&w), 1);

        /* A third finds it settled; one with more QoS asks again, an older answer is not its. */
        subscribe(&w, one, 2, "a", 0);
        CHECK_STR(took(one), "ack 2 subscribed qos=0\n");
        subscribe(&w, two, 2, "a", 1);
        fake_subscribed(w.fake, 1, 0);
        world_turn(&w);
        CHECK_STR(took(two), "");
        answer(&w, "a", 1);
        CHECK_STR(took(two), "ack 2 subscribed qos=1\n");
        CHECK_STR(fake_requests(w.fake), "sub a/1 ");

        message(&w, "a", "x", 1);
        CHECK_STR(took(one), "msg a qos=0 mid=0 x\n");
        CHECK_STR(took(two), "msg a qos=1 mid=1 x\n");

        /* Kept until the last one leaves. */
        unsubscribe(&w, two, 3, "a");
        CHECK_STR(fake_requests(w.fake), "");
        CHECK_INT(filters(&w), 1);
        local_session_unref(world_leave(&w, one));
        CHECK_STR(fake_requests(w.fake), "unsub a ");
        CHECK_INT(filters(&w), 0);
        world_free(&w);
}

static void test_overlapping_filters(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "#", 0);
        subscribe(&w, client, 2, "a/#", 1);
        subscribe(&w, client, 3, "a/b", 0);
        answer(&w, "a/b", 0);
        answer(&w, "#", 0);
        answer(&w, "a/#", 1);
        CHECK_STR(took(client), "ack 3 subscribed qos=0\nack 1 subscribed qos=0\n"
                                "ack 2 subscribed qos=1\n");
        message(&w, "a/b", "x", 1);
        CHECK_STR(took(client), "msg a/b qos=1 mid=1 x\n");
        message(&w, "$SYS/x", "no", 0);
        CHECK_STR(took(client), "");
        world_free(&w);
}

static void test_same_filter_again(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "a", 1);
        answer(&w, "a", 1);
        subscribe(&w, client, 2, "a", 0);
        CHECK_STR(took(client), "ack 1 subscribed qos=1\nack 2 subscribed qos=0\n");
        CHECK_STR(fake_requests(w.fake), "sub a/1 ");
        CHECK_INT(fake_session_holds(client->session), 1);
        message(&w, "a", "x", 1);
        CHECK_STR(took(client), "msg a qos=0 mid=0 x\n");
        unsubscribe(&w, client, 3, "a");
        CHECK_STR(fake_requests(w.fake), "unsub a ");
        world_free(&w);
}

/* Every request gets its reply, also one that is overtaken before the cloud has answered it. */
static void test_overtaken_before_the_answer(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "a", 1);
        subscribe(&w, client, 2, "a", 1);
        CHECK_STR(took(client), "ack 1 subscribed qos=1 pending\n");
        answer(&w, "a", 1);
        CHECK_STR(took(client), "ack 2 subscribed qos=1\n");
        subscribe(&w, client, 3, "b", 0);
        unsubscribe(&w, client, 4, "b");
        CHECK_STR(took(client), "ack 3 subscribed qos=0 pending\nack 4 unsubscribed\n");
        fake_subscribed(w.fake, fake_token(w.fake, "a") + 1, 0); /* the late answer for b */
        world_turn(&w);
        CHECK_STR(took(client), "");
        world_free(&w);
}

static void test_again_on_every_connection(void) {
        Client *one, *two;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        one = world_client(&w);
        two = world_client(&w);
        subscribe(&w, one, 1, "a", 1);
        subscribe(&w, two, 1, "b", 0);
        answer(&w, "a", 1);
        (void)fake_requests(w.fake);
        CHECK_STR(took(one), "ack 1 subscribed qos=1\n");
        CHECK_STR(took(two), "");
        /* The loss answers what still waits: it is asked for again. */
        world_lose(&w);
        CHECK_STR(took(two), "ack 1 subscribed qos=0 pending\n");
        world_online(&w);
        CHECK_STR(fake_requests(w.fake), "sub b/0 sub a/1 ");
        world_lose(&w);
        world_online(&w);
        answer(&w, "a", 1);
        answer(&w, "b", 0);
        CHECK_STR(took(one), "");
        CHECK_STR(took(two), "");
        message(&w, "b", "x", 0);
        CHECK_STR(took(two), "msg b qos=0 mid=0 x\n");
        world_free(&w);
}

static void test_pending_while_offline(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        client = world_client(&w);
        subscribe(&w, client, 1, "a", 1);
        subscribe(&w, client, 2, "b", 1);
        unsubscribe(&w, client, 3, "b");
        CHECK_STR(took(client), "ack 1 subscribed qos=1 pending\nack 2 subscribed qos=1 pending\n"
                                "ack 3 unsubscribed\n");
        CHECK_INT(filters(&w), 1);
        world_online(&w);
        CHECK_INT(w.fake->n_requests, 1);
        answer(&w, "a", 1);
        CHECK_STR(took(client), "");
        world_free(&w);
}

static void test_refused_by_the_cloud(void) {
        Client *one, *two, *third;
        World w;

        world_new(&w, NULL, NULL);
        third = world_client(&w);
        subscribe(&w, third, 7, "a", 0);
        CHECK_STR(took(third), "ack 7 subscribed qos=0 pending\n");
        world_online(&w);
        one = world_client(&w);
        two = world_client(&w);
        subscribe(&w, one, 1, "a", 0);
        subscribe(&w, two, 1, "b", 0);
        subscribe(&w, one, 2, "b", 0);
        answer(&w, "b", 0);
        (void)took(one);
        (void)took(two);
        answer(&w, "a", 0x80);
        CHECK_STR(took(one), "error 1 rejected a\n");
        CHECK_STR(took(two), "");
        CHECK_STR(took(third), "error - rejected a\n"); /* had its ack already */
        CHECK_INT(filters(&w), 1);
        CHECK_INT(fake_session_holds(one->session), 1);
        CHECK_INT(fake_session_holds(third->session), 0);
        CHECK_STR(fake_requests(w.fake), "sub a/0 sub b/0 "); /* no UNSUBSCRIBE */
        unsubscribe(&w, one, 3, "a");
        CHECK_STR(took(one), "error 3 bad-request a\n");

        /* Later it may be allowed. */
        subscribe(&w, one, 4, "a", 0);
        answer(&w, "a", 0);
        CHECK_STR(took(one), "ack 4 subscribed qos=0\n");

        /* And refused on the next connection. */
        world_lose(&w);
        world_online(&w);
        answer(&w, "b", 0x80);
        CHECK_STR(took(one), "error - rejected b\n");
        CHECK_STR(took(two), "error - rejected b\n");
        CHECK_INT(filters(&w), 1);
        world_free(&w);
}

static void test_routes(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_route(&w, "in/#", "/p/d/#", ROUTE_DOWN, 1);
        world_route(&w, "all/+", "/q/+", ROUTE_BOTH, 0);
        world_route(&w, "in/extra", "/extra", ROUTE_DOWN, 1);
        world_route(&w, "up/#", "/u/#", ROUTE_UP, 1);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "in/#", 1);
        CHECK_INT(w.fake->n_requests, 2);
        answer(&w, "/p/d/#", 1);
        CHECK_STR(took(client), ""); /* half of it */
        answer(&w, "/extra", 0);
        CHECK_STR(took(client), "ack 1 subscribed qos=1\n"); /* the most that comes */
        message(&w, "/p/d/x", "1", 1);
        message(&w, "/extra", "2", 1);
        message(&w, "/q/y", "unwanted", 1);
        CHECK_STR(took(client), "msg in/x qos=1 mid=1 1\nmsg in/extra qos=1 mid=2 2\n");
        subscribe(&w, client, 2, "up/a", 1);
        subscribe(&w, client, 3, "nowhere", 1);
        CHECK_STR(took(client), "error 2 bad-topic up/a\nerror 3 bad-topic nowhere\n");

        /* The route's QoS caps what is asked for, granted and passed on. */
        fake_forget(w.fake);
        subscribe(&w, client, 4, "all/y", 1);
        answer(&w, "/q/y", 0);
        CHECK_STR(fake_requests(w.fake), "sub /q/y/0 ");
        CHECK_STR(took(client), "ack 4 subscribed qos=0\n");
        message(&w, "/q/y", "z", 1);
        CHECK_STR(took(client), "msg all/y qos=0 mid=0 z\n");

        /* One of two refused: the whole subscription goes, with the other filter. */
        unsubscribe(&w, client, 5, "in/#");
        fake_forget(w.fake);
        subscribe(&w, client, 6, "in/+", 1);
        answer(&w, "/p/d/+", 1);
        answer(&w, "/extra", 0x80);
        CHECK_STR(took(client), "ack 5 unsubscribed\nerror 6 rejected in/+\n");
        CHECK_STR(fake_requests(w.fake), "sub /p/d/+/1 sub /extra/1 unsub /p/d/+ ");
        CHECK_INT(filters(&w), 1);
        world_free(&w);
}

/* Other routes under subscriptions at work */

static void add_route(RouteTable *table, const char *local, const char *remote, int qos) {
        static const RouteVariables variables;
        const RouteSpec spec = {
                        .local = local, .remote = remote, .direction = ROUTE_DOWN, .qos = qos};
        char *error = NULL;

        CHECK_INT(route_table_add(table, &spec, &variables, &error), 0);
}

/* Goes over to @routes, which the world then owns. */
static void reroute(World *w, RouteTable *take_routes, unsigned max_subscriptions) {
        const DownlinkConfig config = {.routes = take_routes,
                                       .max_payload_bytes = MESSAGE_PAYLOAD_MAX,
                                       .max_subscriptions = max_subscriptions,
                                       .durable = {.window_bytes = 1024}};

        downlink_set_config(w->downlink, &config);
        route_table_free(w->routes);
        w->routes = take_routes;
}

static RouteTable *new_table(void) {
        RouteTable *table = NULL;

        CHECK_INT(route_table_new(&table), 0);
        return table;
}

static void test_other_routes_touch_only_what_differs(void) {
        RouteTable *table = new_table();
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_route(&w, "a/#", "old/a/#", ROUTE_DOWN, 1);
        world_route(&w, "b/#", "same/b/#", ROUTE_DOWN, 1);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "a/x", 1);
        subscribe(&w, client, 2, "b/x", 1);
        answer(&w, "old/a/x", 1);
        answer(&w, "same/b/x", 1);
        (void)took(client);
        (void)fake_requests(w.fake);

        add_route(table, "a/#", "new/a/#", 1);
        add_route(table, "b/#", "same/b/#", 1);
        reroute(&w, table, 2); /* as many as there are */
        CHECK_STR(fake_requests(w.fake), "unsub old/a/x sub new/a/x/1 ");
        CHECK_INT(filters(&w), 2);
        CHECK_STR(took(client), "");
        message(&w, "new/a/x", "one", 1);
        message(&w, "same/b/x", "two", 1);
        message(&w, "old/a/x", "three", 1);
        CHECK_STR(took(client), "msg a/x qos=1 mid=1 one\nmsg b/x qos=1 mid=2 two\n");

        /* The same once more is nothing. */
        table = new_table();
        add_route(table, "a/#", "new/a/#", 1);
        add_route(table, "b/#", "same/b/#", 1);
        reroute(&w, table, 2);
        CHECK_STR(fake_requests(w.fake), "");
        unsubscribe(&w, client, 3, "a/x");
        unsubscribe(&w, client, 4, "b/x");
        CHECK_INT(filters(&w), 0);
        world_free(&w);
}

static void test_subscription_that_no_route_serves_any_more(void) {
        RouteTable *table = new_table();
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_route(&w, "a/#", "r/a/#", ROUTE_DOWN, 1);
        world_route(&w, "b/#", "r/b/#", ROUTE_DOWN, 1);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "a/x", 1);
        subscribe(&w, client, 2, "b/x", 1);
        answer(&w, "r/b/x", 1);
        CHECK_STR(took(client), "ack 2 subscribed qos=1\n");
        (void)fake_requests(w.fake);
        add_route(table, "c/#", "r/c/#", 1);
        reroute(&w, table, 0);
        CHECK_STR(fake_requests(w.fake), "unsub r/b/x unsub r/a/x ");
        /* The first was never answered: this is its answer. */
        CHECK(strstr(took(client), "error 1 bad-topic"));
        CHECK_INT(filters(&w), 0);
        CHECK_INT(fake_session_holds(client->session), 0);
        world_free(&w);
}

static void test_shared_filters_and_unanswered_subscriptions_are_rerouted(void) {
        RouteTable *table = new_table();
        Client *one, *two;
        World w;

        world_new(&w, NULL, NULL);
        world_route(&w, "a/#", "old/#", ROUTE_DOWN, 1);
        world_online(&w);
        one = world_client(&w);
        two = world_client(&w);
        subscribe(&w, one, 1, "a/x", 0);
        subscribe(&w, two, 1, "a/x", 1);
        (void)fake_requests(w.fake);
        add_route(table, "a/#", "new/#", 1);
        reroute(&w, table, 1);
        CHECK(strstr(fake_requests(w.fake), "unsub old/x sub new/x/"));
        CHECK_STR(took(one), "");
        CHECK_INT(filters(&w), 1);
        world_free(&w);
}

static void test_other_routes_while_offline(void) {
        RouteTable *table = new_table();
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_route(&w, "a/#", "old/#", ROUTE_DOWN, 1);
        client = world_client(&w);
        subscribe(&w, client, 1, "a/x", 1);
        CHECK_STR(took(client), "ack 1 subscribed qos=1 pending\n");
        add_route(table, "a/#", "new/#", 1);
        add_route(table, "a/x", "more", 0);
        reroute(&w, table, 0);
        CHECK_STR(fake_requests(w.fake), "");
        world_online(&w);
        CHECK_STR(fake_requests(w.fake), "sub more/0 sub new/x/1 ");
        world_free(&w);
}

/* A message that two routes bring down under one name comes once, under two names twice. */
static void test_several_routes_for_a_message(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_route(&w, "one/#", "/r/#", ROUTE_DOWN, 1);
        world_route(&w, "two/#", "/r/#", ROUTE_DOWN, 1);
        world_route(&w, "one/x", "/r/x", ROUTE_DOWN, 1);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "one/#", 0);
        message(&w, "/r/x", "1", 0);
        CHECK_STR(took(client), "msg one/x qos=0 mid=0 1\n");
        subscribe(&w, client, 2, "two/#", 0);
        message(&w, "/r/x", "2", 0);
        CHECK_STR(took(client), "msg one/x qos=0 mid=0 2\nmsg two/x qos=0 mid=0 2\n");
        world_free(&w);
}

static void test_quotas(void) {
        const DownlinkConfig config = {.max_subscriptions = 2};
        Client *one, *two;
        char filter[16];
        World w;

        world_new(&w, NULL, &config);
        world_online(&w);
        one = world_client(&w);
        two = world_client(&w);
        subscribe(&w, one, 1, "a", 0);
        subscribe(&w, one, 2, "b", 0);
        subscribe(&w, one, 3, "c", 0);
        CHECK_STR(took(one), "error 3 quota c\n");
        subscribe(&w, two, 1, "a", 0); /* shared: takes no place */
        subscribe(&w, one, 4, "a", 1); /* nor does the same again */
        unsubscribe(&w, one, 5, "b");
        subscribe(&w, one, 6, "c", 0);
        CHECK_INT(filters(&w), 2);
        CHECK_STR(took(two), "");
        world_free(&w);

        /* What failed halfway leaves nothing behind. */
        world_new(&w, NULL, &config);
        world_route(&w, "x/#", "/1/#", ROUTE_DOWN, 1);
        world_route(&w, "x/#", "/2/#", ROUTE_DOWN, 1);
        world_route(&w, "x/#", "/3/#", ROUTE_DOWN, 1);
        world_online(&w);
        one = world_client(&w);
        subscribe(&w, one, 1, "x/a", 0);
        CHECK_STR(took(one), "error 1 quota x/a\n");
        CHECK_INT(filters(&w), 0);
        CHECK_INT(fake_session_holds(one->session), 0);
        world_free(&w);

        world_new(&w, NULL, NULL);
        one = world_client(&w);
        for (int i = 0; i < 256; i++) {
                (void)snprintf(filter, sizeof(filter), "f/%d", i);
                subscribe(&w, one, i, filter, 0);
        }
        (void)took(one);
        subscribe(&w, one, 1000, "one/more", 0);
        subscribe(&w, one, 1001, "f/0", 1);
        CHECK_STR(took(one), "error 1000 quota one/more\nack 1001 subscribed qos=1 pending\n");
        CHECK_INT(fake_session_holds(one->session), 256);
        world_free(&w);
}

static void test_names_too_long_for_the_cloud(void) {
        const DownlinkConfig config = {.topics = {.max_bytes = 8}};
        Client *client;
        World w;

        world_new(&w, NULL, &config);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "123456789", 0);
        CHECK_STR(took(client), "error 1 bad-topic 123456789\n");
        CHECK_INT(filters(&w), 0);
        world_free(&w);
}

static void test_too_large(void) {
        const DownlinkConfig config = {.max_payload_bytes = 4};
        Client *client;
        World w;

        world_new(&w, NULL, &config);
        world_online(&w);
        client = world_client(&w);
        subscribe(&w, client, 1, "a", 0);
        message(&w, "a", "1234", 0);
        message(&w, "a", "12345", 0);
        CHECK_STR(took(client), "msg a qos=0 mid=0 1234\n");
        world_free(&w);
}

static void test_clients_that_leave(void) {
        Client *one, *two, *third;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        one = world_client(&w);
        two = world_client(&w);
        third = world_client(&w);
        CHECK_INT(w.clients.n, 3);
        CHECK(client_of(&w.clients, two->session) == two);
        CHECK(client_peek(two->session) == two);
        subscribe(&w, one, 1, "a", 0);
        subscribe(&w, two, 1, "a", 0);
        subscribe(&w, two, 2, "b", 0);
        subscribe(&w, third, 1, "a", 0);
        local_session_unref(world_leave(&w, two)); /* in the middle, unanswered */
        answer(&w, "a", 0);
        message(&w, "a", "x", 0);
        CHECK_STR(took(one), "ack 1 subscribed qos=0\nmsg a qos=0 mid=0 x\n");
        CHECK_STR(took(third), "ack 1 subscribed qos=0\nmsg a qos=0 mid=0 x\n");
        CHECK_STR(fake_requests(w.fake), "sub a/0 sub b/0 unsub b ");
        local_session_unref(world_leave(&w, third));
        local_session_unref(world_leave(&w, one));
        CHECK_INT(w.clients.n, 0);
        CHECK(!w.clients.first);
        CHECK_STR(fake_requests(w.fake), "unsub a ");
        world_free(&w);
}

/* Without memory for the SUBSCRIBE it is asked for again soon, and the program is not left waiting.
 */
static void test_transport_without_memory(void) {
        Client *client;
        World w;

        world_new(&w, NULL, NULL);
        world_online(&w);
        client = world_client(&w);
        w.fake->request_error = -ENOMEM;
        subscribe(&w, client, 1, "a", 0);
        CHECK_STR(took(client), "ack 1 subscribed qos=0 pending\n");
        world_turn(&w);
        CHECK_INT(downlink_deadline_usec(w.downlink), w.now + 1 * SEC);
        w.now += 1 * SEC;
        world_turn(&w); /* still none */
        w.fake->request_error = 0;
        CHECK_STR(fake_requests(w.fake), "");
        world_turn(&w);
        w.now = downlink_deadline_usec(w.downlink);
        world_turn(&w);
        CHECK_INT(downlink_deadline_usec(w.downlink), USEC_INFINITY);
        CHECK_STR(fake_requests(w.fake), "sub a/0 ");
        fake_subscribed(w.fake, 3, 0);
        world_turn(&w);
        CHECK_STR(took(client), "");
        message(&w, "a", "x", 0);
        CHECK_STR(took(client), "msg a qos=0 mid=0 x\n");
        world_free(&w);
}

TEST_MAIN(TEST(test_one_subscription),
          TEST(test_granted_less),
          TEST(test_shared_filters),
          TEST(test_overlapping_filters),
          TEST(test_same_filter_again),
          TEST(test_again_on_every_connection),
          TEST(test_pending_while_offline),
          TEST(test_refused_by_the_cloud),
          TEST(test_routes),
          TEST(test_other_routes_touch_only_what_differs),
          TEST(test_subscription_that_no_route_serves_any_more),
          TEST(test_shared_filters_and_unanswered_subscriptions_are_rerouted),
          TEST(test_other_routes_while_offline),
          TEST(test_several_routes_for_a_message),
          TEST(test_quotas),
          TEST(test_names_too_long_for_the_cloud),
          TEST(test_too_large),
          TEST(test_clients_that_leave),
          TEST(test_transport_without_memory),
          TEST(test_overtaken_before_the_answer))
