/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handshake of our own, to see why the library's has failed: which certificate was at fault, what
 * the server said in place of TLS, which alert it sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cloud/answer.h"
#include "cloud/tls.h"
#include "util/clock.h"

/* A clock that stands outside of these years was never set: this program is of 2026. */
#define CLOCK_EARLIEST_SEC INT64_C(1767225600) /* 2026-01-01 */
#define CLOCK_LATEST_SEC   INT64_C(4102444800) /* 2100-01-01 */

#define ALERT_HANDSHAKE_FAILURE 40

#define VERDICT_USEC USEC_PER_SEC

/* What one handshake has shown. */
typedef struct Shake {
        ProbeResult *result;
        Answer first;           /* the first bytes that came */
        bool wants_certificate; /* the server asked for ours and got none */
        bool timed_out;
} Shake;

static void ssl_freep(SSL **ssl) {
        SSL_free(*ssl);
}

static void ssl_ctx_freep(SSL_CTX **ctx) {
        SSL_CTX_free(*ctx);
}

static void fail(ProbeResult *result, Reason reason, const char *words) {
        result->reason = reason;
        (void)snprintf(result->detail, sizeof(result->detail), "%s", words);
}

static void fail_openssl(ProbeResult *result, Reason reason) {
        unsigned long error = ERR_peek_last_error();
        const char *words = error ? ERR_reason_error_string(error) : NULL;

        fail(result, reason, words ? words : "no details");
        ERR_clear_error();
}

static bool clock_is_plausible(int64_t seconds) {
        return seconds >= CLOCK_EARLIEST_SEC && seconds < CLOCK_LATEST_SEC;
}

/* @seconds: what this machine's clock says. */
static Reason reason_from_verify(const X509_STORE_CTX *store, int64_t seconds) {
        int depth = X509_STORE_CTX_get_error_depth(store);
        bool is_root = depth > 0 && depth == sk_X509_num(X509_STORE_CTX_get0_chain(store)) - 1;

        switch (X509_STORE_CTX_get_error(store)) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
                if (!clock_is_plausible(seconds))
                        return REASON_CLOCK_WRONG;
                return is_root ? REASON_TLS_ROOT_EXPIRED : REASON_TLS_EXPIRED;
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return clock_is_plausible(seconds) ? REASON_TLS_NOT_YET_VALID : REASON_CLOCK_WRONG;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return REASON_TLS_WRONG_HOST;
        default:
                return REASON_TLS_UNTRUSTED_ROOT;
        }
}

static void date_of(const ASN1_TIME *time, char *ret, size_t size) {
        struct tm tm;

        if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(ret, size, "%Y-%m-%d", &tm) == 0)
                (void)snprintf(ret, size, "?");
}

/* The names that a certificate is good for, as far as they go into @ret. */
static void names_of(X509 *certificate, char *ret, size_t size) {
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        size_t used = 0;

        ret[0] = '\0';
        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                int kind, n;
                const ASN1_STRING *name =
                                GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

                if (kind != GEN_DNS)
                        continue;
                n = snprintf(ret + used, size - used, "%s%.*s", used > 0 ? ", " : "",
                             ASN1_STRING_length(name), (const char *)ASN1_STRING_get0_data(name));
                if (n < 0 || (size_t)n >= size - used) {
                        ret[used] = '\0';
                        break;
                }
                used += (size_t)n;
        }
        GENERAL_NAMES_free(names);
}

/* Says which certificate it was and what about it, and what the clock says where that matters. */
static void describe_certificate(ProbeResult *result, X509 *certificate, const char *words) {
        char subject[80] = "?", from[32] = "?", until[32] = "?", now[32] = "?", names[96] = "";
        time_t seconds = (time_t)(clock_wall_msec() / 1000);
        struct tm tm;

        if (gmtime_r(&seconds, &tm))
                (void)strftime(now, sizeof(now), "%Y-%m-%d %H:%M UTC", &tm);
        if (result->reason == REASON_CLOCK_WRONG || !certificate) {
                (void)snprintf(result->detail, sizeof(result->detail), "%s%s",
                               certificate ? "it says " : words, certificate ? now : "");
                return;
        }
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
                                        sizeof(subject));
        date_of(X509_get0_notBefore(certificate), from, sizeof(from));
        date_of(X509_get0_notAfter(certificate), until, sizeof(until));
        if (result->reason == REASON_TLS_UNTRUSTED_ROOT)
                (void)snprintf(result->detail, sizeof(result->detail),
                               "%s; certificate for \"%s\", valid until %s", words, subject, until);
        else if (result->reason == REASON_TLS_WRONG_HOST) {
                names_of(certificate, names, sizeof(names));
                (void)snprintf(result->detail, sizeof(result->detail), "%s; certificate for \"%s\"",
                               words, names[0] ? names : subject);
        } else
                (void)snprintf(result->detail, sizeof(result->detail),
                               "%s; certificate for \"%s\", valid %s %s; this machine's clock says "
                               "%s",
                               words, subject,
                               result->reason == REASON_TLS_NOT_YET_VALID ? "from" : "until",
                               result->reason == REASON_TLS_NOT_YET_VALID ? from : until, now);
}

