/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Read-store
 *
 *     read-store DIRECTORY
 *
 * Opens the store as the daemon would and prints what is in it, a line each, in order:
 *
 *     spool TOPIC PAYLOAD
 *     subscribed CLIENT FILTER
 *     inbox CLIENT TOPIC PAYLOAD     (CLIENT "-": of nobody yet)
 *
 * Topics and payloads must be text without blanks. Exits with 1 when the store can't be opened or
 * read, or when the file was set aside.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

#define CLIENTS_MAX 16
#define PAGE        1000
#define PAGE_BYTES  (1024U * 1024U)

typedef struct Reader {
        Store *store;
        char *clients[CLIENTS_MAX];
        size_t n_clients;
        const char *client;
        uint64_t after;
        size_t n; /* in the last page */
        int r;
        bool answered;
} Reader;

static void print(const Message *message) {
        printf(" %s %.*s\n", message_topic(message), (int)message_payload_size(message),
               (const char *)message_payload(message));
}

static void on_spooled(int r, StoreRecord *records, size_t n, void *userdata) {
        Reader *reader = userdata;

        for (size_t i = 0; i < n; i++) {
                printf("spool");
                print(records[i].message);
                reader->after = records[i].seq;
                (void)message_unref(records[i].message);
        }
        reader->r = r;
        reader->n = n;
        reader->answered = true;
}

static void on_incoming(int r, StoreIncoming *messages, size_t n, void *userdata) {
        Reader *reader = userdata;

        for (size_t i = 0; i < n; i++) {
                printf("inbox %s", reader->client ? reader->client : "-");
                print(messages[i].message);
                reader->after = messages[i].seq;
                (void)message_unref(messages[i].message);
        }
        reader->r = r;
        reader->n = n;
        reader->answered = true;
}

static int await_answer(Reader *reader) {
        struct pollfd fd = {.fd = store_fd(reader->store), .events = POLLIN};

        while (!reader->answered) {
                if (poll(&fd, 1, -1) < 0)
                        return -1;
                store_dispatch(reader->store);
        }
        reader->answered = false;
        return reader->r;
}

static int read_spool(Reader *reader) {
        int r;

        reader->after = 0;
        do {
                r = store_read(reader->store, reader->after, PAGE, PAGE_BYTES, on_spooled, reader);
                if (r == 0)
                        r = await_answer(reader);
        } while (r == 0 && reader->n > 0);
        return r;
}

static int read_inbox(Reader *reader, const char *client) {
        int r;

        reader->client = client;
        reader->after = 0;
        do {
                r = store_read_incoming(reader->store, client, reader->after, PAGE, on_incoming,
                                        reader);
                if (r == 0)
                        r = await_answer(reader);
        } while (r == 0 && reader->n > 0);
        return r;
}

/* Sorted by client. */
static int on_subscription(const char *client, const char *filter, int qos, void *userdata) {
        Reader *reader = userdata;
        size_t n = reader->n_clients;

        (void)qos;
        printf("subscribed %s %s\n", client, filter);
        if (n > 0 && strcmp(reader->clients[n - 1], client) == 0)
                return 0;
        if (n == CLIENTS_MAX)
                return -E2BIG;
        reader->clients[n] = strdup(client);
        if (!reader->clients[n])
                return -ENOMEM;
        reader->n_clients++;
        return 0;
}

static int read_all(Reader *reader) {
        int r;

        r = read_spool(reader);
        if (r == 0)
                r = store_each_subscription(reader->store, on_subscription, reader);
        if (r == 0)
                r = read_inbox(reader, NULL);
        for (size_t i = 0; i < reader->n_clients; i++) {
                if (r == 0)
                        r = read_inbox(reader, reader->clients[i]);
                free(reader->clients[i]);
        }
        return r;
}

int main(int argc, char **argv) {
        _cleanup_(store_closep) Store *store = NULL;
        StoreInfo info = {0};
        Reader reader = {0};
        int r;

        if (argc != 2) {
                (void)fputs("read-store DIRECTORY\n", stderr);
                return 64;
        }
        r = store_open(&store, argv[1], &(StoreLimits){0}, &info);
        if (r < 0) {
                fprintf(stderr, "read-store: cannot open: %s\n", strerror(-r));
                return 1;
        }
        if (info.set_aside) {
                fprintf(stderr, "read-store: set aside: %s\n", info.problem);
                return 1;
        }
        reader.store = store;
        r = read_all(&reader);
        if (r != 0)
                fprintf(stderr, "read-store: cannot read: %s\n", strerror(-r));
        return r == 0 ? 0 : 1;
}
