/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What every test of the store needs: a directory of its own, an open store, and answers.
 */

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <sqlite3.h>

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

        uint32_t dropped_route; /* of the last that had to make room */
        uint64_t dropped[64];
        size_t n_dropped;

        StoreFate fate;
        StoreTopic listed[64];
        size_t n_asked; /* answers about fates and topics */
        uint64_t unreadable[64][2];
        size_t n_unreadable;
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

static inline void on_dropped(uint32_t route, const uint64_t *seqs, size_t n, void *userdata) {
        Bench *b = userdata;

        b->dropped_route = route;
        for (size_t i = 0; i < n; i++, b->n_dropped++)
                if (b->n_dropped < ARRAY_SIZE(b->dropped))
                        b->dropped[b->n_dropped] = seqs[i];
}

static inline void on_unreadable(uint64_t first_seq, uint64_t last_seq, void *userdata) {
        Bench *b = userdata;

        CHECK(b->n_unreadable < ARRAY_SIZE(b->unreadable));
        b->unreadable[b->n_unreadable][0] = first_seq;
        b->unreadable[b->n_unreadable++][1] = last_seq;
}

static inline int bench_try_open(Bench *b) {
        int r = store_open_with(&b->store, b->directory, &b->limits, b->vfs, RETRY_USEC, &b->info);

        if (r < 0)
                return r;
        store_on_replaced(b->store, on_replaced, b);
        store_on_dropped(b->store, on_dropped, b);
        store_on_unreadable(b->store, on_unreadable, b);
        return 0;
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
                CHECK(poll(&fd, 1, 300000) == 1);
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

static inline void bench_peek(Bench *b, uint64_t after, size_t max) {
        CHECK_INT(store_peek(b->store, after, max, SIZE_MAX, on_page, b), 0);
        bench_wait(b, &b->n_pages, b->n_pages + 1);
}

static inline int bench_put_record(Bench *b, const StoreRecord *record, const char *topic) {
        StoreRecord own = *record;

        own.message = new_message(topic, 100);
        CHECK_INT(store_put(b->store, &own, on_done, b), 0);
        (void)message_unref(own.message);
        bench_wait(b, &b->n_done, b->n_done + 1);
        return b->r;
}

static inline void on_fate(int r, StoreFate fate, void *userdata) {
        Bench *b = userdata;

        CHECK_INT(r, 0);
        b->n_asked++;
        b->fate = fate;
}

static inline StoreFate bench_ask(Bench *b, uint64_t seq) {
        CHECK_INT(store_ask(b->store, seq, on_fate, b), 0);
        bench_wait(b, &b->n_asked, b->n_asked + 1);
        return b->fate;
}

static inline void on_topics(int r, const StoreTopic *topics, size_t n, void *userdata) {
        Bench *b = userdata;

        CHECK(n <= ARRAY_SIZE(b->listed));
        b->n_asked++;
        b->r = r;
        b->n = n;
        for (size_t i = 0; i < n; i++)
                b->listed[i] = topics[i];
}

static inline int bench_topics(Bench *b, size_t max) {
        CHECK_INT(store_read_topics(b->store, max, on_topics, b), 0);
        bench_wait(b, &b->n_asked, b->n_asked + 1);
        return b->r;
}

/* For what only another program can do to a file. */
static inline void bench_change(const Bench *b, const char *sql) {
        sqlite3 *db = NULL;
        char *problem = NULL;

        CHECK(sqlite3_open(bench_path(b, "spool.db"), &db) == SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK)
                (void)printf("# %s: %s\n", sql, problem);
        CHECK(!problem);
        CHECK(sqlite3_close(db) == SQLITE_OK);
}

static inline int64_t bench_count(const Bench *b, const char *sql) {
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        int64_t value;

        CHECK(sqlite3_open(bench_path(b, "spool.db"), &db) == SQLITE_OK);
        CHECK(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
        CHECK(sqlite3_step(s) == SQLITE_ROW);
        value = sqlite3_column_int64(s, 0);
        CHECK(sqlite3_finalize(s) == SQLITE_OK);
        CHECK(sqlite3_close(db) == SQLITE_OK);
        return value;
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
