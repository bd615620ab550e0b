/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "local/codec-json.h"

#define PUB_T  "{\"op\":\"pub\",\"id\":1,\"topic\":\"t\"}\n"
#define ACK    "{\"op\":\"ack\",\"id\":1,\"state\":\"sent\"}"
#define STATUS "{\"op\":\"status\"}\n"

static void test_says_nothing_first(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;

        bench_init(&bench);
        fd = program_connect(&bench);
        CHECK(program_is_quiet(&bench, fd));
        CHECK_INT(counters_of(&bench).n_sessions, 1);
}

static void test_each_request_reaches_the_handler(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;
        char expected[128];

        bench_init(&bench);
        fd = program_connect(&bench);
        program_send(&bench, fd, "{\"op\":\"hello\",\"id\":0}\n");
        (void)snprintf(expected, sizeof(expected),
                       "{\"op\":\"hello\",\"id\":0,\"name\":\"pid %d\"}", (int)getpid());
        CHECK_STR(program_line(&bench, fd), expected);
        program_send(&bench, fd, "{\"op\":\"hello\",\"client\":\"meter\"}\n");
        CHECK_STR(program_line(&bench, fd),
                  "{\"op\":\"hello\",\"name\":\"meter\",\"client\":\"meter\"}");
        program_send(&bench, fd, "{\"op\":\"hello\",\"client\":\"other\"}\n");
        CHECK(strstr(program_line(&bench, fd), "named \\\"meter\\\" already"));
        CHECK_INT(bench.n_hello, 2);

        program_send(&bench, fd, PUB_T);
        CHECK_STR(program_line(&bench, fd), ACK);
        CHECK_STR(bench.last_topic, "t");
        program_send(&bench, fd,
                     "{\"op\":\"sub\",\"id\":2,\"filter\":\"cmd/+\",\"durable\":true}\n");
        CHECK_STR(program_line(&bench, fd),
                  "{\"op\":\"ack\",\"id\":2,\"state\":\"subscribed\",\"qos\":1,\"pending\":true}");
        CHECK_INT(local_session_uid(bench.subscribers[0]), getuid());
        CHECK_INT(local_session_pid(bench.subscribers[0]), getpid());
        program_send(&bench, fd, "{\"op\":\"unsub\",\"id\":3,\"filter\":\"cmd/+\"}\n");
        CHECK_STR(program_line(&bench, fd), "{\"op\":\"ack\",\"id\":3,\"state\":\"unsubscribed\"}");
        CHECK_STR(bench.last_topic, "cmd/+");
        program_send(&bench, fd, "{\"op\":\"done\",\"mid\":77}\n" STATUS "{\"op\":\"watch\"}\n");
        CHECK_STR(program_line(&bench, fd), "{\"op\":\"status\"}");
        CHECK_STR(program_line(&bench, fd), "{\"op\":\"state\"}");
        CHECK_INT(bench.last_mid, 77);

        program_send(&bench, fd, "{\"op\":\"receipt\",\"id\":4,\"receipt\":17}\n");
        CHECK_STR(program_line(&bench, fd),
                  "{\"op\":\"ack\",\"id\":4,\"state\":\"stored\",\"receipt\":17}");
        program_send(&bench, fd,
                     "{\"op\":\"spool\",\"id\":5,\"action\":\"list\",\"after\":3,\"limit\":1}\n");
        CHECK_STR(program_line(&bench, fd),
                  "{\"op\":\"spool\",\"id\":5,\"messages\":[{\"receipt\":4,\"topic\":\"t\","
                  "\"size\":1,\"accepted\":2}],\"more\":true,\"after\":4}");
        program_send(&bench, fd,
                     "{\"op\":\"spool\",\"id\":6,\"action\":\"drop\",\"filter\":\"#\"}\n");
        CHECK_STR(program_line(&bench, fd),
                  "{\"op\":\"ack\",\"id\":6,\"state\":\"dropped\",\"count\":3}");
        CHECK_STR(bench.last_topic, "#");
}

