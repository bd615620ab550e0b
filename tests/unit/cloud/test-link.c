/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link on a fake transport: the test is the server, the network, the clock and the dice.
 */
#include "cloud/link.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "fake-transport.h"
#include "test.h"
#include "util/clock.h"

#define SEC USEC_PER_SEC

typedef struct World {
        FakeTransport *fake;
        Link *link;
        uint64_t now;
        LinkConfig config;
        Identity identity;
        LinkRoot roots[3];
        BackoffRange network;

        int source_result; /* of the source of credentials: 1, 0 for later, or -errno */
        Reason previous;   /* what the source was told */
        unsigned n_gets;

        /* what the handler saw */
        unsigned n_changed, n_messages;
        LinkState states[64]; /* each other than the one before */
        size_t n_states;
        char answers[512];
} World;

static uint32_t dice = UINT32_MAX / 2;
static uint64_t seed;

static uint32_t fixed_random(void) {
        return dice;
}

/* xorshift64* */
static uint32_t seeded_random(void) {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        return (uint32_t)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

static uint64_t pick(uint64_t least, uint64_t most) {
        return least + seeded_random() % (most - least + 1);
}

static LinkState state(const World *w) {
        LinkStatus status;

        link_status(w->link, &status);
        return status.state;
}

static void on_changed(void *userdata) {
        World *w = userdata;

        w->n_changed++;
        if (w->n_states < ARRAY_SIZE(w->states) &&
            (w->n_states == 0 || w->states[w->n_states - 1] != state(w)))
                w->states[w->n_states++] = state(w);
}

static void note(World *w, const char *what, uint64_t token, int code) {
        size_t used = strlen(w->answers);

        (void)snprintf(w->answers + used, sizeof(w->answers) - used, "%s %d %d ", what, (int)token,
                       code);
}

static void on_published(void *userdata, uint64_t token, bool ok) {
        note(userdata, "pub", token, ok);
}

static void on_subscribed(void *userdata, uint64_t token, int code) {
        note(userdata, "sub", token, code);
}

static void on_unsubscribed(void *userdata, uint64_t token) {
        note(userdata, "unsub", token, 0);
}

static void on_message(void *userdata, Message *message) {
        World *w = userdata;

        CHECK_STR(message_topic(message), "down");
        w->n_messages++;
}

static const LinkHandler handler = {
                .changed = on_changed,
                .published = on_published,
                .subscribed = on_subscribed,
                .unsubscribed = on_unsubscribed,
                .message = on_message,
};

static int on_get(void *userdata, Reason previous, Credentials *ret) {
        World *w = userdata;

        w->previous = previous;
        w->n_gets++;
        if (w->source_result <= 0)
                return w->source_result;
        return credentials_make(&w->identity, clock_wall_msec(), ret) == 0 ? 1 : -ENOMEM;
}

static char *text(const char *s) {
        char *copy = strdup(s);

        CHECK(copy);
        return copy;
}

static void set_up_limited(World *w,
                           size_t n_roots,
                           unsigned connects_per_minute,
                           uint32_t (*random)(void)) {
        *w = (World){.now = 1000 * SEC, .source_result = 1};
        w->identity = (Identity){.mode = AUTH_DEVICE,
                                 .product_key = text("pk"),
                                 .device_name = text("dn"),
                                 .secret = text("s3cret"),
                                 .region = text("cn-shanghai"),
                                 .tls = n_roots > 0,
                                 .sign_method = SIGN_HMACSHA256};
        w->roots[0] = (LinkRoot){"root-0.pem", 0};
        w->roots[1] = (LinkRoot){"root-1.pem", 443};
        w->roots[2] = (LinkRoot){"root-2.pem", 8883};
        w->config = (LinkConfig){.source = {on_get, w},
                                 .roots = w->roots,
                                 .n_roots = n_roots,
                                 .keepalive_sec = 100,
                                 .connect_timeout_sec = 20,
                                 .connects_per_minute = connects_per_minute,
                                 .network = {1 * SEC, 300 * SEC}};
        w->fake = fake_transport_new();
        CHECK_INT(link_new(&w->link, &w->fake->base, &w->config, &handler, w, random), 0);
        dice = UINT32_MAX / 2;
}

static void set_up(World *w, size_t n_roots, uint32_t (*random)(void)) {
        set_up_limited(w, n_roots, 0, random);
}

static void tear_down(World *w) {
        link_free(w->link);
        identity_done(&w->identity);
}

static void dispatch(World *w) {
        link_dispatch(w->link, w->now);
}

static LinkStatus status_of(const World *w) {
        LinkStatus status;

        link_status(w->link, &status);
        return status;
}

static void go_online(World *w) {
        fake_connected(w->fake, false);
        dispatch(w);
        CHECK(link_is_online(w->link));
}

static void fail(World *w, Reason reason, int code) {
        fake_failed(w->fake, reason, code);
        dispatch(w);
        CHECK_INT(state(w), LINK_OFFLINE);
}

static void lose(World *w, uint64_t life_usec) {
        w->now += life_usec;
        fake_lost(w->fake, REASON_CLOSED);
        dispatch(w);
        CHECK_INT(state(w), LINK_OFFLINE);
}

/* What is left to wait. */
static uint64_t wait_of(const World *w) {
        return status_of(w).retry_at_usec - w->now;
}

/* Waits for the next attempt; not a microsecond before its time is it made. */
static void retry(World *w) {
        unsigned n = w->fake->n_connects;

        CHECK_INT(link_deadline_usec(w->link), status_of(w).retry_at_usec);
        w->now = link_deadline_usec(w->link) - 1;
        link_tick(w->link, w->now);
        CHECK_INT(w->fake->n_connects, n);
        w->now++;
        link_tick(w->link, w->now);
        CHECK_INT(w->fake->n_connects, n + 1);
        CHECK_INT(state(w), LINK_CONNECTING);
}

#define CHECK_BETWEEN(_value, _least, _most)                                \
        do {                                                                \
                uint64_t _v = (_value);                                     \
                CHECK(_v >= (uint64_t)(_least) && _v <= (uint64_t)(_most)); \
        } while (0)

/* Standard error, where the log goes, kept aside to count its entries. */

typedef struct Capture {
        int saved, fd;
} Capture;

static Capture capture_start(void) {
        Capture c = {.saved = dup(STDERR_FILENO), .fd = memfd_create("stderr", 0)};

        CHECK(c.saved >= 0 && c.fd >= 0);
        CHECK(dup2(c.fd, STDERR_FILENO) == STDERR_FILENO);
        return c;
}

static char *capture_end(Capture c) {
        off_t size = lseek(c.fd, 0, SEEK_END);
        char *all = calloc(1, (size_t)size + 1);

        CHECK(all);
        CHECK(pread(c.fd, all, (size_t)size, 0) == size);
        CHECK(dup2(c.saved, STDERR_FILENO) == STDERR_FILENO);
        (void)close(c.saved);
        (void)close(c.fd);
        return all;
}

static unsigned count(const char *all, const char *part) {
        unsigned n = 0;

        for (const char *p = all; (p = strstr(p, part)); p++)
                n++;
        return n;
}

/* Attempts */

static void test_first_attempt_at_once(void) {
        World w;

        set_up(&w, 0, fixed_random);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        link_tick(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 0);
        link_start(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 1);
        CHECK_INT(state(&w), LINK_CONNECTING);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        CHECK_STR(w.fake->target.host, "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_INT(w.fake->target.port, 1883);
        CHECK(!w.fake->target.tls && !w.fake->target.root_file);
        CHECK_INT(w.fake->target.keepalive_sec, 100);
        CHECK_INT(w.fake->target.timeout_sec, 20);

        link_start(w.link, w.now); /* again changes nothing */
        CHECK_INT(w.fake->n_connects, 1);
        CHECK_INT(link_publish(w.link, 1, NULL, 1), -ENOTCONN);
        CHECK_INT(link_subscribe(w.link, 1, "a", 1), -ENOTCONN);
        CHECK_INT(link_unsubscribe(w.link, 1, "a"), -ENOTCONN);
        tear_down(&w);
}

static void test_status(void) {
        LinkStatus s;
        World w;

        set_up(&w, 0, fixed_random);
        s = status_of(&w);
        CHECK(!s.host && s.reason == REASON_NONE && s.n_connects == 0 && s.detail[0] == '\0');
        CHECK_STR(link_state_to_string(s.state), "offline");
        link_start(w.link, w.now);
        fail(&w, REASON_REFUSED_NOT_AUTHORIZED, 5);
        s = status_of(&w);
        CHECK_STR(s.host, "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_INT(s.reason, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK_INT(s.last_refusal, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK(s.last_refusal_wall_msec > 0);
        CHECK_INT(s.n_failures, 1);

        /* Other failures leave the last refusal alone, a connection too. */
        retry(&w);
        fail(&w, REASON_TCP_REFUSED, 0);
        CHECK_INT(status_of(&w).last_refusal, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK_INT(status_of(&w).n_failures, 2);
        retry(&w);
        fake_connected(w.fake, true);
        dispatch(&w);
        s = status_of(&w);
        CHECK(s.session_present && s.reason == REASON_NONE && s.n_failures == 0);
        CHECK_INT(s.last_refusal, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK_INT(s.n_connects, 3);
        for (LinkState i = 0; i < _LINK_STATE_MAX; i++)
                CHECK(link_state_to_string(i));
        CHECK(!link_state_to_string(_LINK_STATE_MAX));
        tear_down(&w);
}

static void test_fresh_credentials(void) {
        char *id, *password;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        id = text(w.fake->target.client_id);
        password = text(w.fake->target.password);
        CHECK(strstr(id, "timestamp="));
        fail(&w, REASON_TCP_REFUSED, 0);
        (void)usleep(3000);
        retry(&w);
        CHECK(strcmp(id, w.fake->target.client_id) != 0);
        CHECK(strcmp(password, w.fake->target.password) != 0);
        free(id);
        free(password);
        tear_down(&w);
}

static void test_attempt_that_cannot_start(void) {
        World w;

        set_up(&w, 0, fixed_random);
        w.fake->connect_error = -ENOMEM;
        link_start(w.link, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_INTERNAL);
        CHECK_BETWEEN(wait_of(&w), 1 * SEC, 3 * SEC);
        w.fake->connect_error = 0;
        retry(&w);
        go_online(&w);
        lose(&w, 3600 * SEC);
        retry(&w);
        CHECK_INT(w.previous, REASON_CLOSED);
        tear_down(&w);
}

/* Credentials that come later */

static void test_credentials_later(void) {
        Credentials c = {0};
        World w;

        set_up(&w, 0, fixed_random);
        w.source_result = 0;
        link_offer(w.link, &c, w.now); /* nobody has asked */
        CHECK_INT(w.fake->n_connects, 0);
        link_start(w.link, w.now);
        CHECK_INT(state(&w), LINK_CONNECTING);
        CHECK_INT(w.n_gets, 1);
        CHECK_INT(w.previous, REASON_NONE);
        CHECK_INT(w.fake->n_connects, 0);
        CHECK_INT(status_of(&w).n_connects, 0);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);

        link_deny(w.link, REASON_AUTH_UNREACHABLE, "the words", w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_AUTH_UNREACHABLE);
        CHECK_STR(status_of(&w).detail, "the words");
        CHECK_INT(status_of(&w).last_refusal, REASON_NONE);
        CHECK_BETWEEN(wait_of(&w), 1 * SEC, 3 * SEC);
        link_deny(w.link, REASON_AUTH_REFUSED, "", w.now); /* once is enough */
        CHECK_INT(status_of(&w).reason, REASON_AUTH_UNREACHABLE);

        w.now = link_deadline_usec(w.link);
        link_tick(w.link, w.now);
        CHECK_INT(w.previous, REASON_AUTH_UNREACHABLE);
        link_deny(w.link, REASON_AUTH_REFUSED, "not you", w.now);
        CHECK_INT(status_of(&w).last_refusal, REASON_AUTH_REFUSED);
        CHECK_STR(status_of(&w).last_refusal_detail, "not you");
        CHECK_BETWEEN(wait_of(&w), 30 * SEC, 90 * SEC);

        w.now = link_deadline_usec(w.link);
        link_tick(w.link, w.now);
        CHECK_INT(credentials_make(&w.identity, 1, &c), 0);
        w.now += 5 * SEC;
        link_offer(w.link, &c, w.now);
        CHECK(!c.host && !c.password); /* moved */
        CHECK_INT(w.fake->n_connects, 1);
        CHECK_INT(status_of(&w).n_connects, 1);
        CHECK(strstr(w.fake->target.client_id, "timestamp=1"));
        go_online(&w);
        tear_down(&w);
}

static void test_stop_while_waiting_for_credentials(void) {
        _cleanup_(credentials_done) Credentials c = {0};
        World w;

        set_up(&w, 0, fixed_random);
        w.source_result = 0;
        link_start(w.link, w.now);
        link_stop(w.link);
        CHECK_INT(credentials_make(&w.identity, 1, &c), 0);
        link_offer(w.link, &c, w.now);
        link_deny(w.link, REASON_AUTH_REFUSED, "", w.now);
        CHECK_INT(w.fake->n_connects, 0);
        CHECK_INT(state(&w), LINK_STOPPED);
        CHECK_INT(status_of(&w).reason, REASON_STOPPED);
        tear_down(&w);
}

static void test_no_credentials(void) {
        World w;

        set_up(&w, 2, fixed_random);
        w.source_result = -EIO;
        link_start(w.link, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_INTERNAL);
        CHECK_INT(status_of(&w).n_connects, 0);
        CHECK_BETWEEN(wait_of(&w), 1 * SEC, 3 * SEC);
        w.source_result = 1;
        retry(&w);
        CHECK_INT(w.previous, REASON_INTERNAL);
        go_online(&w);
        tear_down(&w);
}

/* Trying again */

static void check_range(Reason reason, int code, uint64_t least, uint64_t most) {
        uint64_t before = least;
        World w;

        set_up(&w, 0, fixed_random);
        /* The shortest draws stay at the least ... */
        dice = 0;
        link_start(w.link, w.now);
        for (int i = 0; i < 10; i++) {
                fail(&w, reason, code);
                CHECK_INT(wait_of(&w), least);
                retry(&w);
        }
        /* ... the longest grow threefold up to the most. */
        dice = UINT32_MAX;
        for (int i = 0; i < 10; i++) {
                fail(&w, reason, code);
                before = before * 3 < most ? before * 3 : most;
                CHECK_INT(wait_of(&w), before);
                retry(&w);
        }
        CHECK_INT(before, most);
        tear_down(&w);
}

static void test_ranges_by_class(void) {
        check_range(REASON_DNS_FAILURE, 0, 1 * SEC, 300 * SEC);
        check_range(REASON_REFUSED_UNAVAILABLE, 3, 1 * SEC, 300 * SEC);
        check_range(REASON_TLS_EXPIRED, 0, 10 * SEC, 300 * SEC);
        check_range(REASON_REFUSED_CREDENTIALS, 4, 30 * SEC, 1800 * SEC);
}

static void test_class_change_starts_afresh(void) {
        World w;

        set_up(&w, 0, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        for (int i = 0; i < 8; i++) {
                fail(&w, REASON_REFUSED_CREDENTIALS, 4);
                retry(&w);
        }
        fail(&w, REASON_TCP_TIMEOUT, 0);
        CHECK_INT(wait_of(&w), 3 * SEC);
        retry(&w);
        fail(&w, REASON_REFUSED_CREDENTIALS, 4);
        CHECK_INT(wait_of(&w), 90 * SEC);
        tear_down(&w);
}

/* Delays grown to the most by failures. */
static void grow(World *w) {
        dice = UINT32_MAX;
        link_start(w->link, w->now);
        for (int i = 0; i < 8; i++) {
                fail(w, REASON_TCP_TIMEOUT, 0);
                retry(w);
        }
}

static void test_reset_after_a_stable_minute(void) {
        World w;

        set_up(&w, 0, fixed_random);
        grow(&w);
        go_online(&w);
        lose(&w, 59 * SEC);
        CHECK_INT(wait_of(&w), 300 * SEC);
        retry(&w);
        go_online(&w);
        lose(&w, 60 * SEC);
        CHECK_INT(wait_of(&w), 3 * SEC);
        tear_down(&w);
}

/* However the connection ended. */
static void test_reset_after_a_stable_connection_abandoned(void) {
        World w;

        set_up(&w, 0, fixed_random);
        grow(&w);
        go_online(&w);
        w.now += 3600 * SEC;
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(wait_of(&w), 3 * SEC);
        tear_down(&w);
}

static void test_twin(void) {
        World w;

        set_up(&w, 0, fixed_random);
        dice = 0;
        link_start(w.link, w.now);
        for (int i = 0; i < 2; i++) {
                go_online(&w);
                lose(&w, 5 * SEC);
                CHECK_INT(status_of(&w).reason, REASON_CLOSED);
                retry(&w);
        }
        go_online(&w);
        lose(&w, 29 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_TWIN);
        CHECK_INT(wait_of(&w), 120 * SEC);
        dice = UINT32_MAX;
        for (int i = 0; i < 4; i++) {
                retry(&w);
                go_online(&w);
                lose(&w, 1 * SEC);
                CHECK_INT(status_of(&w).reason, REASON_TWIN);
        }
        CHECK_INT(wait_of(&w), 600 * SEC);
        retry(&w);

        /* One that lasts ends the suspicion. */
        go_online(&w);
        lose(&w, 61 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_CLOSED);
        CHECK_INT(wait_of(&w), 3 * SEC);
        retry(&w);
        go_online(&w);
        lose(&w, 5 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_CLOSED);
        tear_down(&w);
}

/* Short, long, short, short: never three in a row, whoever ended the long one. */
static void test_no_twin_when_we_end_a_long_one(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (int i = 0; i < 2; i++) {
                go_online(&w);
                lose(&w, 5 * SEC);
                retry(&w);
        }
        go_online(&w);
        w.now += 3600 * SEC;
        link_abandon(w.link, REASON_KEEPALIVE_TIMEOUT, w.now);
        fake_closed(w.fake);
        dispatch(&w);
        retry(&w);
        go_online(&w);
        lose(&w, 5 * SEC);
        CHECK_INT(status_of(&w).reason, REASON_CLOSED);
        tear_down(&w);
}

/* Roots */

static void test_next_root_at_once_and_kept(void) {
        World w;

        set_up(&w, 3, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        CHECK_STR(w.fake->target.root_file, "root-0.pem");
        CHECK_INT(w.fake->target.port, 1883);
        fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
        CHECK_INT(wait_of(&w), 1 * SEC);
        CHECK_STR(status_of(&w).root_file, "root-1.pem");
        retry(&w);
        CHECK_STR(w.fake->target.root_file, "root-1.pem");
        CHECK_INT(w.fake->target.port, 443);
        go_online(&w);
        CHECK_INT(status_of(&w).port, 443);
        lose(&w, 100 * SEC);
        retry(&w);
        CHECK_STR(w.fake->target.root_file, "root-1.pem");
        tear_down(&w);
}

static void test_all_roots_fail(void) {
        uint64_t waits[9];
        World w;

        set_up(&w, 3, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
                char file[16];

                (void)snprintf(file, sizeof(file), "root-%zu.pem", i % 3);
                CHECK_STR(w.fake->target.root_file, file);
                fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
                waits[i] = wait_of(&w);
                retry(&w);
        }
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
                if (i % 3 != 2)
                        CHECK_INT(waits[i], 1 * SEC);
        /* The rounds grow further apart. */
        CHECK_INT(waits[2], 30 * SEC);
        CHECK_INT(waits[5], 90 * SEC);
        CHECK_INT(waits[8], 270 * SEC);
        tear_down(&w);
}

/* One port refused, the other with an unknown root: each round is one failure, and they grow. */
static void test_roots_that_fail_in_different_ways(void) {
        World w;

        set_up(&w, 2, fixed_random);
        dice = UINT32_MAX;
        link_start(w.link, w.now);
        for (uint64_t expected = 3; expected <= 81; expected *= 3) {
                fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
                retry(&w);
                fail(&w, REASON_TCP_REFUSED, 0);
                CHECK_INT(wait_of(&w), expected * SEC);
                retry(&w);
        }
        tear_down(&w);
}

static void test_failures_that_no_root_cures(void) {
        static const Reason reasons[] = {REASON_DNS_FAILURE, REASON_NETWORK_UNREACHABLE,
                                         REASON_REFUSED_CREDENTIALS, REASON_BAD_ANSWER};
        World w;

        set_up(&w, 2, fixed_random);
        link_start(w.link, w.now);
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
                fail(&w, reasons[i], reasons[i] == REASON_REFUSED_CREDENTIALS ? 4 : 0);
                retry(&w);
                CHECK_STR(w.fake->target.root_file, "root-0.pem");
        }
        tear_down(&w);
}

static void test_port_of_the_endpoint_wins(void) {
        World w;

        set_up(&w, 2, fixed_random);
        w.identity.port = 8899;
        link_start(w.link, w.now);
        CHECK_INT(w.fake->target.port, 8899);
        fail(&w, REASON_TLS_UNTRUSTED_ROOT, 0);
        retry(&w);
        CHECK_STR(w.fake->target.root_file, "root-1.pem");
        CHECK_INT(w.fake->target.port, 8899);
        CHECK_INT(status_of(&w).port, 8899);
        tear_down(&w);
}

/* The budget of CONNECTs */

#define LOG_MAX 20000U

/* One attempt of any fate, and the wait for the next one. */
static void live_a_little(World *w) {
        static const Reason reasons[] = {REASON_DNS_FAILURE,         REASON_TCP_REFUSED,
                                         REASON_TLS_UNTRUSTED_ROOT,  REASON_TLS_EXPIRED,
                                         REASON_REFUSED_UNAVAILABLE, REASON_NO_ANSWER,
                                         REASON_REFUSED_CREDENTIALS, REASON_INTERNAL};
        uint64_t deadline;

        w->now += pick(0, 200) * USEC_PER_MSEC;
        switch (pick(0, 3)) {
        case 0:
                go_online(w);
                w->now += pick(0, 90) * SEC;
                link_abandon(w->link, REASON_ACK_TIMEOUT, w->now);
                w->now += pick(0, 2) * SEC;
                link_tick(w->link, w->now);
                fake_closed(w->fake);
                dispatch(w);
                break;
        case 1:
                go_online(w);
                lose(w, pick(0, 90) * SEC);
                break;
        default:
                fail(w, reasons[pick(0, ARRAY_SIZE(reasons) - 1)], 0);
                break;
        }
        while (state(w) != LINK_CONNECTING) {
                deadline = link_deadline_usec(w->link);
                CHECK(deadline != USEC_INFINITY);
                if (deadline > w->now)
                        w->now = deadline;
                link_tick(w->link, w->now);
        }
}

static void test_connects_budget(void) {
        static uint64_t times[LOG_MAX];

        for (uint64_t s = 1; s <= 20; s++) {
                size_t n = 0;
                Capture c;
                uint64_t end;
                World w;

                seed = s * UINT64_C(0x9e3779b97f4a7c15);
                set_up_limited(&w, 2, 5, seeded_random);
                /* As eager as the settings let anyone be. */
                w.config.network = (BackoffRange){SEC / 10, SEC};
                c = capture_start();
                end = w.now + 6 * 3600 * SEC;
                link_start(w.link, w.now);
                while (w.now < end) {
                        CHECK_INT(state(&w), LINK_CONNECTING);
                        CHECK(n < LOG_MAX);
                        times[n++] = w.now;
                        live_a_little(&w);
                }
                free(capture_end(c));
                CHECK(n > 30);
                for (size_t i = 5; i < n; i++)
                        CHECK(times[i] - times[i - 5] > 60 * SEC);
                CHECK(w.fake->n_connects >= n);
                tear_down(&w);
        }
}

static void test_budget_is_told(void) {
        World w;

        set_up_limited(&w, 0, 2, fixed_random);
        dice = 0;
        link_start(w.link, w.now);
        fail(&w, REASON_TCP_REFUSED, 0);
        CHECK_INT(wait_of(&w), 1 * SEC);
        retry(&w);
        fail(&w, REASON_TCP_REFUSED, 0);
        CHECK_INT(wait_of(&w), 61 * SEC);
        retry(&w);
        tear_down(&w);
}

/* Silence */

static void test_silence_is_noticed(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        CHECK(link_deadline_usec(w.link) > w.now + 100 * SEC);
        CHECK(link_deadline_usec(w.link) < w.now + 150 * SEC);

        /* Heard lately: looked at again when that could be too long ago. */
        w.now = link_deadline_usec(w.link);
        w.fake->silence_usec = 90 * SEC;
        link_tick(w.link, w.now);
        CHECK(link_is_online(w.link));
        CHECK_BETWEEN(link_deadline_usec(w.link), w.now + 50 * SEC, w.now + 60 * SEC);

        w.now = link_deadline_usec(w.link);
        w.fake->silence_usec = 145 * SEC;
        link_tick(w.link, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_KEEPALIVE_TIMEOUT);
        CHECK_INT(w.fake->n_closes, 1);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        fake_closed(w.fake);
        dispatch(&w);
        retry(&w);
        tear_down(&w);
}

static void test_unknown_silence_is_no_silence(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        for (int i = 0; i < 10; i++) {
                w.now = link_deadline_usec(w.link);
                link_tick(w.link, w.now);
                CHECK(link_is_online(w.link));
                CHECK(link_deadline_usec(w.link) > w.now);
        }
        tear_down(&w);
}

/* Events */

static void test_requests_and_answers(void) {
        _cleanup_(message_unrefp) Message *message = NULL;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        CHECK_INT(message_new(&message, "up", "x", 1, 1), 0);
        CHECK_INT(link_publish(w.link, 1, message, 1), 0);
        CHECK_INT(link_subscribe(w.link, 2, "a/#", 0), 0);
        CHECK_INT(link_unsubscribe(w.link, 3, "b"), 0);
        CHECK_STR(fake_requests(w.fake), "pub up=x/1 sub a/#/0 unsub b ");
        fake_published(w.fake, 1, true);
        fake_published(w.fake, 7, false);
        fake_subscribed(w.fake, 2, 0x80);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_UNSUBSCRIBED,
                                           .epoch = w.fake->epoch,
                                           .token = 3});
        fake_message(w.fake, "down", "", 1);
        dispatch(&w);
        CHECK_STR(w.answers, "pub 1 1 pub 7 0 sub 2 128 unsub 3 0 ");
        CHECK_INT(w.n_messages, 1);
        w.fake->request_error = -ENOMEM;
        CHECK_INT(link_publish(w.link, 4, message, 1), -ENOMEM);
        tear_down(&w);
}

static void test_old_epochs_are_ignored(void) {
        uint64_t old;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        old = w.fake->epoch;
        lose(&w, 10 * SEC);
        retry(&w);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_CONNECTED, .epoch = old});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_FAILED, .epoch = old});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = old});
        dispatch(&w);
        CHECK_INT(state(&w), LINK_CONNECTING);
        go_online(&w);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_PUBLISHED, .epoch = old, .token = 1});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_SUBSCRIBED, .epoch = old, .token = 1});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = old});
        dispatch(&w);
        CHECK(link_is_online(w.link));
        CHECK_STR(w.answers, "");
        tear_down(&w);
}

