/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/payload.h"

#include <errno.h>
#include <string.h>

#include "util/base64.h"
#include "util/utf8.h"

int payload_set(json_t *object, const void *data, size_t size) {
        _cleanup_(freep) char *text = NULL;
        size_t text_size;

        /* A NUL is valid UTF-8, but not every JSON library takes it. */
        if (utf8_is_valid(data, size) && !memchr(data, '\0', size))
                return json_object_set_new(object, "payload", json_stringn(data, size)) < 0
                                       ? -ENOMEM
                                       : 0;

        text_size = base64_encoded_size(size);
        text = malloc(text_size);
        if (!text)
                return -ENOMEM;
        base64_encode(data, size, text);
        return json_object_set_new(object, "payload_b64", json_stringn(text, text_size)) < 0
                               ? -ENOMEM
                               : 0;
}

int payload_get(const json_t *object, char **ret_data, size_t *ret_size) {
        const json_t *text = json_object_get(object, "payload");
        const json_t *encoded = json_object_get(object, "payload_b64");
        _cleanup_(freep) char *data = NULL;
        size_t size;

        if (json_is_string(text)) {
                size = json_string_length(text);
                data = malloc(size + 1);
                if (!data)
                        return -ENOMEM;
                memcpy(data, json_string_value(text), size);
        } else if (json_is_string(encoded)) {
                data = malloc(base64_decoded_size_max(json_string_length(encoded)) + 1);
                if (!data)
                        return -ENOMEM;
                if (base64_decode(json_string_value(encoded), json_string_length(encoded), data,
                                  &size) < 0)
                        return -EBADMSG;
        } else
                return -EBADMSG;

        data[size] = '\0';
        *ret_data = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}