static void test_requests_byte_by_byte(void) {
        static const char requests[] = PUB_T "\r\n" STATUS "nonsense\n" PUB_T;
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;

        bench_init(&bench);
        fd = program_connect(&bench);
        for (const char *p = requests; *p; p++)
                program_send_bytes(&bench, fd, p, 1);
        CHECK_STR(program_line(&bench, fd), ACK);
        CHECK_STR(program_line(&bench, fd), "{\"op\":\"status\"}");
        CHECK(strstr(program_line(&bench, fd), "\"code\":\"bad-request\""));
        CHECK_STR(program_line(&bench, fd), ACK);
        CHECK(program_is_quiet(&bench, fd));
}

static void test_many_requests_at_once(void) {
        enum { N = 5000 };
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;
        _cleanup_(freep) char *all = calloc(N, 64);
        size_t size = 0;

        CHECK(all);
        bench_init(&bench);
        fd = program_connect(&bench);
        for (int i = 0; i < N; i++)
                size += (size_t)sprintf(all + size, "{\"op\":\"pub\",\"id\":%d,\"topic\":\"t\"}\n",
                                        i);
        program_send_bytes(&bench, fd, all, size);
        for (int i = 0; i < N; i++) {
                char expected[64];

                (void)snprintf(expected, sizeof(expected),
                               "{\"op\":\"ack\",\"id\":%d,\"state\":\"sent\"}", i);
                CHECK_STR(program_line(&bench, fd), expected);
        }
        CHECK_INT(bench.n_publish, N);
        CHECK_INT(counters_of(&bench).buffered_bytes, 0);
}

static void send_big(Bench *bench, int fd, size_t payload_size) {
        _cleanup_(freep) char *payload = malloc(payload_size + 1);

        CHECK(payload);
        memset(payload, 'x', payload_size);
        payload[payload_size] = '\0';
        program_send(bench, fd, "{\"op\":\"pub\",\"id\":1,\"topic\":\"t\",\"payload\":\"");
        program_send(bench, fd, payload);
        program_send(bench, fd, "\"}\n");
}

static void test_largest_payload_and_beyond(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;

        bench_init(&bench);
        fd = program_connect(&bench);
        send_big(&bench, fd, MESSAGE_PAYLOAD_MAX);
        CHECK_STR(program_line(&bench, fd), ACK);
        CHECK_INT(bench.published_bytes, MESSAGE_PAYLOAD_MAX);
        send_big(&bench, fd, MESSAGE_PAYLOAD_MAX + 1);
        CHECK(strstr(program_line(&bench, fd), "\"id\":1,\"code\":\"too-large\""));
        send_big(&bench, fd, 3U * 1024U * 1024U);
        CHECK(strstr(program_line(&bench, fd), "\"code\":\"too-large\""));
        program_send(&bench, fd, PUB_T);
        CHECK_STR(program_line(&bench, fd), ACK);
        CHECK_INT(bench.n_publish, 2);
}

static void test_endless_line_ends_the_connection(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;
        char piece[65536];
        ssize_t n = 0;

        memset(piece, 'x', sizeof(piece));
        bench_init(&bench);
        fd = program_connect(&bench);
        for (size_t i = 0; i < 1000 && (n >= 0 || errno == EAGAIN); i++) {
                n = send(fd, piece, sizeof(piece), MSG_NOSIGNAL);
                turn(&bench);
        }
        CHECK(n < 0 && errno == EPIPE);
        CHECK(strstr(program_line(&bench, fd), "\"code\":\"too-large\""));
        CHECK(strstr(program_line(&bench, fd), "the connection ends here"));
        CHECK_STR(program_line(&bench, fd), "END");
        CHECK_INT(bench.n_closed, 1);
}

