/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

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
        uint64_t last_kept;
        int withheld;
        LinkState states[64]; /* each other than the one before */
        size_t n_states;
        char answers[512];
} World;

static uint32_t dice = UINT32_MAX / 2;
static uint64_t seed;

static inline uint32_t fixed_random(void) {
        return dice;
}

/* xorshift64* */
static inline uint32_t seeded_random(void) {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        return (uint32_t)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

static inline uint64_t pick(uint64_t least, uint64_t most) {
        return least + seeded_random() % (most - least + 1);
}

static inline LinkState state(const World *w) {
        LinkStatus status;

        link_status(w->link, &status);
        return status.state;
}

static inline void on_changed(void *userdata) {
        World *w = userdata;

        w->n_changed++;
        if (w->n_states < ARRAY_SIZE(w->states) &&
            (w->n_states == 0 || w->states[w->n_states - 1] != state(w)))
                w->states[w->n_states++] = state(w);
}

static inline void note(World *w, const char *what, uint64_t token, int code) {
        size_t used = strlen(w->answers);

        (void)snprintf(w->answers + used, sizeof(w->answers) - used, "%s %d %d ", what, (int)token,
                       code);
}

static inline void on_published(void *userdata, uint64_t token, bool ok) {
        note(userdata, "pub", token, ok);
}

static inline void on_subscribed(void *userdata, uint64_t token, int code) {
        note(userdata, "sub", token, code);
}

static inline void on_unsubscribed(void *userdata, uint64_t token) {
        note(userdata, "unsub", token, 0);
}

static inline void on_message(void *userdata, Message *message, uint64_t kept) {
        World *w = userdata;

        CHECK_STR(message_topic(message), "down");
        w->n_messages++;
        w->last_kept = kept;
}

static inline void on_withheld(void *userdata, int r) {
        World *w = userdata;

        w->withheld = r;
}

static const LinkHandler handler = {
                .changed = on_changed,
                .published = on_published,
                .subscribed = on_subscribed,
                .unsubscribed = on_unsubscribed,
                .message = on_message,
                .withheld = on_withheld,
};

static inline int on_get(void *userdata, Reason previous, Credentials *ret) {
        World *w = userdata;

        w->previous = previous;
        w->n_gets++;
        if (w->source_result <= 0)
                return w->source_result;
        return credentials_make(&w->identity, clock_wall_msec(), ret) == 0 ? 1 : -ENOMEM;
}

static inline char *text(const char *s) {
        char *copy = strdup(s);

        CHECK(copy);
        return copy;
}

static inline void set_up_limited(World *w,
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
        w->config = (LinkConfig){.source = {.get = on_get, .userdata = w},
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

static inline void set_up(World *w, size_t n_roots, uint32_t (*random)(void)) {
        set_up_limited(w, n_roots, 0, random);
}

static inline void tear_down(World *w) {
        link_free(w->link);
        identity_done(&w->identity);
}

static inline void dispatch(World *w) {
        link_dispatch(w->link, w->now);
}

static inline LinkStatus status_of(const World *w) {
        LinkStatus status;

        link_status(w->link, &status);
        return status;
}

static inline void go_online(World *w) {
        fake_connected(w->fake, false);
        dispatch(w);
        CHECK(link_is_online(w->link));
}

static inline void fail(World *w, Reason reason, int code) {
        fake_failed(w->fake, reason, code);
        dispatch(w);
        CHECK_INT(state(w), LINK_OFFLINE);
}

static inline void lose(World *w, uint64_t life_usec) {
        w->now += life_usec;
        fake_lost(w->fake, REASON_CLOSED);
        dispatch(w);
        CHECK_INT(state(w), LINK_OFFLINE);
}

/* What is left to wait. */
static inline uint64_t wait_of(const World *w) {
        return status_of(w).retry_at_usec - w->now;
}

/* Waits for the next attempt; not a microsecond before its time is it made. */
static inline void retry(World *w) {
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

static inline Capture capture_start(void) {
        Capture c = {.saved = dup(STDERR_FILENO), .fd = memfd_create("stderr", 0)};

        CHECK(c.saved >= 0 && c.fd >= 0);
        CHECK(dup2(c.fd, STDERR_FILENO) == STDERR_FILENO);
        return c;
}

static inline char *capture_end(Capture c) {
        off_t size = lseek(c.fd, 0, SEEK_END);
        char *all = calloc(1, (size_t)size + 1);

        CHECK(all);
        CHECK(pread(c.fd, all, (size_t)size, 0) == size);
        CHECK(dup2(c.saved, STDERR_FILENO) == STDERR_FILENO);
        (void)close(c.saved);
        (void)close(c.fd);
        return all;
}

static inline unsigned count(const char *all, const char *part) {
        unsigned n = 0;

        for (const char *p = all; (p = strstr(p, part)); p++)
                n++;
        return n;
}
