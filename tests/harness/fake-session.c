/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-session.h"

#include <inttypes.h>
#include <stdarg.h>

#include "test.h"

struct LocalSession {
        unsigned refs;
        void *userdata;
        int holds;
        bool paused;
        const char *client;
        uid_t uid;
        char *lines, *taken;
        size_t used, size;
        char words[512];
};

LocalSession *fake_session_new(void) {
        LocalSession *session = calloc(1, sizeof(*session));

        CHECK(session);
        session->refs = 1;
        return session;
}

static void __attribute__((__format__(__printf__, 2, 3)))
add(LocalSession *session, const char *format, ...) {
        char line[1024];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        CHECK(n >= 0 && (size_t)n < sizeof(line));
        if (session->used + (size_t)n + 1 > session->size) {
                session->size = session->size * 2 + (size_t)n + 1;
                session->lines = realloc(session->lines, session->size);
                CHECK(session->lines);
        }
        memcpy(session->lines + session->used, line, (size_t)n + 1);
        session->used += (size_t)n;
}

const char *fake_session_take(LocalSession *session) {
        free(session->taken);
        session->taken = TAKE_PTR(session->lines);
        session->used = session->size = 0;
        return session->taken ? session->taken : "";
}

const char *fake_session_words(const LocalSession *session) {
        return session->words;
}

int fake_session_holds(const LocalSession *session) {
        return session->holds;
}

bool fake_session_paused(const LocalSession *session) {
        return session->paused;
}

void fake_session_set_client(LocalSession *session, const char *client, uid_t uid) {
        session->client = client;
        session->uid = uid;
}

unsigned fake_session_refs(const LocalSession *session) {
        return session->refs;
}

/* local/session.h */

LocalSession *local_session_ref(LocalSession *session) {
        session->refs++;
        return session;
}

LocalSession *local_session_unref(LocalSession *session) {
        if (!session)
                return NULL;
        CHECK(session->refs > 0);
        if (--session->refs == 0) {
                free(session->lines);
                free(session->taken);
                free(session);
        }
        return NULL;
}

void local_session_set_userdata(LocalSession *session, void *userdata) {
        session->userdata = userdata;
}

void *local_session_userdata(const LocalSession *session) {
        return session->userdata;
}

const char *local_session_client(const LocalSession *session) {
        return session->client;
}

uid_t local_session_uid(const LocalSession *session) {
        return session->uid;
}

static const char *id_text(const LocalId *id) {
        static char text[LOCAL_ID_BYTES_MAX + 1];

        if (!id || id->kind == LOCAL_ID_NONE)
                return "-";
        if (id->kind == LOCAL_ID_STRING)
                return id->string;
        (void)snprintf(text, sizeof(text), "%" PRId64, id->integer);
        return text;
}

static void add_ack(LocalSession *session,
                    const LocalId *id,
                    LocalAck state,
                    int qos,
                    bool pending,
                    uint64_t receipt) {
        static const char *const words[_LOCAL_ACK_MAX] = {
                        [LOCAL_ACK_SENT] = "sent",
                        [LOCAL_ACK_STORED] = "stored",
                        [LOCAL_ACK_DELIVERED] = "delivered",
                        [LOCAL_ACK_SUBSCRIBED] = "subscribed",
                        [LOCAL_ACK_UNSUBSCRIBED] = "unsubscribed",
                        [LOCAL_ACK_DROPPED] = "dropped",
        };
        char qos_text[16] = "", receipt_text[40] = "";

        if (qos >= 0)
                (void)snprintf(qos_text, sizeof(qos_text), " qos=%d", qos);
        if (receipt > 0)
                (void)snprintf(receipt_text, sizeof(receipt_text), " receipt=%" PRIu64, receipt);
        add(session, "ack %s %s%s%s%s\n", id_text(id), words[state], qos_text, receipt_text,
            pending ? " pending" : "");
}

void local_session_ack(
                LocalSession *session, const LocalId *id, LocalAck state, int qos, bool pending) {
        add_ack(session, id, state, qos, pending, 0);
}

void local_session_ack_receipt(LocalSession *session,
                               const LocalId *id,
                               LocalAck state,
                               int qos,
                               uint64_t receipt) {
        add_ack(session, id, state, qos, false, receipt);
}

void local_session_dropped(LocalSession *session, const LocalId *id, uint64_t count) {
        add(session, "ack %s dropped count=%" PRIu64 "\n", id_text(id), count);
}

void local_session_spool(LocalSession *session,
                         const LocalId *id,
                         const LocalSpooled *items,
                         size_t n_items,
                         uint64_t after) {
        add(session, "spool %s%s\n", id_text(id), after > 0 ? " more" : "");
        for (size_t i = 0; i < n_items; i++)
                add(session, "  %" PRIu64 " %s size=%zu ttl=%" PRId64 "\n", items[i].receipt,
                    items[i].topic, items[i].size, items[i].expires_in_sec);
}

void local_session_error(LocalSession *session,
                         const LocalId *id,
                         LocalError code,
                         const char *filter,
                         const char *format,
                         ...) {
        static const char *const words[_LOCAL_ERROR_MAX] = {
                        [LOCAL_ERROR_BAD_REQUEST] = "bad-request",
                        [LOCAL_ERROR_TOO_LARGE] = "too-large",
                        [LOCAL_ERROR_BAD_TOPIC] = "bad-topic",
                        [LOCAL_ERROR_UNSUPPORTED] = "unsupported",
                        [LOCAL_ERROR_DENIED] = "denied",
                        [LOCAL_ERROR_QUOTA] = "quota",
                        [LOCAL_ERROR_FULL] = "full",
                        [LOCAL_ERROR_OFFLINE] = "offline",
                        [LOCAL_ERROR_EXPIRED] = "expired",
                        [LOCAL_ERROR_REJECTED] = "rejected",
                        [LOCAL_ERROR_INTERNAL] = "internal",
        };
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(session->words, sizeof(session->words), format, ap);
        va_end(ap);
        CHECK(session->words[0]);
        add(session, "error %s %s%s%s\n", id_text(id), words[code], filter ? " " : "",
            filter ? filter : "");
}

void local_session_message(LocalSession *session,
                           const char *topic,
                           const Message *message,
                           int qos,
                           uint64_t mid,
                           bool redelivered) {
        char payload[64];

        (void)snprintf(payload, sizeof(payload), "%.*s", (int)message_payload_size(message),
                       (const char *)message_payload(message));
        add(session, "msg %s qos=%d mid=%" PRIu64 "%s %s\n", topic, qos, mid,
            redelivered ? " redelivered" : "", payload);
}

pid_t local_session_pid(const LocalSession *session) {
        (void)session;
        return 4711;
}

const char *local_session_name(const LocalSession *session) {
        return session->client ? session->client : "fake";
}

void local_session_hold(LocalSession *session) {
        session->holds++;
}

void local_session_release(LocalSession *session) {
        session->holds--;
        CHECK(session->holds >= 0);
}

void local_session_set_paused(LocalSession *session, bool paused) {
        session->paused = paused;
}