static void test_mqtt_is_refused_in_its_words(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;
        unsigned char answer[8];

        bench_init(&bench);
        fd = program_connect(&bench);
        program_send_bytes(&bench, fd, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 14);
        CHECK_INT(program_read(&bench, fd, answer, sizeof(answer)), 4);
        CHECK(memcmp(answer, "\x20\x02\x00\x03", 4) == 0);
        CHECK_STR(program_line(&bench, fd), "END");
        CHECK_INT(bench.n_closed, 1);
}

/* Sending: a message to all subscribers */

static void fan_out(Bench *bench, size_t payload_size, unsigned n) {
        _cleanup_(message_unrefp) Message *m = NULL;
        _cleanup_(freep) char *payload = malloc(payload_size);

        CHECK(payload);
        memset(payload, 'y', payload_size);
        CHECK_INT(message_new(&m, "remote", payload, payload_size, 1), 0);
        for (unsigned i = 0; i < n; i++)
                for (size_t s = 0; s < bench->n_subscribers; s++)
                        local_session_message(bench->subscribers[s], "t", m, 1, i + 1, false);
}

static int subscriber_connect(Bench *bench) {
        int fd = program_connect(bench);

        program_send(bench, fd, "{\"op\":\"sub\",\"filter\":\"#\"}\n");
        CHECK(strstr(program_line(bench, fd), "\"subscribed\""));
        return fd;
}

static void test_slow_reader_is_dropped_alone(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int slow = -1, good = -1;
        size_t n_good = 0;
        char bytes[65536];

        bench_init(&bench);
        slow = subscriber_connect(&bench);
        good = subscriber_connect(&bench);
        for (unsigned i = 0; i < 100; i++) {
                ssize_t n;

                fan_out(&bench, 10000, 4);
                while ((n = program_read(&bench, good, bytes, sizeof(bytes))) > 0)
                        for (ssize_t j = 0; j < n; j++)
                                n_good += bytes[j] == '\n';
                CHECK(n < 0);
        }
        CHECK_INT(n_good, 400);
        CHECK_INT(counters_of(&bench).dropped_slow, 1);
        CHECK_INT(counters_of(&bench).n_sessions, 1);
        CHECK_INT(counters_of(&bench).buffered_bytes, 0);
        CHECK_INT(bench.n_closed, 1);
        CHECK_INT(bench.n_subscribers, 1);
}

static void test_reader_within_the_limit_gets_all(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;

        bench_init(&bench);
        fd = subscriber_connect(&bench);
        fan_out(&bench, 3000, 200);
        turn(&bench);
        CHECK(counters_of(&bench).buffered_bytes > 0);
        for (unsigned i = 0; i < 200; i++) {
                char mid[32];

                (void)snprintf(mid, sizeof(mid), "\"mid\":%u}", i + 1);
                CHECK(strstr(program_line(&bench, fd), mid));
        }
        CHECK(program_is_quiet(&bench, fd));
        CHECK_INT(counters_of(&bench).buffered_bytes, 0);
}

static void test_one_message_always_fits(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;
        size_t n = 0;
        char bytes[4096];

        bench_init_full(&bench, &(LocalLimits){.max_clients = 2,
                                               .client_buffer_bytes = 1024,
                                               .memory_bytes = 4U * 1024U * 1024U});
        fd = subscriber_connect(&bench);
        fan_out(&bench, MESSAGE_PAYLOAD_MAX, 1);
        while (n < MESSAGE_PAYLOAD_MAX) {
                ssize_t got = program_read(&bench, fd, bytes, sizeof(bytes));

                CHECK(got > 0);
                n += (size_t)got;
        }
        CHECK_INT(counters_of(&bench).n_sessions, 1);
}

