/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_probe() against a server in a thread, with certificates made on the spot.
 */
#include "cloud/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "test.h"
#include "util/clock.h"

#define HOUR 3600L
#define DAY  (24 * HOUR)

/* Certificates */

typedef struct Pair {
        EVP_PKEY *key;
        X509 *certificate;
} Pair;

static Pair ca, other_ca;
static char directory[] = "/tmp/iotlinkd-test-tls-XXXXXX";

static void add_extension(X509 *certificate, int nid, const char *value) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

        CHECK(extension);
        CHECK(X509_add_ext(certificate, extension, -1) == 1);
        X509_EXTENSION_free(extension);
}

/* Signed by @issuer, by itself when that is NULL; names of the server or NULL for a CA. */
static Pair pair_make(const Pair *issuer, const char *cn, const char *names, long from, long to) {
        Pair pair = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
        static long serial = 1;
        union {
                const char *in;
                const unsigned char *out;
        } name = {.in = cn};

        CHECK(pair.key && pair.certificate);
        CHECK(X509_set_version(pair.certificate, 2) == 1);
        CHECK(ASN1_INTEGER_set(X509_get_serialNumber(pair.certificate), serial++) == 1);
        CHECK(X509_gmtime_adj(X509_getm_notBefore(pair.certificate), from));
        CHECK(X509_gmtime_adj(X509_getm_notAfter(pair.certificate), to));
        CHECK(X509_set_pubkey(pair.certificate, pair.key) == 1);
        CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(pair.certificate), "CN",
                                         MBSTRING_ASC, name.out, -1, -1, 0) == 1);
        CHECK(X509_set_issuer_name(pair.certificate,
                                   X509_get_subject_name(issuer ? issuer->certificate
                                                                : pair.certificate)) == 1);
        if (names)
                add_extension(pair.certificate, NID_subject_alt_name, names);
        else
                add_extension(pair.certificate, NID_basic_constraints, "critical,CA:TRUE");
        CHECK(X509_sign(pair.certificate, issuer ? issuer->key : pair.key, EVP_sha256()) > 0);
        return pair;
}

static void pair_done(Pair *pair) {
        EVP_PKEY_free(pair->key);
        X509_free(pair->certificate);
}

static const char *path_of(const char *name) {
        static char path[2][64];
        static size_t turn;

        turn = !turn;
        (void)snprintf(path[turn], sizeof(path[0]), "%s/%s", directory, name);
        return path[turn];
}

static void write_pair(const Pair *pair, const char *name, const char *mode) {
        FILE *f = fopen(path_of(name), mode);

        CHECK(f);
        CHECK(PEM_write_X509(f, pair->certificate) == 1);
        CHECK(fclose(f) == 0);
}

static void write_text(const char *name, const char *content) {
        FILE *f = fopen(path_of(name), "w");

        CHECK(f);
        CHECK(fputs(content, f) >= 0);
        CHECK(fclose(f) == 0);
}

/* The server */

typedef enum ServerKind {
        SERVER_TLS,
        SERVER_TLS_1_1,
        SERVER_TLS_1_2_FOR_MEMBERS, /* who show a certificate */
        SERVER_WEB,
        SERVER_MAIL,
        SERVER_SILENT,
        SERVER_CLOSES,
} ServerKind;

typedef struct Server {
        ServerKind kind;
        const Pair *pair;
        int listen_fd;
        uint16_t port;
        pthread_t thread;
} Server;

static void serve_tls(int fd, const Pair *pair, ServerKind kind) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        SSL *ssl;
        char byte;

        CHECK(ctx);
        CHECK(SSL_CTX_use_certificate(ctx, pair->certificate) == 1);
        CHECK(SSL_CTX_use_PrivateKey(ctx, pair->key) == 1);
        if (kind == SERVER_TLS_1_1) {
                CHECK(SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") == 1);
                CHECK(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1);
                CHECK(SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION) == 1);
        }
        if (kind == SERVER_TLS_1_2_FOR_MEMBERS) {
                CHECK(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1);
                SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        }
        ssl = SSL_new(ctx);
        CHECK(ssl && SSL_set_fd(ssl, fd) == 1);
        if (SSL_accept(ssl) == 1)
                (void)SSL_read(ssl, &byte, 1); /* until the client goes */
        ERR_clear_error();
        SSL_free(ssl);
        SSL_CTX_free(ctx);
}

