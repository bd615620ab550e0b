/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cloud thread is the only caller of the library: MQTTAsync_connect() and everything that takes
 * its global lock can block for as long as DNS does. The library's own threads run the callbacks
 * with that lock held, so a callback only copies and pushes.
 *
 * Each attempt has a client object of its own, destroyed when it ends. That is the only way to
 * cancel a connect, to change the client id (its time stamp changes), and to be free of what the
 * library would keep from one connection to the next. What was in flight is the uplink's to resend.
 *
 * A QoS 1 message is acknowledged by the library when on_message() returns (MQTTClient would do so
 * before the call), so a PUBACK is true as soon as this function makes it true.
 */
#include "cloud/transport-paho.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cloud/commands.h"
#include "cloud/inbox.h"
#include "cloud/paho-socket.h"
#include "cloud/probe.h"
#include "cloud/target.h"
#include "util/clock.h"

/* What may wait for the loop from the cloud: enough to keep a burst flowing, little to hold. */
#define INBOX_MESSAGES  1024U
#define INBOX_BYTES     (4U * 1024U * 1024U)
#define PROBE_SEC       10U
#define JOIN_SEC        3
#define SLOTS_PER_CHUNK 64U

typedef struct Attempt Attempt;
typedef struct TransportPaho TransportPaho;

/* What the library hands back with the result of one request. */
typedef struct Slot {
        Attempt *attempt;
        uint64_t token;
        size_t n_filters;
        struct Slot *next_free;
} Slot;

typedef struct SlotChunk {
        struct SlotChunk *next;
        Slot slots[SLOTS_PER_CHUNK];
} SlotChunk;

/* One connection attempt and the connection that comes of it. */
struct Attempt {
        TransportPaho *transport;
        uint64_t epoch;
        TransportTarget target;
        MQTTAsync client;
        bool online; /* cloud thread: CONNECTED was seen by the library's threads before */

        pthread_mutex_t lock; /* for the slots: taken and given back by different threads */
        SlotChunk *chunks;
        Slot *free_slots;
};

struct TransportPaho {
        Transport base;
        Inbox *inbox;
        Commands commands;
        pthread_t thread;
        uint64_t last_epoch; /* loop thread */
        Attempt *attempt;    /* cloud thread */

        pthread_mutex_t fd_lock;
        int fd; /* our duplicate of the library's socket, or -1 */
};

static TransportPaho *from_base(Transport *base) {
        union {
                Transport *base;
                TransportPaho *paho;
        } u = {.base = base};

        return u.paho;
}

/* The socket */

static void set_fd(TransportPaho *t, int take_fd) {
        (void)pthread_mutex_lock(&t->fd_lock);
        if (t->fd >= 0)
                (void)close(t->fd);
        t->fd = take_fd;
        (void)pthread_mutex_unlock(&t->fd_lock);
}

/* Ends the connection under the library's feet: what it has not acknowledged, it no longer can. */
static void cut_socket(TransportPaho *t) {
        (void)pthread_mutex_lock(&t->fd_lock);
        if (t->fd >= 0)
                (void)shutdown(t->fd, SHUT_RDWR);
        (void)pthread_mutex_unlock(&t->fd_lock);
}

/* Slots */

static int add_chunk(Attempt *a) {
        SlotChunk *chunk = calloc(1, sizeof(*chunk));

        if (!chunk)
                return -ENOMEM;
        chunk->next = a->chunks;
        a->chunks = chunk;
        for (size_t i = 0; i < SLOTS_PER_CHUNK; i++) {
                chunk->slots[i] = (Slot){.attempt = a, .next_free = a->free_slots};
                a->free_slots = &chunk->slots[i];
        }
        return 0;
}

static Slot *slot_take(Attempt *a, uint64_t token, size_t n_filters) {
        Slot *slot = NULL;

        (void)pthread_mutex_lock(&a->lock);
        if (a->free_slots || add_chunk(a) == 0) {
                slot = a->free_slots;
                a->free_slots = slot->next_free;
                slot->token = token;
                slot->n_filters = n_filters;
        }
        (void)pthread_mutex_unlock(&a->lock);
        return slot;
}

static void slot_give(Slot *slot) {
        Attempt *a = slot->attempt;

        (void)pthread_mutex_lock(&a->lock);
        slot->next_free = a->free_slots;
        a->free_slots = slot;
        (void)pthread_mutex_unlock(&a->lock);
}

/* Attempts */

