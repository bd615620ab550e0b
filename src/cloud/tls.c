/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
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