static void *serve(void *userdata) {
        const Server *server = userdata;
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        char buffer[2048];

        CHECK(fd >= 0);
        switch (server->kind) {
        case SERVER_TLS:
        case SERVER_TLS_1_1:
        case SERVER_TLS_1_2_FOR_MEMBERS:
                serve_tls(fd, server->pair, server->kind);
                break;
        case SERVER_WEB:
                (void)recv(fd, buffer, sizeof(buffer), 0);
                (void)send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
                (void)recv(fd, buffer, sizeof(buffer), 0);
                break;
        case SERVER_MAIL:
                (void)send(fd, "220 mail.example ESMTP\r\n", 24, MSG_NOSIGNAL);
                (void)recv(fd, buffer, sizeof(buffer), 0);
                break;
        case SERVER_SILENT:
                while (recv(fd, buffer, sizeof(buffer), 0) > 0)
                        continue;
                break;
        case SERVER_CLOSES:
                (void)recv(fd, buffer, sizeof(buffer), 0);
                break;
        }
        CHECK(close(fd) == 0);
        return NULL;
}

static void server_start(Server *server, ServerKind kind, const Pair *pair) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t size = sizeof(address);
        union {
                struct sockaddr_in *in;
                struct sockaddr *any;
        } u = {.in = &address};

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *server = (Server){.kind = kind, .pair = pair};
        server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(server->listen_fd >= 0);
        CHECK(bind(server->listen_fd, u.any, size) == 0);
        CHECK(listen(server->listen_fd, 1) == 0);
        CHECK(getsockname(server->listen_fd, u.any, &size) == 0);
        server->port = ntohs(address.sin_port);
        CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static void server_end(Server *server) {
        CHECK(pthread_join(server->thread, NULL) == 0);
        CHECK(close(server->listen_fd) == 0);
}

/* Probes one. @host is what the certificate is checked for; the way leads to 127.0.0.1 anyway. */
static ProbeResult probe(ServerKind kind,
                         const Pair *pair,
                         const char *host,
                         const char *root_file,
                         unsigned timeout_msec) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        const TransportTarget target = {.host = host, .tls = true, .root_file = root_file};
        ProbeResult result = {.reason = REASON_NONE};
        union {
                struct sockaddr_in *in;
                struct sockaddr *any;
        } u = {.in = &address};
        Server server;
        int fd;

        server_start(&server, kind, pair);
        address.sin_port = htons(server.port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK(connect(fd, u.any, sizeof(address)) == 0);
        CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
        tls_probe(fd, &target, clock_now_usec() + timeout_msec * USEC_PER_MSEC, &result);
        CHECK(close(fd) == 0);
        server_end(&server);
        CHECK(ERR_peek_error() == 0); /* leaves nothing to confuse the next user */
        return result;
}

static ProbeResult probe_pair(const Pair *pair, const char *host) {
        return probe(SERVER_TLS, pair, host, path_of("ca.pem"), 10000);
}

static void test_good(void) {
        Pair pair = pair_make(&ca, "good", "DNS:localhost,DNS:*.cloud.example,IP:127.0.0.1", -DAY,
                              DAY);
        ProbeResult result;

        result = probe_pair(&pair, "localhost");
        CHECK_INT(result.reason, REASON_NONE);
        CHECK_STR(result.detail, "");
        CHECK_INT(probe_pair(&pair, "pk.cloud.example").reason, REASON_NONE);
        CHECK_INT(probe_pair(&pair, "127.0.0.1").reason, REASON_NONE);

        /* What an earlier call of somebody else left in OpenSSL's queue does not matter. */
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
        CHECK_INT(probe_pair(&pair, "localhost").reason, REASON_NONE);
        pair_done(&pair);
}