static void test_dispatch_is_bounded(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        for (int i = 0; i < 1000; i++)
                fake_message(w.fake, "down", "", 0);
        dispatch(&w);
        CHECK(w.n_messages > 0 && w.n_messages < 1000);
        for (int i = 0; i < 10; i++)
                dispatch(&w);
        CHECK_INT(w.n_messages, 1000);
        tear_down(&w);
}

/* Ends */

static void test_abandon(void) {
        unsigned n;
        World w;

        set_up(&w, 0, fixed_random);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(w.fake->n_closes, 0);
        link_start(w.link, w.now);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(w.fake->n_closes, 0);
        go_online(&w);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_ACK_TIMEOUT);
        link_abandon(w.link, REASON_CLOSED, w.now);
        CHECK_INT(w.fake->n_closes, 1);
        CHECK_INT(status_of(&w).reason, REASON_ACK_TIMEOUT);

        /* Late events of what is being closed: only messages count, they are acknowledged. */
        n = w.n_changed;
        fake_published(w.fake, 1, true);
        fake_subscribed(w.fake, 1, 1);
        fake_message(w.fake, "down", "", 1);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = w.fake->epoch});
        dispatch(&w);
        CHECK_INT(w.n_changed, n);
        CHECK_STR(w.answers, "");
        CHECK_INT(w.n_messages, 1);

        /* No attempt before CLOSED, however long that takes; then at once when it is due. */
        w.now += 3600 * SEC;
        link_tick(w.link, w.now);
        link_start(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 1);
        fake_closed(w.fake);
        dispatch(&w);
        CHECK(link_deadline_usec(w.link) <= w.now);
        link_tick(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 2);
        go_online(&w);
        tear_down(&w);
}

