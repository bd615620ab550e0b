/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random histories: programs publish, the link comes and goes, PUBACKs come, stay away or come in
 * another order, the disk answers late, the daemon restarts. At the end, whatever was promised must
 * be true. The seed is printed; FLAPPING_SEED and FLAPPING_STEPS choose others.
 */
#include "disk.h"

#define TOPICS   4
#define MESSAGES 20000

typedef struct History {
        uint64_t seed;
        Client *clients[TOPICS];
        int next[TOPICS];       /* the number of the next message */
        int first_seen[TOPICS]; /* the highest that the server has seen */
        bool seen[TOPICS][MESSAGES], acknowledged[TOPICS][MESSAGES];
        bool stored[TOPICS][MESSAGES], delivered[TOPICS][MESSAGES];
        size_t n_stored, n_delivered, n_errors, n_losses, n_restarts, n_again;
} History;

static uint64_t roll(History *h, uint64_t n) {
        h->seed ^= h->seed << 13;
        h->seed ^= h->seed >> 7;
        h->seed ^= h->seed << 17;
        return h->seed % n;
}

/* What the server has been sent since the last look. */
static void look(History *h, World *w, size_t *looked) {
        for (; *looked < w->fake->n_requests; (*looked)++) {
                const FakeRequest *r = &w->fake->requests[*looked];
                int topic = r->topic[0] - 'a', n = atoi(r->payload);

                CHECK(topic >= 0 && topic < TOPICS && n > 0 && n < MESSAGES);
                if (h->seen[topic][n]) {
                        h->n_again++;
                        continue;
                }
                if (n <= h->first_seen[topic])
                        printf("# topic %d: %d after %d\n", topic, n, h->first_seen[topic]);
                CHECK(n > h->first_seen[topic]);
                h->first_seen[topic] = n;
                h->seen[topic][n] = true;
        }
}

/* What the programs have been told since the last look. */
static void listen_to(History *h) {
        for (int topic = 0; topic < TOPICS; topic++) {
                const char *line = fake_session_take(h->clients[topic]->session);
                char what[32], state[32];
                int n;

                for (; *line; line = strchr(line, '\n') + 1) {
                        CHECK_INT(sscanf(line, "%31s %d %31s", what, &n, state), 3);
                        CHECK(!h->stored[topic][n] && !h->delivered[topic][n]); /* once only */
                        if (strcmp(what, "error") == 0) {
                                CHECK_STR(state, "offline"); /* at the end of the daemon */
                                h->n_errors++;
                        } else if (strcmp(state, "stored") == 0) {
                                h->stored[topic][n] = true;
                                h->n_stored++;
                        } else {
                                CHECK_STR(state, "delivered");
                                CHECK(h->acknowledged[topic][n]);
                                h->delivered[topic][n] = true;
                                h->n_delivered++;
                        }
                }
        }
}

static void publish_one(History *h, World *w) {
        static const LocalWait waits[] = {LOCAL_WAIT_DEFAULT, LOCAL_WAIT_STORED,
                                          LOCAL_WAIT_DELIVERED};
        int topic = (int)roll(h, TOPICS), n = ++h->next[topic];
        const char name[] = {(char)('a' + topic), '\0'};
        char payload[16];

        CHECK(n < MESSAGES);
        (void)snprintf(payload, sizeof(payload), "%d", n);
        publish(w, h->clients[topic],
                (Publish){.id = n,
                          .topic = name,
                          .payload = payload,
                          .qos = 1,
                          .wait = waits[roll(h, ARRAY_SIZE(waits))]});
}

/* The server acknowledges one of those it was sent on this connection, mostly the first. */
static void acknowledge_one(History *h, World *w, size_t *looked) {
        FakeRequest *requests = w->fake->requests;
        size_t i = roll(h, 4) ? 0 : (size_t)roll(h, w->fake->n_requests);

        look(h, w, looked);
        h->acknowledged[requests[i].topic[0] - 'a'][atoi(requests[i].payload)] = true;
        fake_published(w->fake, requests[i].token, true);
        w->fake->n_requests--;
        (*looked)--;
        memmove(requests + i, requests + i + 1, (w->fake->n_requests - i) * sizeof(requests[0]));
        world_turn(w);
}

