/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QoS 1 message is acknowledged by the library when on_message() returns (MQTTClient would do so
 * before the call), so a PUBACK is true as soon as this function makes it true. Where it can't, the
 * PUBACK is withheld (puback.h).
 */
#include "cloud/attempt.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cloud/answer.h"
#include "cloud/paho-socket.h"
#include "cloud/puback.h"
#include "cloud/target.h"
#include "cloud/tls-hooks.h"

#define SLOTS_PER_CHUNK 64U

/* The library refuses more requests than this at once; the uplink asks for fewer. */
#define BUFFERED_MAX 4096

/* What the library hands back with the result of one request. */
typedef struct Slot {
        Attempt *attempt;
        uint64_t token;
        struct Slot *next_free;
} Slot;

typedef struct SlotChunk {
        struct SlotChunk *next;
        Slot slots[SLOTS_PER_CHUNK];
} SlotChunk;

struct Attempt {
        uint64_t epoch;
        TransportTarget target;
        Inbox *inbox;
        Commands *commands;
        TransportKeeper keeper;
        MQTTAsync client;
        atomic_bool online; /* set by the library's thread */

        pthread_mutex_t lock; /* for the slots: taken and given back by different threads */
        SlotChunk *chunks;
        Slot *free_slots;
};

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

static Slot *slot_take(Attempt *a, uint64_t token) {
        Slot *slot = NULL;

        (void)pthread_mutex_lock(&a->lock);
        if (a->free_slots || add_chunk(a) == 0) {
                slot = a->free_slots;
                a->free_slots = slot->next_free;
                slot->token = token;
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

/* Life */

int attempt_new(Attempt **ret,
                uint64_t epoch,
                TransportTarget *take_target,
                Inbox *inbox,
                Commands *commands,
                const TransportKeeper *keeper) {
        Attempt *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->epoch = epoch;
        a->target = *take_target;
        *take_target = (TransportTarget){0};
        a->inbox = inbox;
        a->commands = commands;
        a->keeper = *keeper;
        (void)pthread_mutex_init(&a->lock, NULL);
        *ret = a;
        return 0;
}

void attempt_end(Attempt *attempt) {
        /* Blocks until no callback of this client runs or will run. */
        if (attempt->client)
                MQTTAsync_destroy(&attempt->client);
        attempt->client = NULL;
        paho_socket_forget();
}

Attempt *attempt_free(Attempt *attempt) {
        if (!attempt)
                return NULL;
        attempt_end(attempt);
        while (attempt->chunks) {
                SlotChunk *chunk = attempt->chunks;

                attempt->chunks = chunk->next;
                free(chunk);
        }
        (void)pthread_mutex_destroy(&attempt->lock);
        target_done(&attempt->target);
        free(attempt);
        return NULL;
}

uint64_t attempt_epoch(const Attempt *attempt) {
        return attempt->epoch;
}

bool attempt_is_online(const Attempt *attempt) {
        return atomic_load(&attempt->online);
}

const TransportTarget *attempt_target(const Attempt *attempt) {
        return &attempt->target;
}

void attempt_push(const Attempt *attempt, TransportEvent event) {
        event.epoch = attempt->epoch;
        if (inbox_push(attempt->inbox, &event) < 0)
                /* No memory for an answer: the end of the connection gives up all its tokens. */
                paho_socket_cut();
}

/* Callbacks: the library's threads, its global lock held */

static void on_connected(void *context, MQTTAsync_successData *data) {
        Attempt *a = context;
        TransportEvent event = {
                        .kind = TRANSPORT_CONNECTED,
                        .session_present = data && data->alt.connect.sessionPresent,
        };

        if (a->target.tls)
                (void)snprintf(event.detail, sizeof(event.detail), "%s", tls_version_last());
        atomic_store(&a->online, true);
        attempt_push(a, event);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data) {
        Attempt *a = context;
        Command command = {.kind = COMMAND_FAILED,
                           .epoch = a->epoch,
                           .code = data ? data->code : MQTTASYNC_FAILURE,
                           .words = data ? data->message : NULL};

        commands_post(a->commands, &command);
}

/* The library's signature. NOLINTNEXTLINE(readability-non-const-parameter) */
static void on_lost(void *context, char *cause) {
        Attempt *a = context;
        Command command = {.kind = COMMAND_LOST, .epoch = a->epoch};

        (void)cause; /* always NULL in this version */
        commands_post(a->commands, &command);
}

/* What the keeper can't keep must come again, on another connection: 0, or -errno when not even
 * that can be had without ending this one. */
static int withhold(Attempt *a, int packet_id, int why) {
        const TransportEvent event = {.kind = TRANSPORT_WITHHELD, .epoch = a->epoch, .code = why};

        return puback_withhold((uint16_t)packet_id) ? inbox_push(a->inbox, &event) : why;
}

static int hand_over(Attempt *a, Message *take_message, int packet_id) {
        TransportEvent event = {
                        .kind = TRANSPORT_MESSAGE, .epoch = a->epoch, .message = take_message};
        int r = 0;

        /* At the end of the program the keeper may be gone, and nobody takes the message. */
        if (inbox_is_shut(a->inbox))
                r = -ESHUTDOWN;
        else if (message_qos(take_message) > 0 && a->keeper.keep)
                r = a->keeper.keep(a->keeper.userdata, a->epoch, take_message, &event.kept);
        if (r < 0) {
                message_unref(take_message);
                return withhold(a, packet_id, r);
        }
        puback_permit((uint16_t)packet_id);
        return inbox_push(a->inbox, &event);
}

static int on_message(void *context, char *topic, int topic_size, MQTTAsync_message *m) {
        Attempt *a = context;
        Message *message = NULL;
        int r;

        /* A name that holds a NUL, which MQTT forbids, is shorter than the library says. */
        if (topic_size == 0 || strlen(topic) == (size_t)topic_size)
                r = message_new(&message, topic, m->payload, (size_t)m->payloadlen, m->qos);
        else
                r = -EBADMSG;
        if (r == 0)
                r = hand_over(a, message, m->msgid);
        /* Returning 0 would not hold the PUBACK back; a dead socket does. */
        if (r < 0)
                paho_socket_cut();
        MQTTAsync_freeMessage(&m);
        MQTTAsync_free(topic);
        return 1;
}

static void on_published(void *context, MQTTAsync_successData *data) {
        Slot *slot = context;

        (void)data;
        attempt_push(slot->attempt,
                     (TransportEvent){.kind = TRANSPORT_PUBLISHED, .token = slot->token});
        slot_give(slot);
}

/* The connection has ended, or must: only the next one can settle what became of the message. The
 * loop hears of the end, and why, and not first that some message failed. */
static void on_unpublished(void *context, MQTTAsync_failureData *data) {
        (void)data;
        paho_socket_cut();
        slot_give(context);
}

static void on_subscribed(void *context, MQTTAsync_successData *data) {
        Slot *slot = context;
        /* A SUBACK with more than the one code that belongs to it leaves a number out of range. */
        int code = data && data->alt.qos >= 0 && data->alt.qos <= 2 ? data->alt.qos
                                                                    : MQTT_BAD_SUBSCRIBE;

        attempt_push(slot->attempt, (TransportEvent){.kind = TRANSPORT_SUBSCRIBED,
                                                     .token = slot->token,
                                                     .code = code});
        slot_give(slot);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData *data) {
        Slot *slot = context;

        /* Other failures than the SUBACK's mean that the connection has ended. */
        if (data && data->code == MQTT_BAD_SUBSCRIBE)
                attempt_push(slot->attempt, (TransportEvent){.kind = TRANSPORT_SUBSCRIBED,
                                                             .token = slot->token,
                                                             .code = MQTT_BAD_SUBSCRIBE});
        slot_give(slot);
}

static void on_unsubscribed(void *context, MQTTAsync_successData *data) {
        Slot *slot = context;

        (void)data;
        attempt_push(slot->attempt,
                     (TransportEvent){.kind = TRANSPORT_UNSUBSCRIBED, .token = slot->token});
        slot_give(slot);
}

static void on_unsubscribe_failed(void *context, MQTTAsync_failureData *data) {
        (void)data;
        slot_give(context);
}

/* Requests */

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
        options.maxBufferedMessages = BUFFERED_MAX;
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
        options.connectTimeout = (int)target->timeout_sec + 30; /* ours decides: see do_timeout() */
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

int attempt_start(Attempt *attempt) {
        int r;

        /* Half a keepalive: with the whole one that the library waits before it asks, a dead peer
         * is noticed in time. */
        paho_socket_set_user_timeout(attempt->target.keepalive_sec * 1000 / 2);
        puback_permit_all();
        answer_await();
        r = create_client(attempt);
        return r < 0 ? r : start_connect(attempt);
}

void attempt_publish(Attempt *attempt, uint64_t token, const Message *m, int qos) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        MQTTAsync_message message = MQTTAsync_message_initializer;
        Slot *slot = slot_take(attempt, token);
        union {
                const void *in;
                void *out; /* the library copies it and has no const */
        } payload = {.in = message_payload(m)};

        if (!slot) {
                attempt_push(attempt,
                             (TransportEvent){.kind = TRANSPORT_UNPUBLISHED, .token = token});
                return;
        }
        message.payload = payload.out;
        message.payloadlen = (int)message_payload_size(m);
        message.qos = qos;
        options.context = slot;
        options.onSuccess = on_published;
        options.onFailure = on_unpublished;
        if (MQTTAsync_sendMessage(attempt->client, message_topic(m), &message, &options) !=
            MQTTASYNC_SUCCESS)
                on_unpublished(slot, NULL);
}

void attempt_subscribe(Attempt *attempt, uint64_t token, const char *filter, int qos) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        Slot *slot = slot_take(attempt, token);

        options.context = slot;
        options.onSuccess = on_subscribed;
        options.onFailure = on_subscribe_failed;
        if (!slot ||
            MQTTAsync_subscribe(attempt->client, filter, qos, &options) != MQTTASYNC_SUCCESS)
                /* Without an answer the subscription's fate is unknown: connect anew. */
                paho_socket_cut();
}

void attempt_unsubscribe(Attempt *attempt, uint64_t token, const char *filter) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        Slot *slot = slot_take(attempt, token);

        options.context = slot;
        options.onSuccess = on_unsubscribed;
        options.onFailure = on_unsubscribe_failed;
        if (!slot || MQTTAsync_unsubscribe(attempt->client, filter, &options) != MQTTASYNC_SUCCESS)
                paho_socket_cut();
}