/* Keeps what came first: OpenSSL has few words for what is no TLS. */
static long on_bytes(BIO *bio,
                     int operation,
                     const char *bytes,
                     size_t size,
                     int argi,
                     long argl,
                     int r,
                     /* OpenSSL's signature. NOLINTNEXTLINE(readability-non-const-parameter) */
                     size_t *processed) {
        union {
                char *in;
                Shake *out;
        } u = {.in = BIO_get_callback_arg(bio)};
        Answer *first = &u.out->first;

        (void)size;
        (void)argi;
        (void)argl;
        if (operation == (BIO_CB_READ | BIO_CB_RETURN) && r > 0 && first->n == 0) {
                first->n = *processed < sizeof(first->bytes) ? *processed : sizeof(first->bytes);
                memcpy(first->bytes, bytes, first->n);
        }
        return r;
}

/* Returns whether it could be done. */
static bool use_socket(SSL *ssl, int fd, Shake *shake) {
        union {
                Shake *in;
                char *out;
        } u = {.in = shake};

        if (!ssl || SSL_set_fd(ssl, fd) != 1)
                return false;
        SSL_set_read_ahead(ssl, 1); /* not only the five bytes of a record's head */
        BIO_set_callback_ex(SSL_get_rbio(ssl), on_bytes);
        BIO_set_callback_arg(SSL_get_rbio(ssl), u.out);
        return true;
}

/* One step of the handshake at a time; the socket does not block. Returns 1 done, 0 failed. */
static int shake_hands(SSL *ssl, int fd, uint64_t deadline_usec, Shake *shake) {
        for (;;) {
                int r = SSL_connect(ssl), error = SSL_get_error(ssl, r);
                struct pollfd pfd = {.fd = fd, .events = POLLIN};
                uint64_t now = clock_now_usec();

                if (r == 1)
                        return 1;
                if (error == SSL_ERROR_WANT_WRITE)
                        pfd.events = POLLOUT;
                else if (error != SSL_ERROR_WANT_READ)
                        return 0;
                if (now >= deadline_usec) {
                        shake->timed_out = true;
                        return 0;
                }
                if (poll(&pfd, 1, (int)((deadline_usec - now) / USEC_PER_MSEC) + 1) < 0 &&
                    errno != EINTR)
                        return 0;
        }
}

static bool expect_host(SSL *ssl, const char *host) {
        unsigned char address[sizeof(struct in6_addr)];
        union {
                const char *in;
                void *out; /* OpenSSL copies it and has no const */
        } name = {.in = host};

        if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
                return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
        return SSL_set1_host(ssl, host) == 1 && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                                         TLSEXT_NAMETYPE_host_name, name.out) == 1;
}

static bool load_files(SSL_CTX *ctx, const TransportTarget *target, ProbeResult *result) {
        if (target->root_file && SSL_CTX_load_verify_locations(ctx, target->root_file, NULL) != 1) {
                fail_openssl(result, REASON_TLS_ROOT_UNREADABLE);
                return false;
        }
        if (!target->certificate_file)
                return true;
        if (SSL_CTX_use_certificate_chain_file(ctx, target->certificate_file) != 1 ||
            SSL_CTX_use_PrivateKey_file(ctx, target->key_file, SSL_FILETYPE_PEM) != 1) {
                fail_openssl(result, REASON_TLS_FAILED);
                return false;
        }
        return true;
}

