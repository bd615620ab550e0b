/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/tls-hooks.h"

#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "cloud/paho-socket.h"
#include "cloud/puback.h"

/* SSL_get_version() returns one of OpenSSL's own constants. */
static _Atomic(const char *) last;

/* Visible to the library, which finds the program's SSL_connect() before libssl's. */
__attribute__((__visibility__("default"))) int SSL_connect(SSL *ssl) {
        void *next = dlsym(RTLD_NEXT, "SSL_connect");
        int (*real)(SSL *);
        int r;

        /* ISO C has no cast from an object pointer to a function pointer; POSIX promises this. */
        memcpy(&real, &next, sizeof(real));
        if (!real)
                return -1;
        r = real(ssl);
        if (r == 1 && paho_socket_is_library_thread())
                atomic_store(&last, SSL_get_version(ssl));
        return r;
}

/* The same. Leaves out what puback.h says. */
__attribute__((__visibility__("default"))) int SSL_write(SSL *ssl, const void *data, int size) {
        void *next = dlsym(RTLD_NEXT, "SSL_write");
        int (*real)(SSL *, const void *, int);

        memcpy(&real, &next, sizeof(real));
        if (!real)
                return -1;
        return size > 0 && puback_is_withheld(data, (size_t)size) ? size : real(ssl, data, size);
}

const char *tls_version_last(void) {
        const char *version = atomic_load(&last);

        return version ? version : "";
}