static void test_common_memory_sheds_the_biggest(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int half = -1, small = -1;
        _cleanup_(freep) char *payload = calloc(1, 1200001);

        CHECK(payload);
        memset(payload, ' ', 1200000);
        bench_init_full(&bench, &(LocalLimits){.max_clients = 8,
                                               .client_buffer_bytes = 8U * 1024U * 1024U,
                                               .memory_bytes = 1024U * 1024U});
        small = program_connect(&bench);
        program_send(&bench, small, "{\"op\":\"stat");
        half = program_connect(&bench);
        (void)!send(half, payload, 1, MSG_NOSIGNAL);
        for (size_t done = 0; done < 1200000;) {
                ssize_t n = send(half, payload + done, 1200000 - done, MSG_NOSIGNAL);

                if (n < 0 && errno == EPIPE)
                        break;
                done += n > 0 ? (size_t)n : 0;
                turn(&bench);
        }
        CHECK_STR(program_line(&bench, half), "END");
        program_send(&bench, small, "us\"}\n");
        CHECK_STR(program_line(&bench, small), "{\"op\":\"status\"}");
        CHECK_INT(bench.n_closed, 1);
}

/* Pausing */

static void test_paused_session_is_not_read(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;

        bench_init(&bench);
        fd = program_connect(&bench);
        program_send(&bench, fd, "{\"op\":\"pub\",\"id\":1,\"topic\":\"pause\"}\n" PUB_T PUB_T);
        program_send(&bench, fd, PUB_T);
        CHECK_INT(bench.n_publish, 1);
        CHECK_STR(program_line(&bench, fd), ACK);
        CHECK(program_is_quiet(&bench, fd));

        local_session_set_paused(bench.paused, false);
        turn(&bench);
        CHECK_INT(bench.n_publish, 4);
        for (unsigned i = 0; i < 3; i++)
                CHECK_STR(program_line(&bench, fd), ACK);
}

static void test_program_gone_while_paused(void) {
        _cleanup_(bench_deinit) Bench bench;
        int fd;

        bench_init(&bench);
        fd = program_connect(&bench);
        program_send(&bench, fd, "{\"op\":\"pub\",\"topic\":\"pause\"}\n" PUB_T);
        program_send(&bench, fd, PUB_T);
        CHECK_INT(close(fd), 0);
        turn(&bench); /* comes to rest although the hang-up can't be masked */
        CHECK_INT(bench.n_publish, 1);
        CHECK_INT(bench.n_closed, 0);

        local_session_set_paused(bench.paused, false);
        turn(&bench);
        CHECK_INT(bench.n_publish, 3);
        CHECK_INT(bench.n_closed, 1);
}

/* Ending */

static void test_half_close_gets_all_replies(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;

        bench_init(&bench);
        fd = program_connect_only(&bench);
        CHECK(send(fd, PUB_T STATUS, strlen(PUB_T STATUS), 0) > 0);
        CHECK(send(fd, "{\"op\":\"watch\"}", 14, 0) == 14); /* without a newline */
        CHECK_INT(shutdown(fd, SHUT_WR), 0);
        CHECK_STR(program_line(&bench, fd), ACK);
        CHECK_STR(program_line(&bench, fd), "{\"op\":\"status\"}");
        CHECK_STR(program_line(&bench, fd), "{\"op\":\"state\"}");
        CHECK_STR(program_line(&bench, fd), "END");
        CHECK_INT(bench.n_closed, 1);
}

static void test_half_close_waits_for_what_is_owed(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(closep) int fd = -1;
        const LocalId id = {LOCAL_ID_INTEGER, 9, ""};

        bench_init(&bench);
        fd = program_connect(&bench);
        program_send(&bench, fd, "{\"op\":\"pub\",\"id\":9,\"topic\":\"owe\"}");
        CHECK_INT(shutdown(fd, SHUT_WR), 0);
        CHECK(program_is_quiet(&bench, fd));
        CHECK_INT(bench.n_closed, 0);

        local_session_ack(bench.owed, &id, LOCAL_ACK_DELIVERED, -1, false);
        local_session_release(bench.owed);
        CHECK_STR(program_line(&bench, fd), "{\"op\":\"ack\",\"id\":9,\"state\":\"delivered\"}");
        CHECK_STR(program_line(&bench, fd), "END");
        CHECK_INT(bench.n_closed, 1);
}

