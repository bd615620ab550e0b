/* SPDX-License-Identifier: Apache-2.0 */
/* What waits on disk, looked at and dropped, with a real store and the uplink before it. */
#include "bridge/spool-desk.h"

#include "disk.h"

typedef struct Bench {
        World w;
        Disk d;
        SpoolDesk *desk;
        Client *admin, *client;
        uint64_t first; /* the receipt of the first message */
} Bench;

static uint64_t next_seq(void *userdata) {
        const Bench *b = userdata;

        return uplink_next_seq(b->w.uplink);
}

static int drop(void *userdata, const uint64_t *seqs, size_t n) {
        const Bench *b = userdata;

        return uplink_drop(b->w.uplink, seqs, n);
}

/* With no connection. */
static void bench_init(Bench *b) {
        const SpoolDeskHandler handler = {next_seq, drop, b};

        *b = (Bench){0};
        disk_init(&b->d);
        disk_world(&b->d, &b->w, NULL);
        CHECK_INT(spool_desk_new(&b->desk, &handler), 0);
        spool_desk_set_store(b->desk, b->d.store);
        b->admin = world_client(&b->w);
        b->client = world_client(&b->w);
        b->first = uplink_next_seq(b->w.uplink) + 1;
}

static void bench_deinit(Bench *b) {
        b->desk = spool_desk_free(b->desk);
        world_free(&b->w);
        disk_done(&b->d);
}

/* Payloads and ids are numbers from @first on. */
static void put(Bench *b, const char *topic, int first, int n, LocalWait wait) {
        for (int i = first; i < first + n; i++) {
                char payload[16];

                (void)snprintf(payload, sizeof(payload), "%d", i);
                publish(&b->w, b->client,
                        (Publish){.id = i,
                                  .topic = topic,
                                  .payload = payload,
                                  .qos = 1,
                                  .wait = wait});
        }
        disk_settle(&b->d, &b->w);
}

static void ask(Bench *b, Client *client, LocalSpool request) {
        const LocalId id = world_id(1);

        request.id = &id;
        if (request.action == LOCAL_SPOOL_LIST && request.limit == 0)
                request.limit = 1000;
        spool_desk_request(b->desk, client->session, &request);
}

/* Its answer, however many pages it takes. */
static const char *answer(Bench *b, Client *client, LocalSpool request) {
        int holds = fake_session_holds(client->session);

        (void)fake_session_take(client->session);
        ask(b, client, request);
        while (fake_session_holds(client->session) > holds)
                disk_settle(&b->d, &b->w);
        return fake_session_take(client->session);
}

static const char *list(Bench *b, const char *filter, uint64_t after, uint32_t limit) {
        return answer(b, b->admin, (LocalSpool){.filter = filter, .after = after, .limit = limit});
}

static const char *drop_filter(Bench *b, const char *filter) {
        return answer(b, b->admin, (LocalSpool){.action = LOCAL_SPOOL_DROP, .filter = filter});
}

static size_t count(const char *text, const char *what) {
        size_t n = 0;

        for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
                n++;
        return n;
}

static void test_lists_in_order_and_by_filter(void) {
        char expected[256];
        Bench b;

        bench_init(&b);
        CHECK_STR(list(&b, NULL, 0, 10), "spool 1\n");
        put(&b, "a/x", 1, 1, LOCAL_WAIT_STORED);
        put(&b, "$b", 10, 1, LOCAL_WAIT_STORED);
        publish(&b.w, b.client,
                (Publish){.id = 100, .topic = "a/y", .payload = "100", .qos = 1, .ttl_sec = 50});
        disk_settle(&b.d, &b.w);
        /* The desk takes a number itself for each request. */
        (void)snprintf(expected, sizeof(expected),
                       "spool 1\n  %llu a/x size=1 ttl=-1\n  %llu $b size=2 ttl=-1\n"
                       "  %llu a/y size=3 ttl=50\n",
                       (unsigned long long)b.first + 1, (unsigned long long)b.first + 2,
                       (unsigned long long)b.first + 3);
        CHECK_STR(list(&b, NULL, 0, 10), expected);
        CHECK_STR(list(&b, "#", 0, 3), expected);
        (void)snprintf(expected, sizeof(expected), "spool 1\n  %llu a/y size=3 ttl=50\n",
                       (unsigned long long)b.first + 3);
        CHECK_STR(list(&b, "+/y", 0, 1), expected);
        CHECK_STR(list(&b, "a/#", b.first + 1, 10), expected);
        CHECK_STR(list(&b, "c", 0, 10), "spool 1\n");
        bench_deinit(&b);
}

