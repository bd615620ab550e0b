/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random histories: programs publish, the link comes and goes, PUBACKs come, stay away or come in
 * another order, the disk answers late, the daemon restarts, programs ask for receipts. At the end,
 * whatever was promised must be true; first arrivals are in order within each topic; and while a
 * backlog drains, others have been served too. Some histories publish more than is taken, some
 * less, with a rate or without. The seed is printed; FLAPPING_SEED and FLAPPING_STEPS choose
 * others.
 */
#include "disk.h"

#define TOPICS    8
#define MESSAGES  20000
#define HISTORIES 5

typedef struct History {
        uint64_t seed;
        Client *clients[TOPICS];
        int next[TOPICS];       /* the number of the next message */
        int first_seen[TOPICS]; /* the highest that the server has seen */
        bool seen[TOPICS][MESSAGES], acknowledged[TOPICS][MESSAGES];
        bool stored[TOPICS][MESSAGES], delivered[TOPICS][MESSAGES];
        uint64_t sent_epoch[TOPICS][MESSAGES];
        size_t n_stored, n_delivered, n_errors, n_losses, n_restarts, n_again;

        uint64_t publish_weight, skew, tick_usec;
        size_t n_fresh; /* delivered without the disk while others waited there */
        Client *asker;
        size_t n_asked, n_told, n_told_offline;
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
                CHECK(h->sent_epoch[topic][n] != r->epoch); /* once on a connection is enough */
                h->sent_epoch[topic][n] = r->epoch;
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

/* The program that asks for receipts gets an answer to each question: the truth. */
static void ask(History *h, World *w, int topic, int n, uint64_t seq) {
        const LocalId id = world_id(topic * MESSAGES + n);

        h->n_asked++;
        uplink_ask(w->uplink, h->asker, &id, seq, LOCAL_WAIT_DELIVERED);
}

static void listen_to_asker(History *h) {
        const char *line = fake_session_take(h->asker->session);
        int n;

        for (; *line; line = strchr(line, '\n') + 1) {
                if (sscanf(line, "ack %d delivered receipt=", &n) == 1) {
                        CHECK(h->acknowledged[n / MESSAGES][n % MESSAGES]);
                        h->n_told++;
                } else {
                        CHECK_INT(strncmp(line, "error ", 6), 0);
                        CHECK(strstr(line, " offline\n")); /* at the end of the daemon */
                        h->n_told_offline++;
                }
        }
}

/* What the programs have been told since the last look. */
static void listen_to(History *h, World *w) {
        bool behind = counters(w).n_waiting > 50;

        for (int topic = 0; topic < TOPICS; topic++) {
                const char *line = fake_session_take(h->clients[topic]->session);
                char what[32], state[32];
                unsigned long long seq = 0;
                int n;

                for (; *line; line = strchr(line, '\n') + 1) {
                        CHECK(sscanf(line, "%31s %d %31s receipt=%llu", what, &n, state, &seq) >=
                              3);
                        CHECK(!h->stored[topic][n] && !h->delivered[topic][n]); /* once only */
                        if (strcmp(what, "error") == 0) {
                                CHECK_STR(state, "offline"); /* at the end of the daemon */
                                h->n_errors++;
                        } else if (strcmp(state, "stored") == 0) {
                                CHECK(seq > 0);
                                h->stored[topic][n] = true;
                                h->n_stored++;
                                if (roll(h, 4) == 0)
                                        ask(h, w, topic, n, seq);
                        } else {
                                CHECK_STR(state, "delivered");
                                CHECK(h->acknowledged[topic][n]);
                                h->delivered[topic][n] = true;
                                h->n_delivered++;
                                h->n_fresh += behind;
                        }
                }
        }
        listen_to_asker(h);
}

static void publish_one(History *h, World *w) {
        static const LocalWait waits[] = {LOCAL_WAIT_DEFAULT, LOCAL_WAIT_STORED,
                                          LOCAL_WAIT_DELIVERED};
        /* Most of them on the first topic, so that others are clear of the backlog at times. */
        int topic = roll(h, 100) < h->skew ? 0 : (int)roll(h, TOPICS), n = ++h->next[topic];
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

        if (what < h->publish_weight)
                publish_one(h, w);
        else if (what < 850 && w->fake->n_requests > 0 && link_is_online(w->link))
                acknowledge_one(h, w, looked);
        else if (what < 930)
                store_dispatch(d->store);
        else if (what < 950)
                disk_settle(d, w);
        else if (what < 970)
                w->now += roll(h, h->tick_usec);
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
        listen_to(h, w);
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
                if (uplink_deadline_usec(w->uplink, w->now) < w->now + 10 * SEC) {
                        world_wait(w); /* the rate */
                        idle = 0;
                }
                listen_to(h, w);
        }
}