static void lose(History *h, World *w, size_t *looked) {
        look(h, w, looked);
        h->n_losses++;
        /* Some PUBACKs are under way at the end: they arrive before it, or never. */
        while (w->fake->n_requests > 0 && roll(h, 3) == 0)
                acknowledge_one(h, w, looked);
        look(h, w, looked);
        fake_forget(w->fake);
        *looked = 0;
        world_lose(w);
}

static void step(History *h, World *w, Disk *d, size_t *looked) {
        uint64_t what = roll(h, 1000);

        if (what < 450)
                publish_one(h, w);
        else if (what < 850 && w->fake->n_requests > 0 && link_is_online(w->link))
                acknowledge_one(h, w, looked);
        else if (what < 930)
                store_dispatch(d->store);
        else if (what < 950)
                disk_settle(d, w);
        else if (what < 970)
                w->now += roll(h, 4000);
        else if (what < 978 && link_is_online(w->link))
                lose(h, w, looked);
        else if (what < 990 && !link_is_online(w->link))
                world_online(w);
        else if (what == 999) {
                if (link_is_online(w->link))
                        lose(h, w, looked);
                h->n_restarts++;
                disk_restart(d, w);
        }
        uplink_pump(w->uplink, w->now);
        look(h, w, looked);
        listen_to(h);
}

static void finish(History *h, World *w, Disk *d, size_t *looked) {
        if (!link_is_online(w->link))
                world_online(w);
        for (int idle = 0; idle < 4; idle++) {
                disk_settle(d, w);
                look(h, w, looked);
                while (w->fake->n_requests > 0) {
                        acknowledge_one(h, w, looked);
                        idle = 0;
                }
                listen_to(h);
        }
}

static void test_random_histories(void) {
        const char *seed = getenv("FLAPPING_SEED"), *steps = getenv("FLAPPING_STEPS");
        const UplinkConfig config = {
                        .window = 7, .memory_bytes = (size_t)64 << 20, .store_delay_usec = 3000};
        static History h;
        size_t looked = 0;
        World w;
        Disk d;

        h.seed = seed ? strtoull(seed, NULL, 10) : clock_now_usec();
        printf("# seed %llu\n", (unsigned long long)h.seed);
        disk_init(&d);
        disk_world(&d, &w, &config);
        for (int i = 0; i < TOPICS; i++)
                h.clients[i] = world_client(&w);
        for (long n = steps ? strtol(steps, NULL, 10) : 20000; n > 0; n--)
                step(&h, &w, &d, &looked);
        finish(&h, &w, &d, &looked);

        for (int topic = 0; topic < TOPICS; topic++)
                for (int n = 1; n <= h.next[topic]; n++)
                        if (h.stored[topic][n] || h.delivered[topic][n])
                                CHECK(h.seen[topic][n] && h.acknowledged[topic][n]);
        CHECK_INT(disk_rows(&d), 0);
        CHECK_INT(counters(&w).n_waiting, 0);
        CHECK_INT(counters(&w).bytes, 0);
        for (int topic = 0; topic < TOPICS; topic++)
                CHECK_INT(fake_session_holds(h.clients[topic]->session), 0);
        printf("# %zu stored, %zu delivered, %zu without an answer, %zu losses, %zu restarts, %zu "
               "sent again\n",
               h.n_stored, h.n_delivered, h.n_errors, h.n_losses, h.n_restarts, h.n_again);
        CHECK(h.n_stored > 0 && h.n_delivered > 0 && h.n_losses > 0 && h.n_again > 0);
        world_free(&w);
        disk_done(&d);
}

TEST_MAIN(TEST(test_random_histories))