static void check_stopped_for_good(World *w) {
        unsigned n = w->fake->n_connects;

        CHECK_INT(state(w), LINK_STOPPED);
        CHECK_INT(status_of(w).reason, REASON_STOPPED);
        CHECK(link_deadline_usec(w->link) == USEC_INFINITY);
        w->now += 10000 * SEC;
        link_tick(w->link, w->now);
        link_start(w->link, w->now);
        link_stop(w->link);
        CHECK_INT(w->fake->n_connects, n);
        CHECK_INT(state(w), LINK_STOPPED);
}

static void test_stop_while_offline(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        fail(&w, REASON_TCP_REFUSED, 0);
        link_stop(w.link);
        check_stopped_for_good(&w);
        if (w.fake->closing)
                fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        tear_down(&w);
}

static void test_stop_while_connecting(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        link_stop(w.link);
        CHECK_INT(w.fake->n_closes, 1);
        check_stopped_for_good(&w);
        /* The attempt may still succeed or fail meanwhile. */
        fake_connected(w.fake, false);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_FAILED,
                                           .epoch = w.fake->epoch,
                                           .reason = REASON_TCP_TIMEOUT});
        dispatch(&w);
        check_stopped_for_good(&w);
        fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        tear_down(&w);
}

static void test_stop_while_online(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        link_stop(w.link);
        CHECK_INT(state(&w), LINK_STOPPING);
        CHECK(!link_is_online(w.link));
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        link_stop(w.link);
        CHECK_INT(w.fake->n_closes, 1);
        CHECK_INT(link_subscribe(w.link, 1, "a", 0), -ENOTCONN);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = w.fake->epoch});
        dispatch(&w);
        CHECK_INT(state(&w), LINK_STOPPING);
        fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        CHECK_INT(w.states[w.n_states - 2], LINK_STOPPING);
        tear_down(&w);
}

