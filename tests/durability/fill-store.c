/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fill-store
 *
 *     fill-store DIRECTORY COUNT SIZE TOPICS
 *
 * Puts COUNT messages of SIZE bytes into the spool of the store in DIRECTORY, spread over TOPICS
 * topics.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

#define OUTSTANDING_MAX 5000

typedef struct Filler {
        Store *store;
        char *payload;
        uint64_t size, n_topics;
        uint64_t next_seq, n_outstanding;
        int r; /* the first failure */
} Filler;

static void on_put(int r, void *userdata) {
        Filler *filler = userdata;

        filler->n_outstanding--;
        if (r < 0 && filler->r == 0)
                filler->r = r;
}

static int put(Filler *filler) {
        _cleanup_(message_unrefp) Message *message = NULL;
        StoreRecord record = {.seq = filler->next_seq};
        char topic[64];
        int r;

        (void)snprintf(topic, sizeof(topic), "telemetry/%" PRIu64,
                       filler->next_seq % filler->n_topics);
        r = message_new(&message, topic, filler->payload, filler->size, 1);
        if (r < 0)
                return r;
        record.message = message;
        r = store_put(filler->store, &record, on_put, filler);
        if (r < 0)
                return r;
        filler->next_seq++;
        filler->n_outstanding++;
        return 0;
}

static int fill(Filler *filler, uint64_t count) {
        struct pollfd fd = {.fd = store_fd(filler->store), .events = POLLIN};

        while (filler->r == 0 && (count > 0 || filler->n_outstanding > 0)) {
                for (; count > 0 && filler->n_outstanding < OUTSTANDING_MAX; count--) {
                        int r = put(filler);

                        if (r == -ENOBUFS)
                                break;
                        if (r < 0)
                                return r;
                }
                if (poll(&fd, 1, -1) < 0)
                        return -errno;
                store_dispatch(filler->store);
        }
        return filler->r;
}

static uint64_t number(const char *s) {
        char *end;
        uint64_t value = strtoull(s, &end, 10);

        if (*end || value == 0) {
                fprintf(stderr, "fill-store: not a number: %s\n", s);
                exit(64);
        }
        return value;
}

int main(int argc, char **argv) {
        _cleanup_(store_closep) Store *store = NULL;
        Filler filler = {0};
        StoreInfo info = {0};
        int r;

        if (argc != 5) {
                (void)fputs("fill-store DIRECTORY COUNT SIZE TOPICS\n", stderr);
                return 64;
        }
        filler.size = number(argv[3]);
        filler.n_topics = number(argv[4]);
        filler.payload = calloc(1, filler.size);
        r = filler.payload ? store_open(&store, argv[1], &(StoreLimits){0}, &info) : -ENOMEM;
        if (r == 0) {
                memset(filler.payload, 'x', filler.size);
                filler.store = store;
                filler.next_seq = info.next_seq;
                r = fill(&filler, number(argv[2]));
        }
        free(filler.payload);
        if (r < 0)
                fprintf(stderr, "fill-store: %s: %s\n", argv[1], strerror(-r));
        return r < 0 ? 1 : 0;
}
