/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A server on a socket of its own, a handler that records what it is asked, and programs to
 * connect to it, all in one thread: whoever waits turns the loop meanwhile.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "local/server.h"
#include "test.h"
#include "util/clock.h"

/* Longer than anything here takes, shorter than anybody's patience; reached only on failure. */
#define PATIENCE_USEC (20 * USEC_PER_SEC)

#define SESSIONS_MAX 64

typedef struct Bench {
        char directory[32], path[64];
        sd_event *event;
        LocalServer *server;

        size_t n_hello, n_publish, n_unsubscribe, n_done, n_status, n_watch, n_closed;
        size_t published_bytes;
        uint64_t last_mid;
        char last_topic[64];

        LocalSession *owed; /* the session of the last publish to "owe" */
        LocalSession *paused;
        LocalSession *subscribers[SESSIONS_MAX];
        size_t n_subscribers;
} Bench;

static void on_hello(void *userdata, LocalSession *session, const LocalId *id) {
        const LocalFact facts[] = {
                        {"name", LOCAL_FACT_STRING, local_session_name(session), 0},
                        {"client", LOCAL_FACT_STRING, local_session_client(session), 0},
        };
        Bench *bench = userdata;

        bench->n_hello++;
        local_session_facts(session, "hello", id, facts, ARRAY_SIZE(facts));
}

static void on_publish(void *userdata, LocalSession *session, const LocalPublish *publish) {
        const char *topic = message_topic(publish->message);
        Bench *bench = userdata;

        bench->n_publish++;
        bench->published_bytes += message_payload_size(publish->message);
        (void)snprintf(bench->last_topic, sizeof(bench->last_topic), "%s", topic);
        if (strcmp(topic, "quiet") == 0)
                return;
        if (strcmp(topic, "owe") == 0) {
                bench->owed = local_session_ref(session);
                local_session_hold(session);
                return;
        }
        if (strcmp(topic, "pause") == 0) {
                bench->paused = session;
                local_session_set_paused(session, true);
        }
        local_session_ack(session, publish->id, LOCAL_ACK_SENT, -1, false);
}

static void on_subscribe(void *userdata, LocalSession *session, const LocalSubscribe *subscribe) {
        Bench *bench = userdata;

        CHECK(bench->n_subscribers < SESSIONS_MAX);
        bench->subscribers[bench->n_subscribers++] = session;
        local_session_hold(session);
        local_session_ack(session, subscribe->id, LOCAL_ACK_SUBSCRIBED, subscribe->qos,
                          subscribe->durable);
}

static void on_unsubscribe(void *userdata,
                           LocalSession *session,
                           const LocalId *id,
                           const char *filter) {
        Bench *bench = userdata;

        bench->n_unsubscribe++;
        (void)snprintf(bench->last_topic, sizeof(bench->last_topic), "%s", filter);
        local_session_ack(session, id, LOCAL_ACK_UNSUBSCRIBED, -1, false);
}

static void on_done(void *userdata, LocalSession *session, uint64_t mid) {
        Bench *bench = userdata;

        (void)session;
        bench->n_done++;
        bench->last_mid = mid;
}

static void on_status(void *userdata, LocalSession *session, const LocalId *id) {
        Bench *bench = userdata;

        bench->n_status++;
        local_session_facts(session, "status", id, NULL, 0);
}

static void on_watch(void *userdata, LocalSession *session, const LocalId *id) {
        Bench *bench = userdata;

        bench->n_watch++;
        local_session_facts(session, "state", id, NULL, 0);
}

static void on_receipt(void *userdata,
                       LocalSession *session,
                       const LocalId *id,
                       uint64_t receipt,
                       LocalWait wait) {
        (void)userdata;
        local_session_ack_receipt(session, id,
                                  wait == LOCAL_WAIT_STORED ? LOCAL_ACK_STORED
                                                            : LOCAL_ACK_DELIVERED,
                                  -1, receipt);
}

static void on_spool(void *userdata, LocalSession *session, const LocalSpool *request) {
        const LocalSpooled next = {request->after + 1, "t", 1, 2, -1};
        Bench *bench = userdata;

        if (request->action == LOCAL_SPOOL_LIST) {
                local_session_spool(session, request->id, &next, request->limit,
                                    request->after + 1);
                return;
        }
        (void)snprintf(bench->last_topic, sizeof(bench->last_topic), "%s", request->filter);
        local_session_dropped(session, request->id, 3);
}

