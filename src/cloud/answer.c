/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/answer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "util/macro.h"

#define TLS_RECORD_ALERT     0x15
#define TLS_RECORD_HANDSHAKE 0x16
#define TLS_MAJOR            0x03

static atomic_bool awaited;
static struct {
        pthread_mutex_t lock;
        Answer answer;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

void answer_await(void) {
        (void)pthread_mutex_lock(&shared.lock);
        shared.answer = (Answer){0};
        (void)pthread_mutex_unlock(&shared.lock);
        atomic_store(&awaited, true);
}

bool answer_is_awaited(void) {
        return atomic_load_explicit(&awaited, memory_order_relaxed);
}

void answer_note(const void *bytes, size_t n) {
        Answer *answer = &shared.answer;
        size_t room;

        (void)pthread_mutex_lock(&shared.lock);
        room = sizeof(answer->bytes) - answer->n;
        if (n > room)
                n = room;
        memcpy(answer->bytes + answer->n, bytes, n);
        answer->n += n;
        if (answer->n == sizeof(answer->bytes))
                atomic_store(&awaited, false);
        (void)pthread_mutex_unlock(&shared.lock);
}

void answer_note_alert(int alert) {
        (void)pthread_mutex_lock(&shared.lock);
        shared.answer.alert = alert;
        (void)pthread_mutex_unlock(&shared.lock);
}

void answer_take(Answer *ret) {
        atomic_store(&awaited, false);
        (void)pthread_mutex_lock(&shared.lock);
        *ret = shared.answer;
        (void)pthread_mutex_unlock(&shared.lock);
}

static bool begins(const Answer *answer, const char *text) {
        size_t n = strlen(text);

        return answer->n >= n && memcmp(answer->bytes, text, n) == 0;
}

static bool is_printable(unsigned char c) {
        return c >= ' ' && c < 0x7f;
}

/* A greeting or a status line: its first line, as it is. Returns false for anything but text. */
static bool first_line(const Answer *answer, char detail[REASON_DETAIL_MAX]) {
        int n = 0;

        while ((size_t)n < answer->n && is_printable(answer->bytes[n]))
                n++;
        /* Three letters are what binary data may hold by chance. */
        if (n < 4 ||
            ((size_t)n < answer->n && answer->bytes[n] != '\r' && answer->bytes[n] != '\n'))
                return false;
        (void)snprintf(detail, REASON_DETAIL_MAX, "it says \"%.*s\"", n,
                       (const char *)answer->bytes);
        return true;
}

bool answer_is_tls(const Answer *answer) {
        return answer->n >= 2 && answer->bytes[1] == TLS_MAJOR &&
               (answer->bytes[0] == TLS_RECORD_ALERT || answer->bytes[0] == TLS_RECORD_HANDSHAKE);
}

Reason answer_explain(const Answer *answer, char detail[REASON_DETAIL_MAX]) {
        detail[0] = '\0';
        if (answer->n == 0)
                return REASON_NONE;
        (void)first_line(answer, detail);
        return begins(answer, "HTTP/") || begins(answer, "<!DOCTYPE") || begins(answer, "<html")
                               ? REASON_CAPTIVE_PORTAL
                               : REASON_BAD_ANSWER;
}

Reason answer_explain_alert(int alert, char detail[REASON_DETAIL_MAX]) {
        static const struct {
                int alert;
                const char *words;
        } about_us[] = {
                        {42, "it calls ours bad"},
                        {43, "it does not know the kind of ours"},
                        {44, "it calls ours revoked"},
                        {45, "it calls ours expired"},
                        {46, "it does not accept ours"},
                        {48, "it does not know who issued ours"},
                        {49, "it denies access"},
                        {116, "there is none in the configuration"},
        };

        detail[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(about_us); i++)
                if (about_us[i].alert == alert) {
                        (void)snprintf(detail, REASON_DETAIL_MAX, "%s", about_us[i].words);
                        return REASON_TLS_CLIENT_CERTIFICATE;
                }
        return REASON_NONE;
}
