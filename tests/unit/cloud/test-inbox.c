/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/inbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "test.h"

static bool starved;

/* In front of libc's: no memory when the test says so. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc names are reserved */
void *reallocarray(void *p, size_t n, size_t size) {
        if (starved) {
                errno = ENOMEM;
                return NULL;
        }
        return realloc(p, n * size);
}

static TransportEvent message_event(uint64_t token, size_t payload_size) {
        TransportEvent event = {.kind = TRANSPORT_MESSAGE, .token = token};
        _cleanup_(freep) char *payload = calloc(1, payload_size + 1);

        CHECK(payload);
        CHECK_INT(message_new(&event.message, "t", payload, payload_size, 1), 0);
        return event;
}

static void push_message(Inbox *inbox, uint64_t token, size_t payload_size) {
        const TransportEvent event = message_event(token, payload_size);

        CHECK_INT(inbox_push(inbox, &event), 0);
}

static void push_answer(Inbox *inbox, uint64_t token) {
        const TransportEvent event = {.kind = TRANSPORT_PUBLISHED, .token = token};

        CHECK_INT(inbox_push(inbox, &event), 0);
}

/* The token of the next event; 0 without one. */
static uint64_t take(Inbox *inbox) {
        TransportEvent event;

        if (inbox_next(inbox, &event) == 0)
                return 0;
        message_unref(event.message);
        CHECK(event.token > 0);
        return event.token;
}

static bool is_readable(const Inbox *inbox, int timeout_msec) {
        struct pollfd pfd = {.fd = inbox_fd(inbox), .events = POLLIN};

        return poll(&pfd, 1, timeout_msec) == 1;
}

static void test_order_and_fd(void) {
        Inbox *inbox = NULL;

        CHECK_INT(inbox_new(&inbox, 10, 100000), 0);
        CHECK(!is_readable(inbox, 0));
        CHECK_INT(take(inbox), 0);
        for (uint64_t i = 1; i <= 3; i++)
                push_answer(inbox, i);
        CHECK(is_readable(inbox, 0));
        CHECK_INT(take(inbox), 1);
        push_answer(inbox, 4); /* while a batch is being read */
        push_message(inbox, 5, 10);
        for (uint64_t i = 2; i <= 5; i++) {
                CHECK(is_readable(inbox, 0)); /* a reader may stop anywhere */
                CHECK_INT(take(inbox), i);
        }
        CHECK_INT(take(inbox), 0);
        CHECK(!is_readable(inbox, 0));
        push_answer(inbox, 6);
        CHECK(is_readable(inbox, 0));
        CHECK_INT(take(inbox), 6);
        inbox_free(inbox);
}

typedef struct Pusher {
        Inbox *inbox;
        uint64_t token;
        size_t payload_size;
        int result;
        atomic_bool done;
} Pusher;

static void *push_one(void *userdata) {
        Pusher *pusher = userdata;
        const TransportEvent event = message_event(pusher->token, pusher->payload_size);

        pusher->result = inbox_push(pusher->inbox, &event);
        atomic_store(&pusher->done, true);
        return NULL;
}

static pthread_t start(Pusher *pusher) {
        pthread_t thread;

        CHECK(pthread_create(&thread, NULL, push_one, pusher) == 0);
        return thread;
}

static void join(pthread_t thread) {
        CHECK(pthread_join(thread, NULL) == 0);
}

static void test_full_by_number(void) {
        Inbox *inbox = NULL;
        Pusher pusher = {.token = 4};
        pthread_t thread;

        CHECK_INT(inbox_new(&inbox, 3, 100000), 0);
        for (uint64_t i = 1; i <= 3; i++)
                push_message(inbox, i, 0);
        pusher.inbox = inbox;
        thread = start(&pusher);
        (void)usleep(50000);
        CHECK(!atomic_load(&pusher.done));
        /* Answers never wait. */
        for (uint64_t i = 10; i < 1000; i++)
                push_answer(inbox, i);
        CHECK_INT(take(inbox), 1);
        join(thread);
        CHECK_INT(pusher.result, 0);
        for (uint64_t i = 2; i <= 3; i++)
                CHECK_INT(take(inbox), i);
        for (uint64_t i = 10; i < 1000; i++)
                CHECK_INT(take(inbox), i);
        CHECK_INT(take(inbox), 4);
        CHECK_INT(take(inbox), 0);
        inbox_free(inbox);
}

static void test_full_by_bytes(void) {
        Inbox *inbox = NULL;
        Pusher pusher = {.token = 2, .payload_size = 5000};
        pthread_t thread;

        CHECK_INT(inbox_new(&inbox, 100, 8000), 0);
        push_message(inbox, 1, 5000);
        pusher.inbox = inbox;
        thread = start(&pusher);
        (void)usleep(50000);
        CHECK(!atomic_load(&pusher.done));
        CHECK_INT(take(inbox), 1);
        join(thread);
        CHECK_INT(take(inbox), 2);
        /* Larger than all the room: goes through alone. */
        push_message(inbox, 3, 20000);
        CHECK_INT(take(inbox), 3);
        inbox_free(inbox);
}