/* Only here the certificate at fault is at hand: a session whose handshake failed keeps none. */
static int on_verify(int ok, X509_STORE_CTX *store) {
        const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        Shake *shake = SSL_get_app_data(ssl);

        if (!ok) {
                shake->result->reason =
                                reason_from_verify(store, (int64_t)(clock_wall_msec() / 1000));
                describe_certificate(
                                shake->result, X509_STORE_CTX_get_current_cert(store),
                                X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
        }
        return ok;
}

/* Asked for a certificate while there is none: notes that, and goes on without. */
static int on_certificate_wanted(SSL *ssl, X509 **certificate, EVP_PKEY **key) {
        Shake *shake = SSL_get_app_data(ssl);

        (void)certificate;
        (void)key;
        shake->wants_certificate = true;
        return 0;
}

/* OpenSSL agrees to TLS 1.1 and then finds that its signatures are too weak. */
static bool is_about_version(int reason) {
        return reason == SSL_R_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED ||
               reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_SSL_VERSION ||
               reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION;
}

/* What the server says by an alert, or OpenSSL by an error of its own. */
static void explain_error(const Shake *shake, unsigned long error) {
        ProbeResult *result = shake->result;
        int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
        int alert = reason > SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : 0;

        if (alert == ALERT_HANDSHAKE_FAILURE && shake->wants_certificate)
                fail(result, REASON_TLS_CLIENT_CERTIFICATE, "there is none in the configuration");
        else if (is_about_version(reason))
                fail_openssl(result, REASON_TLS_VERSION);
        else {
                result->reason = answer_explain_alert(alert, result->detail);
                if (result->reason == REASON_NONE)
                        fail_openssl(result, REASON_TLS_FAILED);
        }
}

static void explain_failure(const SSL *ssl, const Shake *shake) {
        ProbeResult *result = shake->result;
        unsigned long error = ERR_peek_last_error();
        Reason reason;

        if (SSL_get_verify_result(ssl) != X509_V_OK) {
                ERR_clear_error(); /* on_verify() has said it */
                return;
        }
        if (shake->first.n > 0 && !answer_is_tls(&shake->first)) {
                reason = answer_explain(&shake->first, result->detail);
                result->reason = reason == REASON_BAD_ANSWER ? REASON_NOT_TLS : reason;
        } else if (shake->timed_out)
                fail(result, REASON_TLS_TIMEOUT, "");
        else if (shake->first.n == 0)
                fail(result, REASON_TLS_FAILED, "the connection was closed in the middle of it");
        else
                explain_error(shake, error);
        ERR_clear_error();
}

/* A server of TLS 1.3 looks at our certificate when the handshake is over for us. */
static void await_verdict(SSL *ssl, int fd, uint64_t deadline_usec, const Shake *shake) {
        for (;;) {
                struct pollfd pfd = {.fd = fd, .events = POLLIN};
                uint64_t now = clock_now_usec();
                char byte;
                int r = SSL_peek(ssl, &byte, 1), error = SSL_get_error(ssl, r);

                if (error == SSL_ERROR_SSL &&
                    ERR_GET_REASON(ERR_peek_last_error()) > SSL_AD_REASON_OFFSET)
                        explain_error(shake, ERR_peek_last_error());
                if (error != SSL_ERROR_WANT_READ || now >= deadline_usec)
                        break;
                if (poll(&pfd, 1, (int)((deadline_usec - now) / USEC_PER_MSEC) + 1) < 0 &&
                    errno != EINTR)
                        break;
        }
        ERR_clear_error();
}

void tls_probe(int fd, const TransportTarget *target, uint64_t deadline_usec, ProbeResult *result) {
        _cleanup_(ssl_ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        _cleanup_(ssl_freep) SSL *ssl = NULL;
        Shake shake = {.result = result};

        if (!ctx) {
                fail_openssl(result, REASON_INTERNAL);
                return;
        }
        if (!load_files(ctx, target, result))
                return;
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
        if (!target->certificate_file)
                SSL_CTX_set_client_cert_cb(ctx, on_certificate_wanted);

        ssl = SSL_new(ctx);
        if (!ssl || SSL_set_app_data(ssl, &shake) != 1 || !expect_host(ssl, target->host) ||
            !use_socket(ssl, fd, &shake)) {
                fail_openssl(result, REASON_INTERNAL);
                return;
        }
        if (shake_hands(ssl, fd, deadline_usec, &shake) == 0)
                explain_failure(ssl, &shake);
        else if (shake.wants_certificate || target->certificate_file)
                await_verdict(ssl, fd, clock_now_usec() + VERDICT_USEC, &shake);
}

bool tls_is_spoken(int fd, uint64_t deadline_usec) {
        _cleanup_(ssl_ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        _cleanup_(ssl_freep) SSL *ssl = ctx ? SSL_new(ctx) : NULL;
        Shake shake = {0};

        if (use_socket(ssl, fd, &shake))
                (void)shake_hands(ssl, fd, deadline_usec, &shake);
        ERR_clear_error();
        return answer_is_tls(&shake.first);
}