static void test_more_is_said_only_when_there_is_more(void) {
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 300, LOCAL_WAIT_STORED);
        put(&b, "b", 301, 1, LOCAL_WAIT_STORED);
        CHECK(strncmp(list(&b, "a", 0, 299), "spool 1 more\n", 13) == 0);
        CHECK(strncmp(list(&b, "a", 0, 300), "spool 1\n", 8) == 0);
        CHECK(strncmp(list(&b, NULL, 0, 300), "spool 1 more\n", 13) == 0);
        CHECK_INT(count(list(&b, NULL, 0, 1000), " size="), 301);
        bench_deinit(&b);
}

static void test_a_drop_takes_what_matches_and_no_more(void) {
        char line[4096];
        Bench b;

        bench_init(&b);
        for (int i = 0; i < 300; i++) {
                put(&b, "a", 2 * i, 1, LOCAL_WAIT_DELIVERED);
                put(&b, "b", 2 * i + 1, 1, LOCAL_WAIT_STORED);
        }
        (void)fake_session_take(b.client->session);
        CHECK_STR(drop_filter(&b, "a"), "ack 1 dropped count=300\n");
        CHECK_INT(count(fake_session_take(b.client->session), " full\n"), 300);
        CHECK(strstr(fake_session_words(b.client->session), "administrator"));
        CHECK_INT(disk_rows(&b.d), 300);
        CHECK_STR(list(&b, "a", 0, 10), "spool 1\n");
        CHECK_STR(drop_filter(&b, "a"), "ack 1 dropped count=0\n");

        world_online(&b.w);
        (void)disk_drain(&b.d, &b.w, line, sizeof(line));
        CHECK_INT(count(line, " "), 300);
        CHECK(strncmp(line, "1 3 5 ", 6) == 0);
        bench_deinit(&b);
}

static void test_one_by_its_receipt(void) {
        char line[64];
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 3, LOCAL_WAIT_STORED);
        CHECK_STR(answer(&b, b.admin,
                         (LocalSpool){.action = LOCAL_SPOOL_DROP, .receipt = b.first + 1}),
                  "ack 1 dropped count=1\n");
        CHECK_STR(answer(&b, b.admin,
                         (LocalSpool){.action = LOCAL_SPOOL_DROP, .receipt = b.first + 1}),
                  "ack 1 dropped count=0\n");
        CHECK_STR(answer(&b, b.admin,
                         (LocalSpool){.action = LOCAL_SPOOL_DROP, .receipt = INT64_MAX}),
                  "ack 1 dropped count=0\n");
        world_online(&b.w);
        CHECK_STR(disk_drain(&b.d, &b.w, line, sizeof(line)), "1 3 ");
        bench_deinit(&b);
}

/* It waits in the lane, or was sent already: nothing is sent again, and late PUBACKs do no harm. */
static void test_what_is_on_its_way_is_dropped_too(void) {
        uint64_t token;
        char line[64];
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 3, LOCAL_WAIT_DELIVERED);
        world_online(&b.w);
        disk_settle(&b.d, &b.w);
        CHECK_INT(counters(&b.w).n_in_flight, 3);
        token = b.w.fake->requests[0].token;
        CHECK_STR(drop_filter(&b, "#"), "ack 1 dropped count=3\n");
        CHECK_STR(fake_session_take(b.client->session),
                  "error 1 full\nerror 2 full\nerror 3 full\n");
        CHECK(strstr(fake_session_words(b.client->session), "may arrive"));
        CHECK_INT(counters(&b.w).n_in_flight, 0);
        fake_published(b.w.fake, token, true);
        world_turn(&b.w);
        CHECK_STR(fake_session_take(b.client->session), "");
        fake_forget(b.w.fake);

        world_lose(&b.w);
        world_online(&b.w);
        CHECK_STR(disk_drain(&b.d, &b.w, line, sizeof(line)), "");
        put(&b, "a", 4, 1, LOCAL_WAIT_DELIVERED);
        CHECK_STR(disk_drain(&b.d, &b.w, line, sizeof(line)), "4 ");
        CHECK_STR(fake_session_take(b.client->session), "ack 4 delivered\n");
        bench_deinit(&b);
}

/* The uplink may have asked for a page that still has what is dropped now. */
static void test_a_page_that_is_being_read_brings_nothing_back(void) {
        char line[64];
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 20, LOCAL_WAIT_STORED);
        ask(&b, b.admin, (LocalSpool){.action = LOCAL_SPOOL_DROP, .filter = "a"});
        world_online(&b.w); /* asks for it, after the desk did */
        CHECK_STR(disk_drain(&b.d, &b.w, line, sizeof(line)), "");
        CHECK_STR(fake_session_take(b.admin->session), "ack 1 dropped count=20\n");
        CHECK_INT(disk_rows(&b.d), 0);
        bench_deinit(&b);
}

