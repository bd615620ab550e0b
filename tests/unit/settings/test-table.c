/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table, the configuration file that is installed, and the manual page say the same.
 */
#include "load.h"
#include "settings/draft.h"
#include "settings/profile.h"
#include "settings/reader.h"
#include "settings/source.h"
#include "settings/table.h"
#include "util/file.h"

static FileContent read_whole(const char *path) {
        FileContent content = {0};

        CHECK_INT(file_read(path, 0, 1U << 20, &content), 0);
        return content;
}

/* Removes the '#' before settings: those in the first column that no single space follows. */
static void uncomment(char *text) {
        for (char *p = text; p; p = strchr(p, '\n')) {
                p += *p == '\n';
                if (*p == '#' && p[1] != '\n' && (p[1] != ' ' || p[2] == ' '))
                        *p = ' ';
        }
}

static void check_default(const SettingsKey *key, const Draft *draft, const Draft *fresh) {
        const char *a = (const char *)draft + key->offset, *b = (const char *)fresh + key->offset;

        if (key->type == KEY_STRING)
                CHECK_STR(draft_string(key, draft), draft_string(key, fresh));
        else if (key->type != KEY_LIST)
                CHECK(memcmp(a, b, key->width) == 0);
}

static void test_the_shipped_file_shows_every_key_and_its_default(void) {
        _cleanup_(file_content_done) FileContent conf = read_whole(TEST_CONF);
        _cleanup_(source_done) Source source = {0};
        _cleanup_(draft_freep) Draft *draft = NULL, *fresh = NULL;
        const Profile *profile = profile_get(AUTH_DEVICE);
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);
        Load load;

        load_begin(&load);
        uncomment(conf.data);
        load_write(&load, "conf", conf.data, conf.size, 0600);
        CHECK_INT(source_read(&source, load.path, &load.errors), 0);
        CHECK_INT(draft_new(&draft), 0);
        CHECK_INT(draft_new(&fresh), 0);
        CHECK_INT(reader_read(&source, draft, &load.errors), 0);
        for (size_t i = 0; i < load.errors.n_lines; i++)
                printf("# %s\n", load.errors.lines[i]);
        CHECK_INT(load.errors.n_lines, 0);

        for (size_t i = 0; i < n_keys; i++) {
                if (!draft->origins[i].line)
                        printf("# %s is not in the file\n", keys[i].path);
                CHECK(draft->origins[i].line);
                if (keys[i].fallback && !strstr(keys[i].path, "[]"))
                        check_default(&keys[i], draft, fresh);
        }
        CHECK_INT(draft->settings.connects_per_minute, profile->connects_per_minute);
        CHECK_INT(draft->settings.qos1_per_second, profile->qos1_per_second);
        CHECK_INT(draft->settings.qos0_per_second, profile->qos0_per_second);
        CHECK_INT(draft->settings.unacknowledged, profile->unacknowledged);
        CHECK_INT(draft->n_roots, 2);
        for (size_t i = 0; i < draft->n_roots; i++) {
                CHECK_STR(draft->roots[i].file, profile->roots[i].file);
                CHECK_INT(draft->roots[i].port, profile->roots[i].port);
        }
        load_end(&load);
}

static void test_the_shipped_file_sets_nothing(void) {
        _cleanup_(source_done) Source source = {0};
        _cleanup_(draft_freep) Draft *draft = NULL;
        SettingsErrors errors = {0};
        size_t n_keys;

        CHECK(settings_keys(&n_keys));
        CHECK_INT(source_read(&source, TEST_CONF, &errors), 0);
        CHECK_INT(draft_new(&draft), 0);
        CHECK_INT(reader_read(&source, draft, &errors), 0);
        CHECK_INT(errors.n_lines, 0);
        for (size_t i = 0; i < n_keys; i++)
                CHECK_INT(draft->origins[i].line, 0);
}

static void test_the_manual_page_names_exactly_the_keys(void) {
        _cleanup_(file_content_done) FileContent man = read_whole(TEST_MAN);
        size_t n_keys, n_items = 0;
        const SettingsKey *keys = settings_keys(&n_keys);
        char item[SETTINGS_PATH_MAX + 16];

        for (size_t i = 0; i < n_keys; i++) {
                CHECK(snprintf(item, sizeof(item), "\n.It Cm %s\n", keys[i].path) > 0);
                if (!strstr(man.data, item))
                        printf("# %s is not in the manual page\n", keys[i].path);
                CHECK(strstr(man.data, item));
        }
        for (const char *p = man.data; (p = strstr(p, "\n.It Cm ")); p++)
                n_items++;
        CHECK_INT(n_items, n_keys);
}

/* Whether the manual page says @text, on one line or over two, between the key's item and the
 * next. */
static bool man_says(const char *man, const char *path, const char *text) {
        char item[SETTINGS_PATH_MAX + 16];
        _cleanup_(freep) char *section = NULL;
        const char *from, *to;

        CHECK(snprintf(item, sizeof(item), "\n.It Cm %s\n", path) > 0);
        from = strstr(man, item);
        CHECK(from);
        to = strstr(from + 1, "\n.It ");
        section = strndup(from, to ? (size_t)(to - from) : strlen(from));
        CHECK(section);
        for (char *p = section; (p = strchr(p, '\n')); p++)
                *p = ' ';
        return strstr(section, text) != NULL;
}

static void test_the_manual_page_has_the_defaults_and_ranges(void) {
        _cleanup_(file_content_done) FileContent man = read_whole(TEST_MAN);
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);
        char text[128];

        for (size_t i = 0; i < n_keys; i++) {
                printf("# %s\n", keys[i].path);
                if (keys[i].fallback && keys[i].fallback[0] != '/') {
                        CHECK(snprintf(text, sizeof(text), "Default: %s.", keys[i].fallback) > 0);
                        CHECK(man_says(man.data, keys[i].path, text));
                }
                if (keys[i].type != KEY_INTEGER)
                        continue;
                CHECK(snprintf(text, sizeof(text), "%lld to %lld", (long long)keys[i].min,
                               (long long)keys[i].max) > 0);
                CHECK(man_says(man.data, keys[i].path, text));
        }
}

static void test_rows_are_complete(void) {
        size_t n_keys;
        const SettingsKey *keys = settings_keys(&n_keys);

        for (size_t i = 0; i < n_keys; i++) {
                CHECK(strlen(keys[i].path) < SETTINGS_PATH_MAX - 2);
                CHECK(keys[i].help && keys[i].modes && keys[i].width > 0);
                CHECK(settings_key_find(keys[i].path) == &keys[i]);
                CHECK(keys[i].type != KEY_INTEGER || keys[i].min < keys[i].max);
                CHECK(keys[i].type != KEY_WORD || keys[i].word);
                if (keys[i].example && keys[i].problem && !keys[i].word)
                        CHECK(!keys[i].problem(keys[i].example));
                if (keys[i].word && keys[i].fallback)
                        CHECK(settings_key_word(&keys[i], keys[i].fallback) >= 0);
        }
}

TEST_MAIN(TEST(test_rows_are_complete),
          TEST(test_the_shipped_file_shows_every_key_and_its_default),
          TEST(test_the_shipped_file_sets_nothing),
          TEST(test_the_manual_page_names_exactly_the_keys),
          TEST(test_the_manual_page_has_the_defaults_and_ranges))