static Attempt *attempt_free(Attempt *a) {
        if (!a)
                return NULL;
        /* Blocks until no callback of this client runs or will run. */
        if (a->client)
                MQTTAsync_destroy(&a->client);
        while (a->chunks) {
                SlotChunk *chunk = a->chunks;

                a->chunks = chunk->next;
                free(chunk);
        }
        (void)pthread_mutex_destroy(&a->lock);
        target_done(&a->target);
        free(a);
        return NULL;
}

DEFINE_CLEANUP(Attempt *, attempt_free);

static void push(const Attempt *a, TransportEvent event) {
        event.epoch = a->epoch;
        if (inbox_push(a->transport->inbox, &event) < 0 && event.kind != TRANSPORT_MESSAGE)
                /* No memory for an answer: the end of the connection gives up all its tokens. */
                cut_socket(a->transport);
}

static void push_end(const Attempt *a, TransportEventKind kind, Reason reason, int code) {
        push(a, (TransportEvent){.kind = kind, .reason = reason, .code = code});
}

static void push_detail(const Attempt *a, Reason reason, const char *detail) {
        TransportEvent event = {.kind = TRANSPORT_FAILED, .reason = reason};

        (void)snprintf(event.detail, sizeof(event.detail), "%s", detail);
        push(a, event);
}

/* Callbacks: the library's threads, its global lock held */

static void on_connected(void *context, MQTTAsync_successData *data) {
        Attempt *a = context;

        set_fd(a->transport, paho_socket_take());
        push(a, (TransportEvent){.kind = TRANSPORT_CONNECTED,
                                 .session_present = data && data->alt.connect.sessionPresent});
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data) {
        Attempt *a = context;
        Command command = {.kind = COMMAND_FAILED,
                           .epoch = a->epoch,
                           .qos = data ? data->code : MQTTASYNC_FAILURE,
                           .words = data ? data->message : NULL};

        commands_post(&a->transport->commands, &command);
}

static void on_lost(void *context, char *cause) {
        Attempt *a = context;
        Command command = {.kind = COMMAND_LOST, .epoch = a->epoch};

        (void)cause; /* always NULL in this version */
        commands_post(&a->transport->commands, &command);
}

static int on_message(void *context, char *topic, int topic_size, MQTTAsync_message *m) {
        Attempt *a = context;
        Message *message = NULL;
        int r;

        /* The library gives a size when the name holds a NUL, which MQTT forbids. */
        if (topic_size == 0)
                r = message_new(&message, topic, m->payload, (size_t)m->payloadlen, m->qos);
        else
                r = -EBADMSG;
        if (r == 0) {
                TransportEvent event = {
                                .kind = TRANSPORT_MESSAGE, .epoch = a->epoch, .message = message};

                r = inbox_push(a->transport->inbox, &event);
        }
        /* Returning 0 would not hold the PUBACK back; only a dead socket does. */
        if (r < 0)
                cut_socket(a->transport);
        MQTTAsync_freeMessage(&m);
        MQTTAsync_free(topic);
        return 1;
}

static void on_published(void *context, MQTTAsync_successData *data) {
        Slot *slot = context;

        (void)data;
        push(slot->attempt, (TransportEvent){.kind = TRANSPORT_PUBLISHED, .token = slot->token});
        slot_give(slot);
}

static void on_unpublished(void *context, MQTTAsync_failureData *data) {
        Slot *slot = context;

        (void)data;
        push(slot->attempt, (TransportEvent){.kind = TRANSPORT_UNPUBLISHED, .token = slot->token});
        slot_give(slot);
}

static void on_subscribed(void *context, MQTTAsync_successData *data) {
        Slot *slot = context;
        TransportEvent event = {.kind = TRANSPORT_SUBSCRIBED,
                                .token = slot->token,
                                .n_codes = slot->n_filters};

        for (size_t i = 0; i < slot->n_filters; i++)
                event.codes[i] = (uint8_t)(slot->n_filters == 1 ? data->alt.qos
                                                                : data->alt.qosList[i]);
        push(slot->attempt, event);
        slot_give(slot);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *data) {
        Slot *slot = context;

        /* The SUBACK of a single filter; other failures mean that the connection has ended. */
        if (data && data->code == MQTT_BAD_SUBSCRIBE)
                push(slot->attempt, (TransportEvent){.kind = TRANSPORT_SUBSCRIBED,
                                                     .token = slot->token,
                                                     .codes = {MQTT_BAD_SUBSCRIBE},
                                                     .n_codes = 1});
        slot_give(slot);
}

