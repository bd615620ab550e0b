/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/target.h"

#include <errno.h>
#include <string.h>

static void free_text(const char **text) {
        /* A copy's strings are its own; the struct says const for those who only read. */
        union {
                const char *in;
                char *out;
        } owned = {.in = *text};

        if (owned.out)
                explicit_bzero(owned.out, strlen(owned.out));
        free(owned.out);
        *text = NULL;
}

void target_done(TransportTarget *copy) {
        free_text(&copy->host);
        free_text(&copy->root_file);
        free_text(&copy->certificate_file);
        free_text(&copy->key_file);
        free_text(&copy->client_id);
        free_text(&copy->username);
        free_text(&copy->password);
}

static bool copy_text(const char **text) {
        if (!*text)
                return true;
        *text = strdup(*text);
        return *text != NULL;
}

int target_copy(const TransportTarget *target, TransportTarget *ret) {
        TransportTarget copy = *target;
        const char **texts[] = {&copy.host,     &copy.root_file, &copy.certificate_file,
                                &copy.key_file, &copy.client_id, &copy.username,
                                &copy.password};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (copy_text(texts[i]))
                        continue;
                /* What was not copied yet still belongs to the caller. */
                for (size_t k = i; k < ARRAY_SIZE(texts); k++)
                        *texts[k] = NULL;
                target_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}
