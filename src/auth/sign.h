/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Signatures
 *
 * The HMACs that devices prove themselves with, by OpenSSL 3's EVP_MAC. Pure: no files, no
 * clock, no logging. Keys and intermediate values are wiped after use.
 */

#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

typedef enum SignMethod {
        SIGN_HMACMD5,    /* 32 hex digits; what the platform assumes when none is named */
        SIGN_HMACSHA1,   /* 40 */
        SIGN_HMACSHA256, /* 64 */
        _SIGN_METHOD_MAX,
        _SIGN_METHOD_INVALID = -22, /* -EINVAL */
} SignMethod;

/* Bytes of the longest raw MAC, and of its text in hex with the final NUL. */
#define SIGN_MAC_MAX 32
#define SIGN_HEX_MAX (2 * SIGN_MAC_MAX + 1)

/* The platform's lower-case token ("hmacsha256"); from_string takes any letter case. */
const char *sign_method_to_string(SignMethod method);
SignMethod sign_method_from_string(const char *s);

/* The raw MAC of @content under @key. Stores its length in @ret_len. Returns 0 or -errno. */
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
