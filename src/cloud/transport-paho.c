/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cloud thread is the only caller of the library: MQTTAsync_connect() and everything that takes
 * its global lock can block for as long as DNS does. The loop hands it commands and gets events.
 */
#include "cloud/transport-paho.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cloud/answer.h"
#include "cloud/attempt.h"
#include "cloud/commands.h"
#include "cloud/inbox.h"
#include "cloud/paho-socket.h"
#include "cloud/probe.h"
#include "cloud/target.h"
#include "util/clock.h"

/* What may wait for the loop from the cloud: enough to keep a burst flowing, little to hold. */
#define INBOX_MESSAGES 1024U
#define INBOX_BYTES    (4U * 1024U * 1024U)
#define PROBE_SEC      5U
#define JOIN_SEC       2

typedef struct TransportPaho {
        Transport base;
        Inbox *inbox;
        Commands commands;
        TransportKeeper keeper;
        pthread_t thread;
        pthread_mutex_t end_lock; /* for ended: pthread_clockjoin_np() is lost on ThreadSanitizer */
        pthread_cond_t end;
        bool ended;
        uint64_t last_epoch;    /* loop thread */
        Attempt *attempt;       /* cloud thread */
        uint64_t deadline_usec; /* cloud thread: when the attempt must be online */
} TransportPaho;

static TransportPaho *from_base(Transport *base) {
        union {
                Transport *base;
                TransportPaho *paho;
        } u = {.base = base};

        return u.paho;
}

/* The cloud thread */

static void push_failed(const Attempt *a, Reason reason, int code, const char *detail) {
        TransportEvent event = {.kind = TRANSPORT_FAILED, .reason = reason, .code = code};

        (void)snprintf(event.detail, sizeof(event.detail), "%s", detail);
        attempt_push(a, event);
}

static void do_connect(TransportPaho *t, const Command *command) {
        _cleanup_(attempt_freep) Attempt *a = NULL;
        struct addrinfo *addresses = NULL;
        ProbeResult result;

        if (attempt_new(&a, command->epoch, command->target, t->inbox, &t->commands, &t->keeper) <
            0) {
                TransportEvent event = {.kind = TRANSPORT_FAILED,
                                        .reason = REASON_INTERNAL,
                                        .epoch = command->epoch,
                                        .detail = "out of memory"};

                (void)inbox_push(t->inbox, &event);
                return;
        }
        /* Once by ourselves first: the library can't say that the name is the problem. */
        if (!probe_resolve(attempt_target(a)->host, attempt_target(a)->port, &addresses, &result)) {
                push_failed(a, result.reason, 0, result.detail);
                return;
        }
        freeaddrinfo(addresses);
        if (attempt_start(a) < 0) {
                push_failed(a, REASON_INTERNAL, 0, "the MQTT library refused the options");
                return;
        }
        t->attempt = TAKE_PTR(a);
        t->deadline_usec =
                        clock_now_usec() + attempt_target(t->attempt)->timeout_sec * USEC_PER_SEC;
}

/*
 * The library has one failure for everything between TCP and CONNACK: so the steps are walked again
 * to find the one that fails. If none does, what the server has said to CONNECT tells; or else it
 * is @otherwise.
 */
static void push_reason(const Attempt *a, Reason otherwise) {
        ProbeResult result;
        Answer answer;

        answer_take(&answer);
        probe_run(attempt_target(a), PROBE_SEC, &result);
        if (result.reason == REASON_NONE) {
                result.reason = otherwise;
                probe_explain(attempt_target(a), &answer, PROBE_SEC, &result);
        }
        push_failed(a, result.reason, 0, result.detail);
}

static void do_failed(TransportPaho *t, const Command *command) {
        _cleanup_(attempt_freep) Attempt *a = TAKE_PTR(t->attempt);
        int code = command->code;

        attempt_end(a);
        if (command->words && strcmp(command->words, "CONNACK return code") == 0 && code > 0)
                push_failed(a, reason_from_connack(code), code, "");
        else
                push_reason(a, REASON_CLOSED_EARLY);
}