static void test_stop_while_closing(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        link_stop(w.link);
        CHECK_INT(w.fake->n_closes, 1);
        check_stopped_for_good(&w);
        fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        tear_down(&w);
}

/* The log */

static void test_repeats_are_logged_once(void) {
        Capture c = capture_start();
        char *all;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (int i = 0; i < 6; i++) {
                fail(&w, REASON_TCP_REFUSED, 0);
                retry(&w);
        }
        fail(&w, REASON_DNS_FAILURE, 0);
        retry(&w);
        fail(&w, REASON_DNS_FAILURE, 0);
        retry(&w);
        go_online(&w);
        all = capture_end(c);
        CHECK_INT(count(all, "\n"), 3);
        CHECK_INT(count(all, "EVENT=unreachable"), 2);
        CHECK_INT(count(all, "REASON=tcp-refused"), 1);
        CHECK_INT(count(all, "REASON=dns-failure"), 1);
        CHECK_INT(count(all, "EVENT=online"), 1);
        CHECK(strstr(all, "after 1 more attempts that failed"));
        /* Not all of them in the way that this entry tells of. */
        CHECK(strstr(all, "5 more attempts have failed since the last entry"));
        CHECK(!strstr(all, "timestamp=") && !strstr(all, "s3cret") &&
              !strstr(all, w.fake->target.password));
        free(all);
        tear_down(&w);
}

