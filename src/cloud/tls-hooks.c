/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/tls-hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "cloud/answer.h"
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
__attribute__((__visibility__("default"))) int SSL_write(SSL *ssl, const void *buf, int num) {
        void *next = dlsym(RTLD_NEXT, "SSL_write");
        int (*real)(SSL *, const void *, int);

        memcpy(&real, &next, sizeof(real));
        if (!real)
                return -1;
        return num > 0 && puback_is_withheld(buf, (size_t)num) ? num : real(ssl, buf, num);
}

/* The reasons of OpenSSL's errors that are alerts of the server begin here. */
static void note_error(unsigned long error) {
        int reason = ERR_GET_REASON(error);

        if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
                answer_note_alert(reason - SSL_AD_REASON_OFFSET);
}

__attribute__((__visibility__("default"))) int SSL_read(SSL *ssl, void *buf, int num) {
        static _Atomic(void *) next;
        void *found = atomic_load(&next);
        int (*real)(SSL *, void *, int);
        int r;

        if (!found)
                atomic_store(&next, found = dlsym(RTLD_NEXT, "SSL_read"));
        memcpy(&real, &found, sizeof(real));
        if (!real)
                return -1;
        r = real(ssl, buf, num);
        if (r <= 0 && SSL_get_error(ssl, r) == SSL_ERROR_SYSCALL && errno != 0 &&
            paho_socket_is_library_thread())
                paho_socket_note_error(errno);
        if (answer_is_awaited() && paho_socket_is_library_thread()) {
                if (r > 0)
                        answer_note(buf, (size_t)r);
                else
                        note_error(ERR_peek_last_error());
        }
        return r;
}

const char *tls_version_last(void) {
        const char *version = atomic_load(&last);

        return version ? version : "";
}