static void on_unsubscribed(void *context, MQTTAsync_successData *data) {
        Slot *slot = context;

        (void)data;
        push(slot->attempt, (TransportEvent){.kind = TRANSPORT_UNSUBSCRIBED, .token = slot->token});
        slot_give(slot);
}

static void on_unsubscribe_failed(void *context, MQTTAsync_failureData *data) {
        (void)data;
        slot_give(context);
}

/* Commands: the cloud thread */

static int create_client(Attempt *a) {
        MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
        const TransportTarget *target = &a->target;
        char uri[320];
        int r;

        r = snprintf(uri, sizeof(uri), strchr(target->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                     target->tls ? "ssl" : "tcp", target->host, (unsigned)target->port);
        if (r < 0 || (size_t)r >= sizeof(uri))
                return -ENAMETOOLONG;
        options.sendWhileDisconnected = 0;
        options.MQTTVersion = MQTTVERSION_3_1_1;
        r = MQTTAsync_createWithOptions(&a->client, uri, target->client_id,
                                        MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
        if (r != MQTTASYNC_SUCCESS)
                return -EIO;
        /* Its tracing costs a fifth of the throughput even where nobody reads it. */
        MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
        r = MQTTAsync_setCallbacks(a->client, a, on_lost, on_message, NULL);
        return r == MQTTASYNC_SUCCESS ? 0 : -EIO;
}

static int start_connect(Attempt *a) {
        MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
        MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
        const TransportTarget *target = &a->target;

        ssl.trustStore = target->root_file;
        ssl.disableDefaultTrustStore = 1;
        ssl.enableServerCertAuth = 1;
        ssl.verify = 1; /* the host name too: off by default */
        ssl.keyStore = target->certificate_file;
        ssl.privateKey = target->key_file;

        options.MQTTVersion = MQTTVERSION_3_1_1; /* the default may fall back to 3.1 */
        options.cleansession = 0;
        options.keepAliveInterval = (int)target->keepalive_sec;
        options.connectTimeout = (int)target->timeout_sec;
        options.maxInflight = 65535; /* ours is smaller: a full window of the library stalls it */
        options.retryInterval = 0;
        options.automaticReconnect = 0;
        options.username = target->username;
        options.password = target->password;
        options.ssl = target->tls ? &ssl : NULL;
        options.onSuccess = on_connected;
        options.onFailure = on_connect_failed;
        options.context = a;
        return MQTTAsync_connect(a->client, &options) == MQTTASYNC_SUCCESS ? 0 : -EIO;
}

static int attempt_new(Attempt **ret, TransportPaho *t, const Command *command) {
        Attempt *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->transport = t;
        a->epoch = command->epoch;
        a->target = *command->target;
        *command->target = (TransportTarget){0}; /* moved */
        (void)pthread_mutex_init(&a->lock, NULL);
        *ret = a;
        return 0;
}

static void do_connect(TransportPaho *t, const Command *command) {
        _cleanup_(attempt_freep) Attempt *a = NULL;
        struct addrinfo *addresses = NULL;
        ProbeResult result;

        if (attempt_new(&a, t, command) < 0) {
                TransportEvent event = {.kind = TRANSPORT_FAILED,
                                        .reason = REASON_INTERNAL,
                                        .epoch = command->epoch,
                                        .detail = "out of memory"};

                (void)inbox_push(t->inbox, &event);
                return;
        }
        /* Once by ourselves first: the library can't say that the name is the problem. */
        if (!probe_resolve(a->target.host, a->target.port, &addresses, &result)) {
                push_detail(a, result.reason, result.detail);
                return;
        }
        freeaddrinfo(addresses);

        /* Half a keepalive: with the other one and a half, a dead peer is noticed in time. */
        paho_socket_set_user_timeout(a->target.keepalive_sec * 1000 / 2);
        if (create_client(a) < 0 || start_connect(a) < 0) {
                push_detail(a, REASON_INTERNAL, "the MQTT library refused the options");
                return;
        }
        t->attempt = TAKE_PTR(a);
}

/* Takes the attempt out of service; after this no event of its epoch can come but those pushed
 * here. */
static Attempt *retire(TransportPaho *t) {
        Attempt *a = TAKE_PTR(t->attempt);
        int fd;

        MQTTAsync_destroy(&a->client);
        a->client = NULL;
        set_fd(t, -1);
        fd = paho_socket_take();
        if (fd >= 0)
                (void)close(fd);
        return a;
}

/*
 * The library reports "TCP connect timeout" for any stage that took too long, and one failure for
 * everything between TCP and CONNACK.
 */
static void do_failed(TransportPaho *t, const Command *command) {
        _cleanup_(attempt_freep) Attempt *a = retire(t);
        bool timeout = command->words && strstr(command->words, "timeout");
        int code = command->qos;
        ProbeResult result;

        if (command->words && strcmp(command->words, "CONNACK return code") == 0 && code > 0) {
                push_end(a, TRANSPORT_FAILED, reason_from_connack(code), code);
                return;
        }
        probe_run(&a->target, PROBE_SEC, &result);
        if (result.reason == REASON_NONE)
                result.reason = timeout ? REASON_NO_ANSWER : REASON_BAD_ANSWER;
        push_detail(a, result.reason, result.detail);
}

static void do_lost(TransportPaho *t) {
        _cleanup_(attempt_freep) Attempt *a = retire(t);

        push_end(a, TRANSPORT_LOST, REASON_CLOSED, 0);
}

static void do_close(TransportPaho *t, const Command *command) {
        TransportEvent event = {.kind = TRANSPORT_CLOSED, .epoch = command->epoch};

        if (t->attempt)
                (void)attempt_free(retire(t));
        (void)inbox_push(t->inbox, &event);
}

static void do_publish(Attempt *a, const Command *command) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        MQTTAsync_message message = MQTTAsync_message_initializer;
        const Message *m = command->message;
        Slot *slot = slot_take(a, command->token, 0);
        union {
                const void *in;
                void *out; /* the library copies it and has no const */
        } payload = {.in = message_payload(m)};

        if (!slot) {
                push(a, (TransportEvent){.kind = TRANSPORT_UNPUBLISHED, .token = command->token});
                return;
        }
        message.payload = payload.out;
        message.payloadlen = (int)message_payload_size(m);
        message.qos = command->qos;
        options.context = slot;
        options.onSuccess = on_published;
        options.onFailure = on_unpublished;
        if (MQTTAsync_sendMessage(a->client, message_topic(m), &message, &options) !=
            MQTTASYNC_SUCCESS)
                on_unpublished(slot, NULL);
}

static void do_subscribe(Attempt *a, const Command *command) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        Slot *slot = slot_take(a, command->token, command->n_filters);
        char *filters[TRANSPORT_FILTERS_MAX];
        int qos[TRANSPORT_FILTERS_MAX];

        for (size_t i = 0; i < command->n_filters; i++) {
                union {
                        const char *in;
                        char *out; /* copied by the library too */
                } filter = {.in = command->filters[i].filter};

                filters[i] = filter.out;
                qos[i] = command->filters[i].qos;
        }
        options.context = slot;
        options.onSuccess = on_subscribed;
        options.onFailure = on_subscribe_failed;
        if (!slot || MQTTAsync_subscribeMany(a->client, (int)command->n_filters, filters, qos,
                                             &options) != MQTTASYNC_SUCCESS)
                /* Without an answer the subscription's fate is unknown: connect anew. */
                cut_socket(a->transport);
}

