/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/form.h"

#include <errno.h>
#include <string.h>

/* Everything that RFC 3986 doesn't call unreserved, spaces too, goes as %XX: each decoder knows it.
 */
static char *encode(char *p, const char *s) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-._~";
        static const char digits[] = "0123456789ABCDEF";

        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;

                if (strchr(plain, *s)) {
                        *p++ = *s;
                        continue;
                }
                *p++ = '%';
                *p++ = digits[c >> 4];
                *p++ = digits[c & 0xf];
        }
        return p;
}

int form_encode(const SignParam *params, size_t n_params, char **ret) {
        size_t size = 1;
        char *text, *p;

        for (size_t i = 0; i < n_params; i++)
                if (params[i].value)
                        size += 3 * (strlen(params[i].name) + strlen(params[i].value)) + 2;
        text = calloc(1, size);
        if (!text)
                return -ENOMEM;

        p = text;
        for (size_t i = 0; i < n_params; i++) {
                if (!params[i].value)
                        continue;
                if (p != text)
                        *p++ = '&';
                p = encode(p, params[i].name);
                *p++ = '=';
                p = encode(p, params[i].value);
        }
        *ret = text;
        return 0;
}
