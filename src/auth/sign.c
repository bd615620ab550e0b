/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signatures
 *
 * OpenSSL's errors are thrown away with a mark on its queue: TLS code in the same thread reads
 * that queue to tell its own failures apart.
 */

#include "auth/sign.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>
#include <strings.h>

static const struct {
        const char *token, *digest, *title;
} methods[_SIGN_METHOD_MAX] = {
                [SIGN_HMACMD5] = {"hmacmd5", "MD5", "HMAC-MD5"},
                [SIGN_HMACSHA1] = {"hmacsha1", "SHA1", "HMAC-SHA1"},
                [SIGN_HMACSHA256] = {"hmacsha256", "SHA2-256", "HMAC-SHA256"},
                [SIGN_SHA256] = {"sha256", "SHA2-256", "SHA-256"},
};

static bool method_is_valid(SignMethod method) {
        return (int)method >= 0 && method < _SIGN_METHOD_MAX;
}

const char *sign_method_to_string(SignMethod method) {
        return method_is_valid(method) ? methods[method].token : NULL;
}

const char *sign_method_title(SignMethod method) {
        return method_is_valid(method) ? methods[method].title : NULL;
}

SignMethod sign_method_from_string(const char *s) {
        if (s)
                for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
                        if (strcasecmp(s, methods[i].token) == 0)
                                return (SignMethod)i;
        return _SIGN_METHOD_INVALID;
}

static void mac_freep(EVP_MAC **mac) {
        EVP_MAC_free(*mac);
}

static void mac_ctx_freep(EVP_MAC_CTX **ctx) {
        EVP_MAC_CTX_free(*ctx); /* wipes the key schedule */
}

static void md_freep(EVP_MD **md) {
        EVP_MD_free(*md);
}

static void md_ctx_freep(EVP_MD_CTX **ctx) {
        EVP_MD_CTX_free(*ctx); /* wipes its state */
}

/* The plain hash of @content and, behind it, @key. */
static int hash_compute(const char *digest,
                        const char *key,
                        const char *content,
                        uint8_t *ret_mac,
                        size_t *ret_len) {
        _cleanup_(md_freep) EVP_MD *md = NULL;
        _cleanup_(md_ctx_freep) EVP_MD_CTX *ctx = NULL;
        uint8_t buffer[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        int r = 0;

        md = EVP_MD_fetch(NULL, digest, NULL);
        if (!md)
                return -ENOTSUP;
        ctx = EVP_MD_CTX_new();
        if (!ctx)
                return -ENOMEM;
        if (EVP_DigestInit_ex2(ctx, md, NULL) && EVP_DigestUpdate(ctx, content, strlen(content)) &&
            EVP_DigestUpdate(ctx, key, strlen(key)) && EVP_DigestFinal_ex(ctx, buffer, &len) &&
            len <= SIGN_MAC_MAX) {
                memcpy(ret_mac, buffer, len);
                *ret_len = len;
        } else
                r = -EIO;
        explicit_bzero(buffer, sizeof(buffer));
        return r;
}

static int mac_compute(const char *digest,
                       const char *key,
                       const char *content,
                       uint8_t *ret_mac,
                       size_t *ret_len) {
        _cleanup_(mac_freep) EVP_MAC *mac = NULL;
        _cleanup_(mac_ctx_freep) EVP_MAC_CTX *ctx = NULL;
        char name[16] = {0}; /* OSSL_PARAM wants it writable, though it is only read */
        uint8_t buffer[SIGN_MAC_MAX];
        size_t len = 0;
        int r = 0;

        (void)strncpy(name, digest, sizeof(name) - 1);
        const OSSL_PARAM params[] = {
                        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                        OSSL_PARAM_construct_end(),
        };

        mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
        if (!mac)
                return -ENOTSUP;
        ctx = EVP_MAC_CTX_new(mac);
        if (!ctx)
                return -ENOMEM;
        /* A policy such as FIPS may leave MD5 out. */
        if (!EVP_MAC_init(ctx, (const unsigned char *)key, strlen(key), params))
                return -ENOTSUP;

        if (EVP_MAC_update(ctx, (const unsigned char *)content, strlen(content)) &&
            EVP_MAC_final(ctx, buffer, &len, sizeof(buffer))) {
                memcpy(ret_mac, buffer, len);
                *ret_len = len;
        } else
                r = -EIO;
        explicit_bzero(buffer, sizeof(buffer));
        return r;
}

int sign_mac(SignMethod method,
             const char *key,
             const char *content,
             uint8_t ret_mac[SIGN_MAC_MAX],
             size_t *ret_len) {
        int r;

        if (!method_is_valid(method))
                return -EINVAL;

        (void)ERR_set_mark();
        if (method == SIGN_SHA256)
                r = hash_compute(methods[method].digest, key, content, ret_mac, ret_len);
        else
                r = mac_compute(methods[method].digest, key, content, ret_mac, ret_len);
        (void)ERR_pop_to_mark();
        return r;
}

int sign_hex(SignMethod method, const char *key, const char *content, char ret_hex[SIGN_HEX_MAX]) {
        static const char digits[] = "0123456789ABCDEF";
        uint8_t mac[SIGN_MAC_MAX];
        size_t len;
        int r;

        r = sign_mac(method, key, content, mac, &len);
        if (r < 0)
                return r;

        for (size_t i = 0; i < len; i++) {
                ret_hex[2 * i] = digits[mac[i] >> 4];
                ret_hex[2 * i + 1] = digits[mac[i] & 0xf];
        }
        ret_hex[2 * len] = '\0';
        explicit_bzero(mac, sizeof(mac));
        return 0;
}

static int param_compare(const void *a, const void *b) {
        return strcmp(((const SignParam *)a)->name, ((const SignParam *)b)->name);
}

int sign_content(SignParam *params, size_t n_params, char **ret) {
        _cleanup_(freep) char *content = NULL;
        size_t size = 1;
        char *p;

        if (n_params > 0) /* with none there may be no array either */
                qsort(params, n_params, sizeof(*params), param_compare);

        for (size_t i = 0; i < n_params; i++)
                if (params[i].value)
                        size += strlen(params[i].name) + strlen(params[i].value);
        content = malloc(size);
        if (!content)
                return -ENOMEM;

        p = content;
        for (size_t i = 0; i < n_params; i++)
                if (params[i].value)
                        p = stpcpy(stpcpy(p, params[i].name), params[i].value);
        *p = '\0';

        *ret = TAKE_PTR(content);
        return 0;
}