static void test_shut_releases(void) {
        const TransportEvent answer = {.kind = TRANSPORT_CLOSED};
        Pusher pushers[3] = {{.token = 2}, {.token = 3}, {.token = 4}};
        pthread_t threads[3];
        TransportEvent late;
        Inbox *inbox = NULL;

        CHECK_INT(inbox_new(&inbox, 1, 100000), 0);
        push_message(inbox, 1, 0);
        for (size_t i = 0; i < 3; i++) {
                pushers[i].inbox = inbox;
                threads[i] = start(&pushers[i]);
        }
        (void)usleep(50000);
        inbox_shut(inbox);
        for (size_t i = 0; i < 3; i++) {
                join(threads[i]);
                CHECK_INT(pushers[i].result, -ESHUTDOWN);
        }
        late = message_event(9, 10);
        CHECK_INT(inbox_push(inbox, &late), -ESHUTDOWN);
        CHECK_INT(inbox_push(inbox, &answer), -ESHUTDOWN);
        CHECK_INT(take(inbox), 1); /* what was there stays */
        CHECK_INT(take(inbox), 0);
        inbox_free(inbox);
}

/* What nobody took, in both batches, is freed; a leak checker looks on. */
/* Whatever is lost without memory: not the end, which starts the next attempt. */
static void test_ends_need_no_memory(void) {
        const TransportEvent lost = {.kind = TRANSPORT_LOST, .token = 1000},
                             closed = {.kind = TRANSPORT_CLOSED, .token = 1001},
                             answer = {.kind = TRANSPORT_PUBLISHED, .token = 1};
        Inbox *inbox = NULL;
        unsigned n;

        CHECK_INT(inbox_new(&inbox, 10, 100000), 0);
        starved = true;
        for (unsigned round = 0; round < 3; round++) {
                for (n = 0; inbox_push(inbox, &answer) == 0; n++)
                        CHECK(n < 10000);
                CHECK_INT(inbox_push(inbox, &answer), -ENOMEM);
                CHECK_INT(inbox_push(inbox, &lost), 0);
                CHECK_INT(inbox_push(inbox, &closed), 0);
                for (; n > 0; n--)
                        CHECK_INT(take(inbox), 1);
                CHECK_INT(take(inbox), 1000);
                CHECK_INT(take(inbox), 1001);
                CHECK_INT(take(inbox), 0);
        }
        starved = false;
        inbox_free(inbox);
}

static void test_freed_with_events(void) {
        Inbox *inbox = NULL;

        CHECK_INT(inbox_new(&inbox, 10, 100000), 0);
        for (uint64_t i = 1; i <= 3; i++)
                push_message(inbox, i, 10);
        CHECK_INT(take(inbox), 1);
        for (uint64_t i = 4; i <= 6; i++)
                push_message(inbox, i, 10);
        inbox_free(inbox);
}

#define N_THREADS 3U
#define N_EACH    5000U

typedef struct Crowd {
        Inbox *inbox;
        uint64_t first;
} Crowd;

static void *push_many(void *userdata) {
        const Crowd *crowd = userdata;

        for (uint64_t i = 1; i <= N_EACH; i++)
                if (i % 3 == 0)
                        push_answer(crowd->inbox, crowd->first + i);
                else
                        push_message(crowd->inbox, crowd->first + i, (size_t)(i * 37) % 300);
        return NULL;
}

/* Pushers that often wait, a reader that sleeps on the fd: nothing is lost, each one's order kept,
 * no wake-up missed. */
static void test_threads(void) {
        uint64_t next[N_THREADS] = {0};
        pthread_t threads[N_THREADS];
        Crowd crowds[N_THREADS];
        size_t n = 0;
        Inbox *inbox = NULL;

        CHECK_INT(inbox_new(&inbox, 16, 4000), 0);
        for (size_t i = 0; i < N_THREADS; i++) {
                crowds[i] = (Crowd){inbox, (uint64_t)i << 32};
                CHECK(pthread_create(&threads[i], NULL, push_many, &crowds[i]) == 0);
        }
        while (n < (size_t)N_THREADS * N_EACH) {
                uint64_t token;

                CHECK(is_readable(inbox, 20000));
                for (int i = 0; i < 7 && (token = take(inbox)) > 0; i++) {
                        CHECK_INT(token & UINT32_MAX, ++next[token >> 32]);
                        n++;
                }
        }
        for (size_t i = 0; i < N_THREADS; i++)
                join(threads[i]);
        CHECK_INT(take(inbox), 0);
        inbox_free(inbox);
}

TEST_MAIN(TEST(test_order_and_fd),
          TEST(test_full_by_number),
          TEST(test_full_by_bytes),
          TEST(test_shut_releases),
          TEST(test_ends_need_no_memory),
          TEST(test_freed_with_events),
          TEST(test_threads))