static void test_expired(void) {
        Pair pair = pair_make(&ca, "stale", "DNS:localhost", -10 * DAY, -2 * DAY);
        ProbeResult result = probe_pair(&pair, "localhost");
        char date[64];
        time_t then = time(NULL) - 2 * DAY;
        struct tm tm;

        CHECK_INT(result.reason, REASON_TLS_EXPIRED);
        CHECK(gmtime_r(&then, &tm));
        CHECK(strftime(date, sizeof(date), "valid until %Y-%m-%d", &tm) > 0);
        CHECK(strstr(result.detail, "\"stale\""));
        CHECK(strstr(result.detail, date));
        pair_done(&pair);
}

static void test_not_yet_valid(void) {
        Pair pair = pair_make(&ca, "early", "DNS:localhost", 2 * DAY, 10 * DAY);
        ProbeResult result = probe_pair(&pair, "localhost");

        CHECK_INT(result.reason, REASON_TLS_NOT_YET_VALID);
        CHECK(strstr(result.detail, "valid from 2"));
        pair_done(&pair);
}

static void test_wrong_host(void) {
        Pair pair = pair_make(&ca, "alien", "DNS:elsewhere.example,IP:127.0.0.2", -DAY, DAY);

        CHECK_INT(probe_pair(&pair, "localhost").reason, REASON_TLS_WRONG_HOST);
        CHECK_INT(probe_pair(&pair, "127.0.0.1").reason, REASON_TLS_WRONG_HOST);
        CHECK_INT(probe_pair(&pair, "sub.elsewhere.example").reason, REASON_TLS_WRONG_HOST);
        pair_done(&pair);
}

static void test_untrusted(void) {
        Pair pair = pair_make(&other_ca, "foreign", "DNS:localhost", -DAY, DAY);
        Pair self = pair_make(NULL, "self", "DNS:localhost", -DAY, DAY);

        CHECK_INT(probe_pair(&pair, "localhost").reason, REASON_TLS_UNTRUSTED_ROOT);
        CHECK_INT(probe_pair(&self, "localhost").reason, REASON_TLS_UNTRUSTED_ROOT);
        CHECK_INT(probe(SERVER_TLS, &pair, "localhost", path_of("other-ca.pem"), 10000).reason,
                  REASON_NONE);
        pair_done(&pair);
        pair_done(&self);
}

static void test_root_unreadable(void) {
        Pair pair = pair_make(&ca, "good", "DNS:localhost", -DAY, DAY);

        write_text("nonsense.pem", "not a certificate\n");
        CHECK_INT(probe(SERVER_CLOSES, &pair, "localhost", path_of("none.pem"), 10000).reason,
                  REASON_TLS_ROOT_UNREADABLE);
        CHECK_INT(probe(SERVER_CLOSES, &pair, "localhost", path_of("nonsense.pem"), 10000).reason,
                  REASON_TLS_ROOT_UNREADABLE);
        pair_done(&pair);
}

static void test_no_tls_at_all(void) {
        uint64_t start;
        ProbeResult result;

        result = probe(SERVER_WEB, NULL, "localhost", path_of("ca.pem"), 10000);
        CHECK_INT(result.reason, REASON_CAPTIVE_PORTAL);
        CHECK_STR(result.detail, "it says \"HTTP/1.1 400 Bad Request\"");
        result = probe(SERVER_MAIL, NULL, "localhost", path_of("ca.pem"), 10000);
        CHECK_INT(result.reason, REASON_NOT_TLS);
        CHECK_STR(result.detail, "it says \"220 mail.example ESMTP\"");
        result = probe(SERVER_CLOSES, NULL, "localhost", path_of("ca.pem"), 10000);
        CHECK_INT(result.reason, REASON_TLS_FAILED);
        CHECK(result.detail[0]);
        start = clock_now_usec();
        result = probe(SERVER_SILENT, NULL, "localhost", path_of("ca.pem"), 300);
        CHECK_INT(result.reason, REASON_TLS_TIMEOUT);
        CHECK(clock_now_usec() - start >= 300 * USEC_PER_MSEC);
        CHECK(clock_now_usec() - start < 5 * USEC_PER_SEC);
}