static void test_half_closed_subscriber_goes_on_listening(void) {
        _cleanup_(bench_deinit) Bench bench;
        int fd;

        bench_init(&bench);
        fd = subscriber_connect(&bench);
        CHECK_INT(shutdown(fd, SHUT_WR), 0);
        turn(&bench);
        fan_out(&bench, 10, 1);
        CHECK(strstr(program_line(&bench, fd), "\"op\":\"msg\""));
        CHECK_INT(bench.n_closed, 0);
        CHECK_INT(close(fd), 0);
        turn(&bench);
        CHECK_INT(bench.n_closed, 1);
}

static void test_publishes_before_a_close_count(void) {
        enum { N = 3000 };
        _cleanup_(bench_deinit) Bench bench;
        char all[N * (sizeof(PUB_T) - 1) + 1];
        int fd;

        /* More than is read at a time, and no reply is ever read. */
        bench_init(&bench);
        fd = program_connect_only(&bench);
        for (unsigned i = 0; i < N; i++)
                memcpy(all + i * strlen(PUB_T), PUB_T, sizeof(PUB_T));
        CHECK_INT(send(fd, all, strlen(all), 0), strlen(all));
        CHECK_INT(close(fd), 0);
        turn(&bench);
        CHECK_INT(bench.n_publish, N);
        CHECK_INT(bench.n_closed, 1);
        CHECK_INT(counters_of(&bench).n_sessions, 0);
}

static void test_held_reference_outlives_the_session(void) {
        _cleanup_(bench_deinit) Bench bench;
        _cleanup_(message_unrefp) Message *m = NULL;
        int fd, something = 0;

        bench_init(&bench);
        fd = program_connect(&bench);
        program_send(&bench, fd, "{\"op\":\"pub\",\"topic\":\"owe\"}\n");
        local_session_set_userdata(bench.owed, &something);
        CHECK_INT(close(fd), 0);
        turn(&bench);
        CHECK_INT(bench.n_closed, 1);

        CHECK_INT(message_new(&m, "t", "x", 1, 0), 0);
        local_session_ack(bench.owed, NULL, LOCAL_ACK_SENT, -1, false);
        local_session_error(bench.owed, NULL, LOCAL_ERROR_OFFLINE, NULL, "%s", "too late");
        local_session_message(bench.owed, "t", m, 0, 0, false);
        local_session_facts(bench.owed, "state", NULL, NULL, 0);
        local_session_set_paused(bench.owed, true);
        local_session_set_paused(bench.owed, false);
        local_session_hold(bench.owed);
        local_session_release(bench.owed);
        CHECK(local_session_userdata(bench.owed) == &something);
        CHECK(strstr(local_session_name(bench.owed), "pid "));
        turn(&bench);
}

TEST_MAIN(TEST(test_says_nothing_first),
          TEST(test_each_request_reaches_the_handler),
          TEST(test_requests_byte_by_byte),
          TEST(test_many_requests_at_once),
          TEST(test_largest_payload_and_beyond),
          TEST(test_endless_line_ends_the_connection),
          TEST(test_mqtt_is_refused_in_its_words),
          TEST(test_slow_reader_is_dropped_alone),
          TEST(test_reader_within_the_limit_gets_all),
          TEST(test_one_message_always_fits),
          TEST(test_common_memory_sheds_the_biggest),
          TEST(test_paused_session_is_not_read),
          TEST(test_program_gone_while_paused),
          TEST(test_half_close_gets_all_replies),
          TEST(test_half_close_waits_for_what_is_owed),
          TEST(test_half_closed_subscriber_goes_on_listening),
          TEST(test_publishes_before_a_close_count),
          TEST(test_held_reference_outlives_the_session))