static void on_closed(void *userdata, LocalSession *session) {
        Bench *bench = userdata;

        bench->n_closed++;
        /* Goes nowhere, harms nobody. */
        local_session_facts(session, "state", NULL, NULL, 0);
        for (size_t i = 0; i < bench->n_subscribers;)
                if (bench->subscribers[i] == session)
                        bench->subscribers[i] = bench->subscribers[--bench->n_subscribers];
                else
                        i++;
}

static inline void bench_init_full(Bench *bench, const LocalLimits *limits) {
        static const LocalHandler handler = {.hello = on_hello,
                                             .publish = on_publish,
                                             .subscribe = on_subscribe,
                                             .unsubscribe = on_unsubscribe,
                                             .done = on_done,
                                             .status = on_status,
                                             .watch = on_watch,
                                             .receipt = on_receipt,
                                             .spool = on_spool,
                                             .closed = on_closed};
        int fd;

        *bench = (Bench){.directory = "/tmp/iotlink-test-XXXXXX"};
        CHECK(mkdtemp(bench->directory));
        (void)snprintf(bench->path, sizeof(bench->path), "%s/socket", bench->directory);
        CHECK(sd_event_new(&bench->event) >= 0);
        fd = local_listen(bench->path);
        CHECK(fd >= 0);
        CHECK_INT(local_server_new(&bench->server, bench->event, fd, limits, &handler, bench), 0);
}

static inline void bench_init(Bench *bench) {
        bench_init_full(bench, &(LocalLimits){.max_clients = 32,
                                              .client_buffer_bytes = 1024U * 1024U,
                                              .memory_bytes = 16U * 1024U * 1024U});
}

static inline void bench_deinit(Bench *bench) {
        LocalCounters counters = {0};
        size_t n_closed = bench->n_closed;

        local_server_counters(bench->server, &counters);
        local_server_free(bench->server);
        CHECK_INT(bench->n_closed, n_closed + counters.n_sessions);
        local_session_unref(bench->owed);
        sd_event_unref(bench->event);
        CHECK_INT(unlink(bench->path), 0);
        CHECK_INT(rmdir(bench->directory), 0);
}

/* Turns the loop until nothing is left to do. */
static inline void turn(Bench *bench) {
        while (sd_event_run(bench->event, 0) > 0)
                ;
}

static inline LocalCounters counters_of(Bench *bench) {
        LocalCounters counters = {0};

        turn(bench);
        local_server_counters(bench->server, &counters);
        return counters;
}

static inline int program_connect_only(Bench *bench) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        CHECK(fd >= 0);
        memcpy(address.sun_path, bench->path, strlen(bench->path) + 1);
        CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static inline int program_connect(Bench *bench) {
        int fd = program_connect_only(bench);

        turn(bench);
        return fd;
}

static inline void program_send_bytes(Bench *bench, int fd, const void *bytes, size_t size) {
        uint64_t deadline = clock_now_usec() + PATIENCE_USEC;

        for (size_t done = 0; done < size;) {
                ssize_t n = send(fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL);

                CHECK(n > 0 || errno == EAGAIN);
                CHECK(clock_now_usec() < deadline);
                done += n > 0 ? (size_t)n : 0;
                turn(bench);
        }
}

static inline void program_send(Bench *bench, int fd, const char *text) {
        program_send_bytes(bench, fd, text, strlen(text));
}

/* What can be read by now: bytes, 0 at the end, -1 if nothing. */
static inline ssize_t program_read(Bench *bench, int fd, void *ret, size_t size) {
        ssize_t n;

        turn(bench);
        n = recv(fd, ret, size, 0);
        CHECK(n >= 0 || errno == EAGAIN || errno == ECONNRESET);
        return n < 0 && errno == ECONNRESET ? 0 : n;
}

/* The next line without its newline, or "END". */
static inline const char *program_line(Bench *bench, int fd) {
        static char line[4096];
        uint64_t deadline = clock_now_usec() + PATIENCE_USEC;

        for (size_t n = 0;;) {
                ssize_t got = program_read(bench, fd, line + n, 1);

                CHECK(n < sizeof(line) - 1 && clock_now_usec() < deadline);
                if (got == 0)
                        return "END";
                if (got < 0)
                        continue;
                if (line[n] == '\n') {
                        line[n] = '\0';
                        return line;
                }
                n++;
        }
}

/* Nothing to read, and not at the end either */
static inline bool program_is_quiet(Bench *bench, int fd) {
        char byte;

        return program_read(bench, fd, &byte, 1) < 0;
}