static void test_what_comes_later_stays(void) {
        char line[64];
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 3, LOCAL_WAIT_STORED);
        ask(&b, b.admin, (LocalSpool){.action = LOCAL_SPOOL_DROP, .filter = "a"});
        put(&b, "a", 4, 2, LOCAL_WAIT_STORED);
        world_online(&b.w);
        CHECK_STR(disk_drain(&b.d, &b.w, line, sizeof(line)), "4 5 ");
        CHECK_STR(fake_session_take(b.admin->session), "ack 1 dropped count=3\n");
        bench_deinit(&b);
}

static void test_only_root_and_the_daemon_s_user_may_drop(void) {
        const LocalSpool all = {.action = LOCAL_SPOOL_DROP, .filter = "#"};
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 1, LOCAL_WAIT_STORED);
        fake_session_set_client(b.client->session, NULL, 1 + geteuid());
        CHECK_STR(answer(&b, b.client, all), "error 1 denied\n");
        CHECK_INT(count(answer(&b, b.client, (LocalSpool){.limit = 10}), " size="), 1);
        fake_session_set_client(b.client->session, NULL, geteuid());
        CHECK_STR(answer(&b, b.client, all), "ack 1 dropped count=1\n");
        bench_deinit(&b);
}

static void test_requests_take_turns_and_one_each(void) {
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 600, LOCAL_WAIT_STORED);
        (void)fake_session_take(b.client->session);
        ask(&b, b.admin, (LocalSpool){.filter = "none"});
        ask(&b, b.client, (LocalSpool){.limit = 1});
        ask(&b, b.admin, (LocalSpool){.limit = 1});
        CHECK_STR(fake_session_take(b.admin->session), "error 1 quota\n");
        /* Three pages for the one, one for the other. */
        disk_settle(&b.d, &b.w);
        CHECK_STR(fake_session_take(b.admin->session), "");
        while (fake_session_holds(b.client->session) > 0)
                disk_settle(&b.d, &b.w);
        CHECK_INT(count(fake_session_take(b.client->session), " size=1 "), 1);
        CHECK_INT(fake_session_holds(b.admin->session), 1);
        while (fake_session_holds(b.admin->session) > 0)
                disk_settle(&b.d, &b.w);
        CHECK_STR(fake_session_take(b.admin->session), "spool 1\n");
        bench_deinit(&b);
}

/* A list for nobody is given up; a drop goes on. */
static void test_a_program_that_leaves(void) {
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 600, LOCAL_WAIT_STORED);
        ask(&b, b.admin, (LocalSpool){.filter = "none"});
        ask(&b, b.client, (LocalSpool){.action = LOCAL_SPOOL_DROP, .filter = "a"});
        spool_desk_forget(b.desk, b.admin->session);
        spool_desk_forget(b.desk, b.client->session);
        for (int i = 0; i < 20 && disk_rows(&b.d) > 0; i++)
                disk_settle(&b.d, &b.w);
        CHECK_INT(disk_rows(&b.d), 0);
        CHECK_STR(fake_session_take(b.admin->session), "");
        bench_deinit(&b);
}

static void test_without_a_store(void) {
        const SpoolDeskHandler handler = {0};
        SpoolDesk *desk;
        LocalSession *session = fake_session_new();
        const LocalId id = world_id(1);

        CHECK_INT(spool_desk_new(&desk, &handler), 0);
        spool_desk_request(desk, session, &(LocalSpool){.id = &id, .limit = 1});
        CHECK_STR(fake_session_take(session), "error 1 internal\n");
        CHECK(strstr(fake_session_words(session), "no store"));
        spool_desk_free(desk);
        local_session_unref(session);
}

static void test_the_end_answers_everybody(void) {
        Bench b;

        bench_init(&b);
        put(&b, "a", 1, 3, LOCAL_WAIT_STORED);
        ask(&b, b.admin, (LocalSpool){.limit = 1});
        ask(&b, b.client, (LocalSpool){.limit = 1});
        b.desk = spool_desk_free(b.desk);
        CHECK_STR(fake_session_take(b.admin->session), "error 1 offline\n");
        CHECK_INT(fake_session_refs(b.admin->session), 1);
        disk_settle(&b.d, &b.w);
        bench_deinit(&b);
}

TEST_MAIN(TEST(test_lists_in_order_and_by_filter),
          TEST(test_more_is_said_only_when_there_is_more),
          TEST(test_a_drop_takes_what_matches_and_no_more),
          TEST(test_one_by_its_receipt),
          TEST(test_what_is_on_its_way_is_dropped_too),
          TEST(test_a_page_that_is_being_read_brings_nothing_back),
          TEST(test_what_comes_later_stays),
          TEST(test_only_root_and_the_daemon_s_user_may_drop),
          TEST(test_requests_take_turns_and_one_each),
          TEST(test_a_program_that_leaves),
          TEST(test_without_a_store),
          TEST(test_the_end_answers_everybody))
