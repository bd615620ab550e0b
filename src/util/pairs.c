/* SPDX-License-Identifier: Apache-2.0 */
#include "util/pairs.h"

#include <errno.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

int pairs_parse(char *text, size_t size, PairFunc func, void *userdata) {
        char *end = text + size;

        if (memchr(text, '\0', size))
                return -EBADMSG;
        for (char *line = text; line < end;) {
                char *stop = memchr(line, '\n', (size_t)(end - line)), *value;
                size_t name_size;
                int r;

                if (!stop)
                        stop = end; /* the last line may lack its end */
                *stop = '\0';
                if (*line == '\0')
                        return 0;
                name_size = strspn(line, NAME_CHARACTERS);
                value = line + name_size;
                if (name_size == 0 || *value != '=' || strchr(value, '\r'))
                        return -EBADMSG;
                *value++ = '\0';
                r = func(line, value, userdata);
                if (r < 0)
                        return r;
                line = stop + 1;
        }
        return 0;
}
