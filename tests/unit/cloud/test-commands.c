/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/commands.h"

#include "test.h"
#include "util/clock.h"

static void push(Commands *commands, uint64_t token) {
        Command command = {.kind = COMMAND_SUBSCRIBE, .token = token, .filter = strdup("a/#")};

        CHECK(command.filter);
        CHECK_INT(commands_push(commands, &command), 0);
}

static uint64_t take(Commands *commands) {
        Command command;
        uint64_t token;

        CHECK(commands_wait(commands, USEC_INFINITY, &command));
        CHECK_INT(command.kind, COMMAND_SUBSCRIBE);
        CHECK_STR(command.filter, "a/#");
        token = command.token;
        command_done(&command);
        CHECK(!command.filter && command.kind == COMMAND_SUBSCRIBE);
        return token;
}

/* Growing with the ring's seam at every place. */
static void test_order_while_growing(void) {
        for (uint64_t seam = 0; seam < 40; seam++) {
                uint64_t next_in = 0, next_out = 0;
                Commands commands;

                CHECK_INT(commands_init(&commands), 0);
                for (; next_in < seam; next_in++) {
                        push(&commands, next_in);
                        CHECK_INT(take(&commands), next_out++);
                }
                for (; next_in < seam + 300; next_in++)
                        push(&commands, next_in);
                while (next_out < next_in)
                        CHECK_INT(take(&commands), next_out++);
                commands_done(&commands);
        }
}

/* However full it is, what the library has to say finds room. */
static void test_room_for_posts(void) {
        for (uint64_t n = 0; n < 200; n++) {
                const Command lost = {.kind = COMMAND_LOST}, quit = {.kind = COMMAND_QUIT};
                Commands commands;
                Command command;

                CHECK_INT(commands_init(&commands), 0);
                for (uint64_t i = 0; i < n; i++)
                        push(&commands, i);
                commands_post(&commands, &lost);
                commands_post(&commands, &quit);
                push(&commands, n);
                for (uint64_t i = 0; i < n; i++)
                        CHECK_INT(take(&commands), i);
                CHECK(commands_wait(&commands, USEC_INFINITY, &command));
                CHECK_INT(command.kind, COMMAND_LOST);
                CHECK(commands_wait(&commands, USEC_INFINITY, &command));
                CHECK_INT(command.kind, COMMAND_QUIT);
                CHECK_INT(take(&commands), n);
                commands_done(&commands);
        }
}

/* Without a command the wait ends at its deadline; with one it doesn't look at the clock. */
static void test_deadline(void) {
        uint64_t began = clock_now_usec();
        Commands commands;
        Command command;

        CHECK_INT(commands_init(&commands), 0);
        CHECK(!commands_wait(&commands, began + 20 * USEC_PER_MSEC, &command));
        CHECK(clock_now_usec() >= began + 20 * USEC_PER_MSEC);
        CHECK(!commands_wait(&commands, began, &command));
        push(&commands, 7);
        CHECK(commands_wait(&commands, began, &command));
        CHECK_INT(command.token, 7);
        command_done(&command);
        commands_done(&commands);
}

/* What nobody took is freed; a leak checker looks on. */
static void test_left_over(void) {
        Command command = {.kind = COMMAND_CONNECT};
        Message *message = NULL;
        Commands commands;

        CHECK_INT(commands_init(&commands), 0);
        push(&commands, 1);
        CHECK_INT(message_new(&message, "t", "x", 1, 1), 0);
        CHECK_INT(commands_push(&commands, &(Command){.kind = COMMAND_PUBLISH, .message = message}),
                  0);
        command.target = calloc(1, sizeof(*command.target));
        CHECK(command.target);
        command.target->host = strdup("h");
        command.target->password = strdup("secret");
        CHECK_INT(commands_push(&commands, &command), 0);
        commands_done(&commands);
}

#define N_THREADS 4U
#define N_EACH    2000U

typedef struct Pusher {
        Commands *commands;
        uint64_t first;
} Pusher;

static void *push_many(void *userdata) {
        const Pusher *pusher = userdata;

        for (uint64_t i = 0; i < N_EACH; i++)
                push(pusher->commands, pusher->first + i);
        return NULL;
}

static void test_threads(void) {
        uint64_t next[N_THREADS] = {0};
        pthread_t threads[N_THREADS];
        Pusher pushers[N_THREADS];
        Commands commands;

        CHECK_INT(commands_init(&commands), 0);
        for (size_t i = 0; i < N_THREADS; i++) {
                pushers[i] = (Pusher){&commands, (uint64_t)i << 32};
                CHECK(pthread_create(&threads[i], NULL, push_many, &pushers[i]) == 0);
        }
        for (size_t i = 0; i < (size_t)N_THREADS * N_EACH; i++) {
                uint64_t token = take(&commands);

                CHECK_INT(token & UINT32_MAX, next[token >> 32]++);
        }
        for (size_t i = 0; i < N_THREADS; i++)
                CHECK(pthread_join(threads[i], NULL) == 0);
        commands_done(&commands);
}

/* Comes round for a sign of life only when told to. */
static void test_sign_of_life(void) {
        Command command;
        Commands commands;

        CHECK_INT(commands_init(&commands), 0);
        CHECK_INT(commands_stall_usec(&commands, 1000), 0);
        CHECK_INT(commands_stall_usec(&commands, 1500), 500);
        CHECK_INT(commands_stall_usec(&commands, 9000), 8000);
        CHECK(!commands_wait(&commands, 0, &command));
        CHECK_INT(commands_stall_usec(&commands, 10000), 0);
        push(&commands, 1);
        CHECK_INT(commands_stall_usec(&commands, 11000), 1000);
        CHECK_INT(take(&commands), 1);
        CHECK_INT(commands_stall_usec(&commands, 12000), 0);
        commands_done(&commands);
}

static void *wait_for_one(void *userdata) {
        (void)take(userdata);
        return NULL;
}

static void test_sign_of_life_while_waiting(void) {
        Commands commands;
        pthread_t thread;

        CHECK_INT(commands_init(&commands), 0);
        CHECK(pthread_create(&thread, NULL, wait_for_one, &commands) == 0);
        /* Every second call says 0 as long as the thread answers in between. */
        for (unsigned answers = 0; answers < 10;)
                answers += commands_stall_usec(&commands, 1) == 0;
        push(&commands, 1);
        CHECK(pthread_join(thread, NULL) == 0);
        commands_done(&commands);
}

TEST_MAIN(TEST(test_order_while_growing),
          TEST(test_room_for_posts),
          TEST(test_deadline),
          TEST(test_left_over),
          TEST(test_sign_of_life),
          TEST(test_sign_of_life_while_waiting),
          TEST(test_threads))
