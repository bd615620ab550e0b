/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Walks the known answers in tests/data/sign-vectors.json. */

#include <jansson.h>
#include <stdbool.h>

#include "test.h"

typedef void (*VectorFunc)(json_t *inputs, json_t *expected);

static inline const char *vector_string(json_t *object, const char *name) {
        return json_string_value(json_object_get(object, name));
}

/* Calls @func for every vector of @mode whose id begins with @prefix; there must be @n of them. */
static inline void vectors_walk(const char *mode, const char *prefix, int n, VectorFunc func) {
        json_t *root = json_load_file(VECTORS_PATH, 0, NULL), *vector;
        size_t i;
        int found = 0;

        CHECK(root);
        json_array_foreach(json_object_get(root, "vectors"), i, vector) {
                const char *id = vector_string(vector, "id");

                if (strcmp(vector_string(vector, "mode"), mode) != 0 ||
                    strncmp(id, prefix, strlen(prefix)) != 0)
                        continue;
                printf("# %s\n", id);
                func(json_object_get(vector, "inputs"), json_object_get(vector, "expected"));
                found++;
        }
        CHECK_INT(found, n);
        json_decref(root);
}
