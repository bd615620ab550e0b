/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "util/clock.h"

/*
 * The library creates its SSL_CTX itself and offers no say in the version, but every SSL_CTX takes
 * the defaults of OpenSSL's configuration: so we hand OpenSSL one of our own, in memory.
 */
static int write_config(void) {
        static const char text[] = "openssl_conf = iotlinkd\n"
                                   "[iotlinkd]\nssl_conf = ssl\n"
                                   "[ssl]\nsystem_default = tls\n"
                                   "[tls]\nMinProtocol = TLSv1.3\n";
        _cleanup_(closep) int fd = memfd_create("openssl.cnf", MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (write(fd, text, sizeof(text) - 1) != (ssize_t)(sizeof(text) - 1))
                return -EIO;
        return TAKE_FD(fd);
}

int tls_init(const char *min_version) {
        OPENSSL_INIT_SETTINGS *settings = NULL;
        _cleanup_(closep) int fd = -1;
        char path[32];
        bool ok;

        if (strcmp(min_version, "1.3") == 0) {
                fd = write_config();
                if (fd < 0)
                        return fd;
                (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                settings = OPENSSL_INIT_new();
                if (!settings || OPENSSL_INIT_set_config_filename(settings, path) != 1) {
                        OPENSSL_INIT_free(settings);
                        return -ENOMEM;
                }
        }
        ok = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) == 1 &&
             OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, settings) == 1;
        OPENSSL_INIT_free(settings);
        return ok ? 0 : -EIO;
}

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

static Reason reason_from_verify(long code) {
        switch (code) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
                return REASON_TLS_EXPIRED;
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return REASON_TLS_NOT_YET_VALID;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return REASON_TLS_WRONG_HOST;
        default:
                return REASON_TLS_UNTRUSTED_ROOT;
        }
}

/* Says which certificate it was and what about it: its subject and the date in question. */
static void describe_certificate(ProbeResult *result, X509 *certificate, const char *words) {
        char subject[80] = "?", date[32] = "?";
        const ASN1_TIME *time;
        struct tm tm;

        if (!certificate) {
                fail(result, result->reason, words);
                return;
        }
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
                                        sizeof(subject));
        time = result->reason == REASON_TLS_NOT_YET_VALID ? X509_get0_notBefore(certificate)
                                                          : X509_get0_notAfter(certificate);
        if (ASN1_TIME_to_tm(time, &tm) == 1)
                (void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
        (void)snprintf(result->detail, sizeof(result->detail),
                       "%s; certificate for \"%s\", valid %s %s", words, subject,
                       result->reason == REASON_TLS_NOT_YET_VALID ? "from" : "until", date);
}

/* One step of the handshake at a time; the socket does not block. Returns 1 done, 0 failed. */
static int shake_hands(SSL *ssl, int fd, uint64_t deadline_usec) {
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
                if (now >= deadline_usec)
                        return 0;
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
        ProbeResult *result = SSL_get_app_data(ssl);
        int code = X509_STORE_CTX_get_error(store);

        if (!ok) {
                result->reason = reason_from_verify(code);
                describe_certificate(result, X509_STORE_CTX_get_current_cert(store),
                                     X509_verify_cert_error_string(code));
        }
        return ok;
}

static void explain_failure(const SSL *ssl, ProbeResult *result) {
        if (SSL_get_verify_result(ssl) == X509_V_OK)
                fail_openssl(result, REASON_TLS_FAILED);
        ERR_clear_error();
}

void tls_probe(int fd, const TransportTarget *target, uint64_t deadline_usec, ProbeResult *result) {
        _cleanup_(ssl_ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        _cleanup_(ssl_freep) SSL *ssl = NULL;

        if (!ctx) {
                fail_openssl(result, REASON_INTERNAL);
                return;
        }
        if (!load_files(ctx, target, result))
                return;
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);

        ssl = SSL_new(ctx);
        if (!ssl || SSL_set_app_data(ssl, result) != 1 || !expect_host(ssl, target->host) ||
            SSL_set_fd(ssl, fd) != 1) {
                fail_openssl(result, REASON_INTERNAL);
                return;
        }
        if (shake_hands(ssl, fd, deadline_usec) == 0)
                explain_failure(ssl, result);
}

static void bio_freep(BIO **bio) {
        (void)BIO_free(*bio);
}

int tls_root_days(const char *file) {
        _cleanup_(bio_freep) BIO *bio = BIO_new_file(file, "r");
        int soonest = INT_MIN;

        if (!bio) {
                ERR_clear_error();
                return INT_MIN;
        }
        for (;;) {
                X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
                int days = 0, seconds = 0;

                if (!certificate)
                        break;
                if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) == 1) {
                        if (seconds < 0)
                                days--; /* since an hour ago is not "in 0 days" */
                        if (soonest == INT_MIN || days < soonest)
                                soonest = days;
                }
                X509_free(certificate);
        }
        ERR_clear_error(); /* the end of the file counts as one */
        return soonest;
}