/* The library looks at its own timeout only now and then, and not in every state. */
static void do_timeout(TransportPaho *t) {
        _cleanup_(attempt_freep) Attempt *a = NULL;
        bool connected;

        t->deadline_usec = USEC_INFINITY;
        if (!t->attempt || attempt_is_online(t->attempt))
                return;
        a = TAKE_PTR(t->attempt);
        connected = paho_socket_is_connected();
        attempt_end(a);
        if (connected)
                push_reason(a, REASON_NO_ANSWER);
        else
                push_failed(a, REASON_TCP_TIMEOUT, 0, "");
}

static void do_lost(TransportPaho *t) {
        _cleanup_(attempt_freep) Attempt *a = TAKE_PTR(t->attempt);
        TransportEvent event = {.kind = TRANSPORT_LOST, .reason = REASON_CLOSED};
        int error = paho_socket_error();
        char words[96];

        attempt_end(a);
        if (error == ETIMEDOUT) /* the kernel has given up sending */
                event.reason = REASON_KEEPALIVE_TIMEOUT;
        if (error != 0)
                (void)snprintf(event.detail, sizeof(event.detail), "%s",
                               strerror_r(error, words, sizeof(words)));
        attempt_push(a, event);
}

static void do_close(TransportPaho *t, const Command *command) {
        TransportEvent event = {.kind = TRANSPORT_CLOSED, .epoch = command->epoch};

        t->attempt = attempt_free(t->attempt);
        (void)inbox_push(t->inbox, &event);
}

/* Commands that belong to an attempt which has ended since are dropped with its tokens. */
static void run_command(TransportPaho *t, const Command *command) {
        bool current = t->attempt && attempt_epoch(t->attempt) == command->epoch;

        switch (command->kind) {
        case COMMAND_CONNECT:
                do_connect(t, command);
                break;
        case COMMAND_CLOSE:
                do_close(t, command);
                break;
        case COMMAND_PUBLISH:
                if (current)
                        attempt_publish(t->attempt, command->token, command->message, command->qos);
                break;
        case COMMAND_SUBSCRIBE:
                if (current)
                        attempt_subscribe(t->attempt, command->token, command->filter,
                                          command->qos);
                break;
        case COMMAND_UNSUBSCRIBE:
                if (current)
                        attempt_unsubscribe(t->attempt, command->token, command->filter);
                break;
        case COMMAND_FAILED:
                if (current)
                        do_failed(t, command);
                break;
        case COMMAND_LOST:
                if (current)
                        do_lost(t);
                break;
        case COMMAND_QUIT:
                break;
        }
}

static void *cloud_thread(void *userdata) {
        TransportPaho *t = userdata;
        CommandKind kind = COMMAND_CLOSE;

        (void)pthread_setname_np(pthread_self(), "cloud");
        do {
                Command command;

                if (!commands_wait(&t->commands, t->deadline_usec, &command)) {
                        do_timeout(t);
                        continue;
                }
                kind = command.kind;
                run_command(t, &command);
                command_done(&command);
        } while (kind != COMMAND_QUIT);
        t->attempt = attempt_free(t->attempt);

        (void)pthread_mutex_lock(&t->end_lock);
        t->ended = true;
        (void)pthread_cond_signal(&t->end);
        (void)pthread_mutex_unlock(&t->end_lock);
        return NULL;
}

/* Operations: the loop thread */

static void op_set_keeper(Transport *base, const TransportKeeper *keeper) {
        from_base(base)->keeper = *keeper;
}

static int op_connect(Transport *base, const TransportTarget *target, uint64_t *ret_epoch) {
        TransportPaho *t = from_base(base);
        Command command = {.kind = COMMAND_CONNECT, .epoch = t->last_epoch + 1};
        int r;

        command.target = calloc(1, sizeof(*command.target));
        if (!command.target)
                return -ENOMEM;
        r = target_copy(target, command.target);
        if (r == 0)
                r = commands_push(&t->commands, &command);
        if (r < 0) {
                command_done(&command);
                return r;
        }
        *ret_epoch = ++t->last_epoch;
        return 0;
}

static void op_close(Transport *base) {
        TransportPaho *t = from_base(base);
        const Command command = {.kind = COMMAND_CLOSE, .epoch = t->last_epoch};

        /* The link makes no attempt before CLOSED, so this must not fail. */
        commands_post(&t->commands, &command);
}

