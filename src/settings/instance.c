/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define STATE_DIR "/var/lib/iotlinkd"
#define SUFFIX    ".conf"

/* @path with @size bytes of @name in place of what follows its last slash, and @suffix. */
static char *beside(const char *path, const char *name, size_t size, const char *suffix) {
        size_t directory = (size_t)(strrchr(path, '/') - path);
        char *made;

        if (asprintf(&made, "%.*s/%.*s%s", (int)directory, path, (int)size, name, suffix) < 0)
                return NULL;
        return made;
}

/* The size of the name in "/etc/iotlinkd/NAME.conf"; 0 when it is the usual file or another. */
static size_t name_size(const char *path) {
        static const char usual[] = IOTLINK_CONFIG_PATH;
        size_t directory = (size_t)(strrchr(usual, '/') + 1 - usual), size = strlen(path);

        if (strcmp(path, usual) == 0 || strncmp(path, usual, directory) != 0 ||
            strchr(path + directory, '/') || size <= directory + strlen(SUFFIX) ||
            strcmp(path + size - strlen(SUFFIX), SUFFIX) != 0)
                return 0;
        return size - directory - strlen(SUFFIX);
}

/* The first of the directories that systemd has made for the service. */
static const char *state_of_service(size_t *ret_size) {
        const char *list = getenv("STATE_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */

        if (!list || *list != '/')
                return NULL;
        *ret_size = strcspn(list, ":");
        return list;
}

int instance_defaults(Draft *draft, const char *path) {
        Settings *s = &draft->settings;
        size_t size = name_size(path), state_size = 0;
        const char *name = strrchr(path, '/'), *state = state_of_service(&state_size);

        s->socket_named = draft_has(draft, "local.socket");
        if (size > 0 && !s->socket_named) {
                free(s->socket_path);
                s->socket_path = beside(IOTLINK_SOCKET_PATH, name + 1, size, ".sock");
                if (!s->socket_path)
                        return -ENOMEM;
        }
        if (s->state_dir)
                return 0;
        if (state)
                s->state_dir = strndup(state, state_size);
        else if (asprintf(&s->state_dir, "%s%s%.*s", STATE_DIR, size > 0 ? "-" : "", (int)size,
                          size > 0 ? name + 1 : "") < 0)
                s->state_dir = NULL; /* its value is undefined */
        return s->state_dir ? 0 : -ENOMEM;
}