static void check_history(uint64_t seed, long n_steps, History *h) {
        UplinkConfig config = {.memory_bytes = (size_t)64 << 20};
        size_t looked = 0;
        World w;
        Disk d;

        *h = (History){.seed = seed};
        config.window = (unsigned)(3 + roll(h, 40));
        config.store_delay_usec = roll(h, 2) ? 3000 : 1 * SEC;
        config.qos1_per_second = roll(h, 2) ? 0 : (unsigned)(4 + roll(h, 60));
        h->tick_usec = config.qos1_per_second > 0 ? 1 * SEC : 4000;
        h->publish_weight = 150 + roll(h, 320);
        h->skew = roll(h, 100);
        printf("# seed %llu: window %u, rate %u, delay %llu us, %llu publishes of 1000, skew %llu\n",
               (unsigned long long)seed, config.window, config.qos1_per_second,
               (unsigned long long)config.store_delay_usec, (unsigned long long)h->publish_weight,
               (unsigned long long)h->skew);
        disk_init(&d);
        disk_world(&d, &w, &config);
        for (int i = 0; i < TOPICS; i++)
                h->clients[i] = world_client(&w);
        h->asker = world_client(&w);
        for (; n_steps > 0; n_steps--)
                step(h, &w, &d, &looked);
        finish(h, &w, &d, &looked);

        for (int topic = 0; topic < TOPICS; topic++)
                for (int n = 1; n <= h->next[topic]; n++)
                        if (h->stored[topic][n] || h->delivered[topic][n])
                                CHECK(h->seen[topic][n] && h->acknowledged[topic][n]);
        CHECK_INT(disk_rows(&d), 0);
        CHECK_INT(counters(&w).n_waiting, 0);
        CHECK_INT(counters(&w).bytes, 0);
        CHECK_INT(counters(&w).backlog_bytes, 0);
        CHECK_INT(h->n_told + h->n_told_offline, h->n_asked);
        for (int topic = 0; topic < TOPICS; topic++)
                CHECK_INT(fake_session_holds(h->clients[topic]->session), 0);
        CHECK_INT(fake_session_holds(h->asker->session), 0);
        printf("# %zu stored, %zu delivered (%zu fresh), %zu without an answer, %zu losses, %zu "
               "restarts, %zu sent again, %zu asked\n",
               h->n_stored, h->n_delivered, h->n_fresh, h->n_errors, h->n_losses, h->n_restarts,
               h->n_again, h->n_asked);
        world_free(&w);
        disk_done(&d);
}

static void test_random_histories(void) {
        const char *seed = getenv("FLAPPING_SEED"), *steps = getenv("FLAPPING_STEPS");
        size_t n_stored = 0, n_delivered = 0, n_fresh = 0, n_losses = 0, n_again = 0, n_told = 0;
        uint64_t first = seed ? strtoull(seed, NULL, 10) : clock_now_usec();
        static History h;

        for (uint64_t i = 0; i < (seed ? 1 : HISTORIES); i++) {
                check_history(first + i * 7919, steps ? strtol(steps, NULL, 10) : 6000, &h);
                n_stored += h.n_stored;
                n_delivered += h.n_delivered;
                n_fresh += h.n_fresh;
                n_losses += h.n_losses;
                n_again += h.n_again;
                n_told += h.n_told;
        }
        if (!seed)
                CHECK(n_stored > 0 && n_delivered > 0 && n_fresh > 0 && n_losses > 0 &&
                      n_again > 0 && n_told > 0);
}

TEST_MAIN(TEST(test_random_histories))