static void test_root_expired(void) {
        Pair root = pair_make(NULL, "old root", NULL, -10 * DAY, -2 * DAY);
        Pair pair = pair_make(&root, "good", "DNS:localhost", -DAY, DAY);
        ProbeResult result;

        write_pair(&root, "roots.pem", "w");
        result = probe(SERVER_TLS, &pair, "localhost", path_of("roots.pem"), 10000);
        CHECK_INT(result.reason, REASON_TLS_ROOT_EXPIRED);
        CHECK(strstr(result.detail, "\"old root\", valid until 2"));
        CHECK(strstr(result.detail, "this machine's clock says 2"));
        pair_done(&pair);
        pair_done(&root);
}

static void test_what_the_server_does_not_take(void) {
        Pair pair = pair_make(&ca, "good", "DNS:localhost", -DAY, DAY);

        CHECK_INT(probe(SERVER_TLS_1_1, &pair, "localhost", path_of("ca.pem"), 10000).reason,
                  REASON_TLS_VERSION);
        CHECK_INT(probe(SERVER_TLS_1_2_FOR_MEMBERS, &pair, "localhost", path_of("ca.pem"), 10000)
                                  .reason,
                  REASON_TLS_CLIENT_CERTIFICATE);
        pair_done(&pair);
}

static void test_root_days(void) {
        Pair year = pair_make(NULL, "year", NULL, -DAY, 365 * DAY + HOUR);
        Pair week = pair_make(NULL, "week", NULL, -DAY, 7 * DAY + HOUR);
        Pair hour = pair_make(NULL, "hour", NULL, -DAY, HOUR);
        Pair gone = pair_make(NULL, "gone", NULL, -DAY, -HOUR);
        Pair long_gone = pair_make(NULL, "long gone", NULL, -30 * DAY, -9 * DAY - HOUR);

        write_pair(&year, "roots.pem", "w");
        CHECK_INT(tls_root_days(path_of("roots.pem")), 365);
        write_pair(&week, "roots.pem", "a");
        CHECK_INT(tls_root_days(path_of("roots.pem")), 7);
        write_pair(&hour, "roots.pem", "a");
        CHECK_INT(tls_root_days(path_of("roots.pem")), 0);
        write_pair(&gone, "roots.pem", "a");
        CHECK(tls_root_days(path_of("roots.pem")) < 0);
        write_pair(&long_gone, "roots.pem", "a");
        CHECK(tls_root_days(path_of("roots.pem")) <= -9);
        CHECK_INT(tls_root_days(path_of("none.pem")), INT_MIN);
        write_text("nonsense.pem", "");
        CHECK_INT(tls_root_days(path_of("nonsense.pem")), INT_MIN);
        CHECK_INT(tls_root_days(directory), INT_MIN);
        CHECK(ERR_peek_error() == 0);
        pair_done(&year);
        pair_done(&week);
        pair_done(&hour);
        pair_done(&gone);
        pair_done(&long_gone);
}

static void set_up(void) {
        /* As the daemon has it: the library writes without MSG_NOSIGNAL. */
        CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        CHECK_INT(tls_init("1.2"), 0);
        CHECK(mkdtemp(directory));
        ca = pair_make(NULL, "test CA", NULL, -DAY, 30 * DAY);
        other_ca = pair_make(NULL, "other CA", NULL, -DAY, 30 * DAY);
        write_pair(&ca, "ca.pem", "w");
        write_pair(&other_ca, "other-ca.pem", "w");
}

static void tear_down(void) {
        static const char *const files[] = {"ca.pem", "other-ca.pem", "nonsense.pem", "roots.pem"};

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                CHECK(unlink(path_of(files[i])) == 0);
        CHECK(rmdir(directory) == 0);
        pair_done(&ca);
        pair_done(&other_ca);
        OPENSSL_cleanup(); /* which tls_init() keeps from happening by itself */
}

TEST_MAIN(TEST(set_up),
          TEST(test_good),
          TEST(test_not_yet_valid),
          TEST(test_wrong_host),
          TEST(test_untrusted),
          TEST(test_root_unreadable),
          TEST(test_no_tls_at_all),
          TEST(test_root_expired),
          TEST(test_what_the_server_does_not_take),
          TEST(test_root_days),
          TEST(test_expired),
          TEST(tear_down))
