/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A configuration in a directory of its own, loaded, and what came of it
 */

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/settings.h"
#include "test.h"

#define SECRET "0123456789abcdef0123456789abcdef"

#define IDENTITY                                                                    \
        "identity: { product_key = \"a1B2c3D4e5F\"; device_name = \"gateway-1\";\n" \
        "device_secret = \"" SECRET "\"; };\n"
/* Three lines follow it where a test looks at line numbers. */
#define CLOUD "cloud: { region = \"cn-shanghai\"; tls: { enable = false; }; };\n"

typedef struct Load {
        char directory[32];
        char path[64];
        Settings *settings;
        SettingsErrors errors;
        int r;
} Load;

/* Writes @text as NAME in the directory and returns nothing; Load.path is its "conf". */
static inline void load_write(
                const Load *load, const char *name, const void *data, size_t size, mode_t mode) {
        char path[96];
        FILE *f;

        CHECK(snprintf(path, sizeof(path), "%s/%s", load->directory, name) > 0);
        (void)unlink(path);
        f = fopen(path, "we");
        CHECK(f);
        CHECK_INT(fwrite(data, 1, size, f), size);
        CHECK_INT(fclose(f), 0);
        CHECK_INT(chmod(path, mode), 0);
}

static inline void load_begin(Load *load) {
        *load = (Load){.directory = "/tmp/test-settings-XXXXXX"};
        CHECK(mkdtemp(load->directory));
        CHECK(snprintf(load->path, sizeof(load->path), "%s/conf", load->directory) > 0);
}

static inline void load_again(Load *load) {
        load->settings = settings_free(load->settings);
        settings_errors_done(&load->errors);
        load->r = settings_load(&load->settings, load->path, &load->errors);
        CHECK(load->r <= 0);
        CHECK((load->r == 0) == (load->settings != NULL));
        CHECK((load->r == 0) == (load->errors.n_lines == 0));
        for (size_t i = 0; i < load->errors.n_lines; i++) {
                printf("# %s\n", load->errors.lines[i]);
                /* Whatever goes wrong, a secret is never shown. */
                CHECK(!strstr(load->errors.lines[i], SECRET));
                CHECK(strncmp(load->errors.lines[i], load->directory, strlen(load->directory)) ==
                      0);
        }
}

static inline void load_text(Load *load, const char *text) {
        load_write(load, "conf", text, strlen(text), 0640);
        load_again(load);
}

/* Whether one of the errors begins with "DIRECTORY/@where: " and holds @text. */
static inline bool load_has_error(const Load *load, const char *where, const char *text) {
        char prefix[96];

        CHECK(snprintf(prefix, sizeof(prefix), "%s/%s: ", load->directory, where) > 0);
        for (size_t i = 0; i < load->errors.n_lines; i++)
                if (strncmp(load->errors.lines[i], prefix, strlen(prefix)) == 0 &&
                    strstr(load->errors.lines[i], text))
                        return true;
        return false;
}

static inline void load_end(Load *load) {
        char command[64];

        load->settings = settings_free(load->settings);
        settings_errors_done(&load->errors);
        CHECK(snprintf(command, sizeof(command), "rm -r %s", load->directory) > 0);
        CHECK_INT(system(command), 0);
}

/* The whole text is refused with one error that begins at @where and holds @sentence. */
static inline void check_refused(const char *text, const char *where, const char *sentence) {
        Load load;

        load_begin(&load);
        load_text(&load, text);
        CHECK_INT(load.r, -EINVAL);
        CHECK_INT(load.errors.n_lines, 1);
        CHECK(load_has_error(&load, where, sentence));
        load_end(&load);
}
