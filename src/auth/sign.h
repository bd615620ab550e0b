/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Signatures
 *
 * The MACs that devices prove themselves with, by OpenSSL 3's EVP. Pure: no files, no
 * clock, no logging. Keys and intermediate values are wiped after use.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

typedef enum SignMethod {
        SIGN_HMACMD5,    /* 32 hex digits; what the platform assumes when none is named */
        SIGN_HMACSHA1,   /* 40 */
        SIGN_HMACSHA256, /* 64 */
        SIGN_SHA256,     /* 64; no HMAC: the hash of content and key; a guess, see sign_mac() */
        _SIGN_METHOD_MAX,
        _SIGN_METHOD_INVALID = -22, /* -EINVAL */
} SignMethod;

/* Bytes of the longest raw MAC, and of its text in hex with the final NUL. */
#define SIGN_MAC_MAX 32
#define SIGN_HEX_MAX (2 * SIGN_MAC_MAX + 1)

/* The platform's lower-case token ("hmacsha256"); from_string takes any letter case. */
const char *sign_method_to_string(SignMethod method);
SignMethod sign_method_from_string(const char *s);
/* The algorithm's usual name ("HMAC-SHA256"). */
const char *sign_method_title(SignMethod method);

/*
 * The raw MAC of @content under @key, which may have any length. Stores the MAC's length in
 * @ret_len. SIGN_SHA256 hashes @content with @key behind it: the platform lists the method and has
 * never published the rule, but siblings that took over its scheme define it so.
 * Returns 0, -ENOTSUP if this OpenSSL may not use the digest, or another -errno.
 */
_warn_unused_ int sign_mac(SignMethod method,
                           const char *key,
                           const char *content,
                           uint8_t ret_mac[SIGN_MAC_MAX],
                           size_t *ret_len);

/* The same as upper-case hex with a final NUL. Returns 0 or -errno. */
_warn_unused_ int sign_hex(SignMethod method,
                           const char *key,
                           const char *content,
                           char ret_hex[SIGN_HEX_MAX]);

typedef struct SignParam {
        const char *name, *value; /* without a value it takes no part */
} SignParam;

/*
 * What the platform signs: parameters sorted by name (@params is sorted in place), each name
 * followed by its value, nothing between. Returns 0 or -ENOMEM; the caller frees @ret.
 */
_warn_unused_ int sign_content(SignParam *params, size_t n_params, char **ret);