static void test_repeats_are_mentioned_by_the_hour(void) {
        Capture c = capture_start();
        unsigned hours = 5;
        char *all;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (uint64_t end = w.now + hours * 3600 * SEC; w.now < end;) {
                fail(&w, REASON_TCP_REFUSED, 0);
                retry(&w);
        }
        all = capture_end(c);
        CHECK_BETWEEN(count(all, "\n"), hours, hours + 1);
        CHECK_INT(count(all, " more attempts have failed since"), count(all, "\n") - 1);
        free(all);
        tear_down(&w);
}

static void test_every_loss_is_logged(void) {
        Capture c = capture_start();
        char *all;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (int i = 0; i < 4; i++) {
                go_online(&w);
                lose(&w, 100 * SEC);
                retry(&w);
        }
        all = capture_end(c);
        CHECK_INT(count(all, "EVENT=offline"), 4);
        CHECK_INT(count(all, "EVENT=online"), 4);
        free(all);
        tear_down(&w);
}

TEST_MAIN(TEST(test_first_attempt_at_once),
          TEST(test_status),
          TEST(test_fresh_credentials),
          TEST(test_attempt_that_cannot_start),
          TEST(test_credentials_later),
          TEST(test_stop_while_waiting_for_credentials),
          TEST(test_no_credentials),
          TEST(test_ranges_by_class),
          TEST(test_class_change_starts_afresh),
          TEST(test_reset_after_a_stable_minute),
          TEST(test_reset_after_a_stable_connection_abandoned),
          TEST(test_twin),
          TEST(test_no_twin_when_we_end_a_long_one),
          TEST(test_next_root_at_once_and_kept),
          TEST(test_all_roots_fail),
          TEST(test_roots_that_fail_in_different_ways),
          TEST(test_failures_that_no_root_cures),
          TEST(test_port_of_the_endpoint_wins),
          TEST(test_connects_budget),
          TEST(test_budget_is_told),
          TEST(test_silence_is_noticed),
          TEST(test_unknown_silence_is_no_silence),
          TEST(test_requests_and_answers),
          TEST(test_old_epochs_are_ignored),
          TEST(test_dispatch_is_bounded),
          TEST(test_abandon),
          TEST(test_stop_while_offline),
          TEST(test_stop_while_connecting),
          TEST(test_stop_while_online),
          TEST(test_stop_while_closing),
          TEST(test_repeats_are_logged_once),
          TEST(test_repeats_are_mentioned_by_the_hour),
          TEST(test_every_loss_is_logged))