static void do_unsubscribe(Attempt *a, const Command *command) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        Slot *slot = slot_take(a, command->token, 0);

        options.context = slot;
        options.onSuccess = on_unsubscribed;
        options.onFailure = on_unsubscribe_failed;
        if (!slot || MQTTAsync_unsubscribe(a->client, command->filters[0].filter, &options) !=
                                     MQTTASYNC_SUCCESS)
                cut_socket(a->transport);
}

/* Commands that belong to an attempt which has ended since are dropped with its tokens. */
static void run_command(TransportPaho *t, const Command *command) {
        bool current = t->attempt && t->attempt->epoch == command->epoch;

        switch (command->kind) {
        case COMMAND_CONNECT:
                do_connect(t, command);
                break;
        case COMMAND_CLOSE:
                do_close(t, command);
                break;
        case COMMAND_PUBLISH:
                if (current)
                        do_publish(t->attempt, command);
                break;
        case COMMAND_SUBSCRIBE:
                if (current)
                        do_subscribe(t->attempt, command);
                break;
        case COMMAND_UNSUBSCRIBE:
                if (current)
                        do_unsubscribe(t->attempt, command);
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
        CommandKind kind;

        (void)pthread_setname_np(pthread_self(), "cloud");
        do {
                Command command;

                commands_wait(&t->commands, &command);
                kind = command.kind;
                run_command(t, &command);
                command_done(&command);
        } while (kind != COMMAND_QUIT);
        if (t->attempt)
                (void)attempt_free(retire(t));
        return NULL;
}

/* Operations: the loop thread */

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
        Command command = {.kind = COMMAND_CLOSE, .epoch = t->last_epoch};

        /* Without memory for the command, cutting the socket ends the connection too. */
        if (commands_push(&t->commands, &command) < 0)
                cut_socket(t);
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

static int push_filters(TransportPaho *t,
                        CommandKind kind,
                        uint64_t token,
                        const TransportSubscription *subscriptions,
                        size_t n) {
        Command command = {.kind = kind, .epoch = t->last_epoch, .token = token};
        int r = 0;

        command.filters = calloc(n, sizeof(*command.filters));
        if (!command.filters)
                return -ENOMEM;
        for (; command.n_filters < n && r == 0; command.n_filters++) {
                TransportSubscription *copy = &command.filters[command.n_filters];

                copy->qos = subscriptions[command.n_filters].qos;
                copy->filter = strdup(subscriptions[command.n_filters].filter);
                if (!copy->filter)
                        r = -ENOMEM;
        }
        if (r == 0)
                r = commands_push(&t->commands, &command);
        if (r < 0)
                command_done(&command);
        return r;
}

static int op_subscribe(Transport *base,
                        uint64_t token,
                        const TransportSubscription *subscriptions,
                        size_t n_subscriptions) {
        if (n_subscriptions == 0 || n_subscriptions > TRANSPORT_FILTERS_MAX)
                return -EINVAL;
        return push_filters(from_base(base), COMMAND_SUBSCRIBE, token, subscriptions,
                            n_subscriptions);
}

static int op_unsubscribe(Transport *base, uint64_t token, const char *filter) {
        TransportSubscription subscription = {.filter = filter};

        return push_filters(from_base(base), COMMAND_UNSUBSCRIBE, token, &subscription, 1);
}

static uint64_t op_silence_usec(Transport *base) {
        TransportPaho *t = from_base(base);
        uint64_t usec;

        (void)pthread_mutex_lock(&t->fd_lock);
        usec = paho_socket_silence_usec(t->fd);
        (void)pthread_mutex_unlock(&t->fd_lock);
        return usec;
}

static int op_fd(Transport *base) {
        return inbox_fd(from_base(base)->inbox);
}

static int op_next(Transport *base, TransportEvent *ret_event) {
        return inbox_next(from_base(base)->inbox, ret_event);
}

static Transport *op_free(Transport *base) {
        TransportPaho *t = from_base(base);
        const Command quit = {.kind = COMMAND_QUIT};
        struct timespec until;

        inbox_shut(t->inbox);
        commands_post(&t->commands, &quit);
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += JOIN_SEC;
        if (pthread_clockjoin_np(t->thread, NULL, CLOCK_MONOTONIC, &until) != 0)
                /* Stuck in DNS with the library's lock: leave it all to the end of the process. */
                return NULL;
        set_fd(t, -1);
        commands_done(&t->commands);
        (void)pthread_mutex_destroy(&t->fd_lock);
        (void)inbox_free(t->inbox);
        free(t);
        return NULL;
}

static const TransportOps ops = {
                .connect = op_connect,
                .close = op_close,
                .publish = op_publish,
                .subscribe = op_subscribe,
                .unsubscribe = op_unsubscribe,
                .silence_usec = op_silence_usec,
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
        t->fd = -1;
        r = inbox_new(&t->inbox, INBOX_MESSAGES, INBOX_BYTES);
        if (r < 0)
                return r;
        r = commands_init(&t->commands);
        if (r < 0) {
                (void)inbox_free(t->inbox);
                return r;
        }
        (void)pthread_mutex_init(&t->fd_lock, NULL);
        /* The library obeys these for MQTT connections too, and reads its trace settings. */
        (void)unsetenv("http_proxy");
        (void)unsetenv("https_proxy");
        (void)unsetenv("MQTT_C_CLIENT_TRACE");
        (void)unsetenv("MQTT_C_CLIENT_TRACE_LEVEL");
        r = -pthread_create(&t->thread, NULL, cloud_thread, t);
        if (r < 0) {
                (void)pthread_mutex_destroy(&t->fd_lock);
                commands_done(&t->commands);
                (void)inbox_free(t->inbox);
                return r;
        }
        *ret = &TAKE_PTR(t)->base;
        return 0;
}
