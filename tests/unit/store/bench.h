/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What every test of the store needs: a directory of its own, an open store, and answers.
 */

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>

#include "store/store-with.h"
#include "store/store.h"
#include "test.h"

#define RETRY_USEC 50000

typedef struct Bench {
        char directory[128];
        StoreLimits limits;
        const char *vfs;
        Store *store;
        StoreInfo info;

        size_t n_done; /* answers to puts and subscriptions */
        int r;         /* the last of them */
        size_t n_replaced;
        StoreInfo replaced;
        size_t n_pages;
        int page_r;
        uint64_t seqs[1024]; /* of the last page read */
        char topics[8][64];
        size_t n;
} Bench;

static inline void bench_init(Bench *b) {
        *b = (Bench){0};
        (void)snprintf(b->directory, sizeof(b->directory), "%s/iotlink-store-XXXXXX",
                       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
        CHECK(mkdtemp(b->directory));
}

static inline void on_replaced(const StoreInfo *info, void *userdata) {
        Bench *b = userdata;

        b->n_replaced++;
        b->replaced = *info;
}

static inline int bench_try_open(Bench *b) {
        int r = store_open_with(&b->store, b->directory, &b->limits, b->vfs, RETRY_USEC, &b->info);

        if (r == 0)
                store_on_replaced(b->store, on_replaced, b);
        return r;
}

static inline void bench_open(Bench *b) {
        CHECK_INT(bench_try_open(b), 0);
}

static inline void bench_close(Bench *b) {
        b->store = store_close(b->store);
}

static inline void bench_reopen(Bench *b) {
        bench_close(b);
        bench_open(b);
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
        (void)st;
        (void)kind;
        (void)ftw;
        return remove(path);
}

static inline void bench_done(Bench *b) {
        bench_close(b);
        CHECK(nftw(b->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static inline const char *bench_path(const Bench *b, const char *name) {
        static char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", b->directory, name);
        return path;
}

/* Dispatches until *@count has reached @n. */
static inline void bench_wait(Bench *b, const size_t *count, size_t n) {
        struct pollfd fd = {.fd = store_fd(b->store), .events = POLLIN};

        while (*count < n) {
                CHECK(poll(&fd, 1, 30000) == 1);
                store_dispatch(b->store);
        }
}

static inline void on_done(int r, void *userdata) {
        Bench *b = userdata;

        b->n_done++;
        b->r = r;
}

static inline void on_page(int r, StoreRecord *records, size_t n, void *userdata) {
        Bench *b = userdata;

        CHECK(n <= ARRAY_SIZE(b->seqs));
        b->n_pages++;
        b->page_r = r;
        b->n = n;
        for (size_t i = 0; i < n; i++) {
                b->seqs[i] = records[i].seq;
                if (i < ARRAY_SIZE(b->topics))
                        (void)snprintf(b->topics[i], sizeof(b->topics[i]), "%s",
                                       message_topic(records[i].message));
                (void)message_unref(records[i].message);
        }
}

static inline void on_incoming(int r, StoreIncoming *messages, size_t n, void *userdata) {
        Bench *b = userdata;

        CHECK(n <= ARRAY_SIZE(b->seqs));
        b->n_pages++;
        b->page_r = r;
        b->n = n;
        for (size_t i = 0; i < n; i++) {
                b->seqs[i] = messages[i].seq;
                if (i < ARRAY_SIZE(b->topics))
                        (void)snprintf(b->topics[i], sizeof(b->topics[i]), "%s",
                                       message_topic(messages[i].message));
                (void)message_unref(messages[i].message);
        }
}

static inline Message *new_message(const char *topic, size_t size) {
        static char payload[MESSAGE_PAYLOAD_MAX];
        Message *message = NULL;

        CHECK(size <= sizeof(payload));
        memset(payload, 'x', size);
        CHECK_INT(message_new(&message, topic, payload, size, 1), 0);
        return message;
}

static inline void bench_queue(Bench *b, uint64_t seq, const char *topic, size_t size) {
        StoreRecord record = {.seq = seq, .message = new_message(topic, size)};

        CHECK_INT(store_put(b->store, &record, on_done, b), 0);
        (void)message_unref(record.message);
}

/* Puts one and returns what became of it. */
static inline int bench_put(Bench *b, uint64_t seq) {
        bench_queue(b, seq, "t/x", 100);
        bench_wait(b, &b->n_done, b->n_done + 1);
        return b->r;
}

static inline void bench_read(Bench *b, uint64_t after, size_t max) {
        CHECK_INT(store_read(b->store, after, max, SIZE_MAX, on_page, b), 0);
        bench_wait(b, &b->n_pages, b->n_pages + 1);
}

static inline void bench_read_incoming(Bench *b, const char *client) {
        CHECK_INT(store_read_incoming(b->store, client, 0, 1000, on_incoming, b), 0);
        bench_wait(b, &b->n_pages, b->n_pages + 1);
}

static inline void bench_subscribe(Bench *b, const char *client, const char *filter, int qos) {
        CHECK_INT(store_subscribe(b->store, client, filter, qos, on_done, b), 0);
        bench_wait(b, &b->n_done, b->n_done + 1);
        CHECK_INT(b->r, 0);
}

static inline StoreCounters bench_counters(Bench *b) {
        StoreCounters counters;

        store_counters(b->store, &counters);
        return counters;
}
