/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/json-reply.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "util/parse.h"

/* In front of each block of the library's stands its size. */
typedef union Block {
        size_t size;
        max_align_t align;
} Block;

static void *block_new(size_t size) {
        Block *block;

        if (size > SIZE_MAX - sizeof(*block))
                return NULL;
        block = malloc(sizeof(*block) + size);
        if (!block)
                return NULL;
        block->size = size;
        return block + 1;
}

static void block_free(void *p) {
        Block *block = p;

        if (!block)
                return;
        block--;
        explicit_bzero(block + 1, block->size);
        free(block);
}

void json_reply_init(void) {
        json_set_alloc_funcs(block_new, block_free);
}

int json_reply_parse(const char *text, size_t size, JsonReply **ret) {
        json_error_t error;
        json_t *root;

        if (size > JSON_REPLY_SIZE_MAX)
                return JSON_REPLY_E_INVALID;
        root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!root)
                return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM
                                                                           : JSON_REPLY_E_INVALID;
        if (!json_is_object(root)) {
                json_decref(root);
                return JSON_REPLY_E_INVALID;
        }
        *ret = root;
        return 0;
}

JsonReply *json_reply_free(JsonReply *reply) {
        json_decref(reply);
        return NULL;
}

static bool name_matches(const char *key, const char *name) {
        size_t size = strlen(name);

        key += strspn(key, " \t");
        return strncasecmp(key, name, size) == 0 && key[size + strspn(key + size, " \t")] == '\0';
}

static json_t *find(JsonReply *reply, const char *name) {
        json_t *value = json_object_get(reply, name);
        const char *key;

        if (value || !reply)
                return value;
        json_object_foreach(reply, key, value) if (name_matches(key, name)) return value;
        return NULL;
}

JsonReply *json_reply_member(JsonReply *reply, const char *name) {
        json_t *value = find(reply, name);

        return json_is_object(value) ? value : NULL;
}

const char *json_reply_string(JsonReply *reply, const char *name) {
        json_t *value = find(reply, name);
        const char *s = json_string_value(value);
        size_t size = json_string_length(value);

        if (!s || size == 0 || size > JSON_REPLY_STRING_MAX)
                return NULL;
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
                        return NULL;
        return s;
}

int json_reply_number(JsonReply *reply, const char *name, uint64_t max, uint64_t *ret) {
        json_t *value = find(reply, name);
        const char *digits = json_string_value(value);

        if (digits)
                return parse_unsigned(digits, max, ret) < 0 ? -ENOENT : 0;
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            (uint64_t)json_integer_value(value) > max)
                return -ENOENT;
        *ret = (uint64_t)json_integer_value(value);
        return 0;
}