static int op_publish(Transport *base, uint64_t token, Message *message, int qos) {
        TransportPaho *t = from_base(base);
        Command command = {.kind = COMMAND_PUBLISH,
                           .epoch = t->last_epoch,
                           .token = token,
                           .qos = qos,
                           .message = message_ref(message)};
        int r = commands_push(&t->commands, &command);

        if (r < 0)
                command_done(&command);
        return r;
}

static int push_filter(
                TransportPaho *t, CommandKind kind, uint64_t token, const char *filter, int qos) {
        Command command = {.kind = kind, .epoch = t->last_epoch, .token = token, .qos = qos};
        int r;

        command.filter = strdup(filter);
        if (!command.filter)
                return -ENOMEM;
        r = commands_push(&t->commands, &command);
        if (r < 0)
                command_done(&command);
        return r;
}

static int op_subscribe(Transport *base, uint64_t token, const char *filter, int qos) {
        return push_filter(from_base(base), COMMAND_SUBSCRIBE, token, filter, qos);
}

static int op_unsubscribe(Transport *base, uint64_t token, const char *filter) {
        return push_filter(from_base(base), COMMAND_UNSUBSCRIBE, token, filter, 0);
}

static uint64_t op_silence_usec(Transport *base) {
        (void)base;
        return paho_socket_silence_usec();
}

static uint64_t op_stall_usec(Transport *base) {
        return commands_stall_usec(&from_base(base)->commands, clock_now_usec());
}

static int op_fd(Transport *base) {
        return inbox_fd(from_base(base)->inbox);
}

static int op_next(Transport *base, TransportEvent *ret_event) {
        return inbox_next(from_base(base)->inbox, ret_event);
}

static bool wait_for_end(TransportPaho *t) {
        struct timespec until;
        bool ended;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += JOIN_SEC;
        (void)pthread_mutex_lock(&t->end_lock);
        while (!t->ended &&
               pthread_cond_clockwait(&t->end, &t->end_lock, CLOCK_MONOTONIC, &until) == 0)
                ;
        ended = t->ended;
        (void)pthread_mutex_unlock(&t->end_lock);
        return ended;
}

static Transport *op_free(Transport *base) {
        TransportPaho *t = from_base(base);
        const Command quit = {.kind = COMMAND_QUIT};

        inbox_shut(t->inbox);
        commands_post(&t->commands, &quit);
        if (!wait_for_end(t))
                /* Stuck in DNS with the library's lock: leave it all to the end of the process. */
                return NULL;
        (void)pthread_join(t->thread, NULL);
        (void)pthread_cond_destroy(&t->end);
        (void)pthread_mutex_destroy(&t->end_lock);
        commands_done(&t->commands);
        (void)inbox_free(t->inbox);
        free(t);
        return NULL;
}

static const TransportOps ops = {
                .set_keeper = op_set_keeper,
                .connect = op_connect,
                .close = op_close,
                .publish = op_publish,
                .subscribe = op_subscribe,
                .unsubscribe = op_unsubscribe,
                .silence_usec = op_silence_usec,
                .stall_usec = op_stall_usec,
                .fd = op_fd,
                .next = op_next,
                .free = op_free,
};

int transport_paho_new(Transport **ret) {
        _cleanup_(freep) TransportPaho *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        t->base.ops = &ops;
        t->deadline_usec = USEC_INFINITY;
        (void)pthread_mutex_init(&t->end_lock, NULL);
        (void)pthread_cond_init(&t->end, NULL);
        r = inbox_new(&t->inbox, INBOX_MESSAGES, INBOX_BYTES);
        if (r < 0)
                return r;
        r = commands_init(&t->commands);
        if (r < 0) {
                (void)inbox_free(t->inbox);
                return r;
        }
        /* The library obeys these for MQTT connections too, and reads its trace settings. */
        (void)unsetenv("http_proxy");
        (void)unsetenv("https_proxy");
        (void)unsetenv("MQTT_C_CLIENT_TRACE");
        (void)unsetenv("MQTT_C_CLIENT_TRACE_LEVEL");
        r = -pthread_create(&t->thread, NULL, cloud_thread, t);
        if (r < 0) {
                commands_done(&t->commands);
                (void)inbox_free(t->inbox);
                return r;
        }
        *ret = &TAKE_PTR(t)->base;
        return 0;
}
