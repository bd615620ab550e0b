/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <string.h>

#include "settings/reader.h"

#define ALLOWED_BYTES_MAX 256U
#define NAME_BYTES_MAX    256U

typedef struct Reader {
        const Source *source;
        Draft *draft;
        SettingsErrors *errors;
        config_t config;
} Reader;

/* libconfig frees its strings as they are. */
static void setting_wipe(config_setting_t *setting) {
        if (setting->type == CONFIG_TYPE_STRING && setting->value.sval)
                explicit_bzero(setting->value.sval, strlen(setting->value.sval));
        if (config_setting_is_aggregate(setting))
                for (int i = 0; i < config_setting_length(setting); i++)
                        setting_wipe(config_setting_get_elem(setting, (unsigned)i));
}

static void reader_done(Reader *reader) {
        setting_wipe(config_root_setting(&reader->config));
        config_destroy(&reader->config);
}

static Origin setting_origin(const Reader *reader, const config_setting_t *setting) {
        return source_origin(reader->source, setting->line);
}

/* Complaints */

/* What was written, in words or as itself. */
static Shown setting_show(const Reader *reader, const config_setting_t *setting) {
        static const char *const names[] = {[CONFIG_TYPE_NONE] = "nothing",
                                            [CONFIG_TYPE_GROUP] = "a group { }",
                                            [CONFIG_TYPE_LIST] = "a list ( )",
                                            [CONFIG_TYPE_ARRAY] = "an array [ ]"};
        Shown shown = {0};
        char *text = shown.text;
        const char *big;

        switch (setting->type) {
        case CONFIG_TYPE_INT:
                big = source_big_number(reader->source, setting->line, setting->value.ival);
                if (big)
                        return settings_show(big);
                (void)snprintf(text, sizeof(shown.text), "%d", setting->value.ival);
                break;
        case CONFIG_TYPE_INT64:
                (void)snprintf(text, sizeof(shown.text), "%lld", setting->value.llval);
                break;
        case CONFIG_TYPE_FLOAT:
                (void)snprintf(text, sizeof(shown.text), "%#g", setting->value.fval);
                break;
        case CONFIG_TYPE_BOOL:
                return settings_show(setting->value.ival ? "true" : "false");
        case CONFIG_TYPE_STRING:
                (void)snprintf(text, sizeof(shown.text), "\"%.69s\"",
                               settings_show(setting->value.sval ? setting->value.sval : "").text);
                break;
        default:
                return settings_show(names[setting->type]);
        }
        return shown;
}

static void show_words(const SettingsKey *key, char allowed[ALLOWED_BYTES_MAX]) {
        const char *word;
        size_t used = 0;

        for (unsigned i = 0; (word = key->word(i)) && used < ALLOWED_BYTES_MAX; i++)
                used += (size_t)snprintf(allowed + used, ALLOWED_BYTES_MAX - used, "%s\"%s\"",
                                         i > 0 ? ", " : "", word);
}

static void show_allowed(const SettingsKey *key, char allowed[ALLOWED_BYTES_MAX]) {
        switch (key->type) {
        case KEY_STRING:
        case KEY_WORD:
                if (key->word)
                        show_words(key, allowed);
                else
                        (void)snprintf(allowed, ALLOWED_BYTES_MAX, "a string in double quotes");
                break;
        case KEY_INTEGER:
                (void)snprintf(allowed, ALLOWED_BYTES_MAX, "a whole number from %lld to %lld%s%s%s",
                               (long long)key->min, (long long)key->max, key->unit ? " (" : "",
                               key->unit ? key->unit : "", key->unit ? ")" : "");
                break;
        case KEY_BOOL:
                (void)snprintf(allowed, ALLOWED_BYTES_MAX, "true or false, without quotes");
                break;
        case KEY_LIST:
                (void)snprintf(allowed, ALLOWED_BYTES_MAX,
                               "a list of at most %lld groups: ( { ... }, { ... } )",
                               (long long)key->max);
                break;
        default:
                break;
        }
}

/* The value is not among what the row allows; @more, when not NULL, is a sentence on top. */
static void reader_refuse(Reader *reader,
                          const SettingsKey *key,
                          const config_setting_t *setting,
                          const char *more) {
        size_t n_keys;
        char allowed[ALLOWED_BYTES_MAX] = "", fallback[96] = "";

        reader->draft->bad[key - settings_keys(&n_keys)] = true;
        if (key->secret) {
                settings_errors_add(reader->errors, setting_origin(reader, setting),
                                    "key '%s' is not a string. Write it in double quotes.",
                                    key->path);
                return;
        }
        show_allowed(key, allowed);
        if (key->fallback)
                (void)snprintf(fallback, sizeof(fallback), " The default is %s.", key->fallback);
        settings_errors_add(reader->errors, setting_origin(reader, setting),
                            "key '%s' is %s; allowed is %s.%s%s%s", key->path,
                            setting_show(reader, setting).text, allowed, fallback, more ? " " : "",
                            more ? more : "");
}

static void reader_refuse_unknown(Reader *reader,
                                  const config_setting_t *setting,
                                  const char *path) {
        Shown shown = settings_show(path);
        char guess[SETTINGS_PATH_MAX];
        const SettingsKey *key;

        if (!settings_key_guess(path, guess)) {
                settings_errors_add(reader->errors, setting_origin(reader, setting),
                                    "key '%s' is unknown. Remove it; iotlinkd.conf(5) lists all "
                                    "keys.",
                                    shown.text);
                return;
        }
        key = settings_key_find(guess);
        settings_errors_add(reader->errors, setting_origin(reader, setting),
                            "key '%s' is unknown. Did you mean '%s'%s%s%s?", shown.text, guess,
                            key ? " (" : "", key ? key->help : "", key ? ")" : "");
}

/* Values */

static int reader_string(Reader *reader,
                         const SettingsKey *key,
                         const config_setting_t *setting,
                         void *base) {
        const char *value, *problem;
        size_t n_keys;

        if (setting->type != CONFIG_TYPE_STRING) {
                reader_refuse(reader, key, setting, NULL);
                return 0;
        }
        value = setting->value.sval ? setting->value.sval : "";
        if (key->word && settings_key_word(key, value) < 0) {
                reader_refuse(reader, key, setting, key->problem ? key->problem(value) : NULL);
                return 0;
        }
        if (key->type == KEY_WORD) {
                draft_store_integer(key, base, settings_key_word(key, value));
                return 0;
        }
        problem = key->problem && !key->word ? key->problem(value) : NULL;
        if (problem) {
                reader->draft->bad[key - settings_keys(&n_keys)] = true;
                settings_errors_add(reader->errors, setting_origin(reader, setting),
                                    "key '%s' is \"%s\"; %s.", key->path, settings_show(value).text,
                                    problem);
                return 0;
        }
        if (key->secret)
                reader->draft->secret_mode = source_mode(reader->source, setting->line);
        return draft_store_string(key, base, value);
}

static void reader_integer(Reader *reader,
                           const SettingsKey *key,
                           const config_setting_t *setting,
                           void *base) {
        bool small = setting->type == CONFIG_TYPE_INT &&
                     !source_big_number(reader->source, setting->line, setting->value.ival);
        long long value = small ? setting->value.ival : setting->value.llval;

        if ((!small && setting->type != CONFIG_TYPE_INT64) || value < key->min || value > key->max)
                reader_refuse(reader, key, setting, NULL);
        else
                draft_store_integer(key, base, value);
}

static int reader_group(Reader *reader,
                        const config_setting_t *group,
                        const char *prefix,
                        void *base);

static int reader_element(Reader *reader,
                          const SettingsKey *list,
                          const config_setting_t *setting,
                          void *element) {
        size_t n_keys, size = strlen(list->path);
        const SettingsKey *keys = settings_keys(&n_keys);
        char prefix[SETTINGS_PATH_MAX + 2];
        int r;

        *(Origin *)element = setting_origin(reader, setting);
        for (size_t i = 0; i < n_keys; i++) {
                if (strncmp(keys[i].path, list->path, size) != 0 || keys[i].path[size] != '[')
                        continue;
                r = draft_store_fallback(&keys[i], element);
                if (r < 0)
                        return r;
        }
        (void)snprintf(prefix, sizeof(prefix), "%s[]", list->path);
        return reader_group(reader, setting, prefix, element);
}

static int reader_list(Reader *reader,
                       const SettingsKey *key,
                       const config_setting_t *setting,
                       Draft *draft) {
        char *elements = (char *)draft + key->offset;
        size_t *count = (size_t *)(void *)((char *)draft + key->count_offset);
        size_t element_size = key->width / (size_t)key->max;

        if (setting->type != CONFIG_TYPE_LIST || config_setting_length(setting) > key->max) {
                reader_refuse(reader, key, setting, NULL);
                return 0;
        }
        for (int i = 0; i < config_setting_length(setting); i++) {
                const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
                int r;

                if (!config_setting_is_group(element)) {
                        reader_refuse(reader, key, element, NULL);
                        continue;
                }
                *count += 1;
                r = reader_element(reader, key, element, elements + (*count - 1) * element_size);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int reader_key(Reader *reader,
                      const SettingsKey *key,
                      const config_setting_t *setting,
                      void *base) {
        size_t n_keys;

        reader->draft->origins[key - settings_keys(&n_keys)] = setting_origin(reader, setting);
        switch (key->type) {
        case KEY_STRING:
        case KEY_WORD:
                return reader_string(reader, key, setting, base);
        case KEY_INTEGER:
                reader_integer(reader, key, setting, base);
                return 0;
        case KEY_BOOL:
                if (setting->type == CONFIG_TYPE_BOOL)
                        draft_store_integer(key, base, setting->value.ival != 0);
                else
                        reader_refuse(reader, key, setting, NULL);
                return 0;
        case KEY_LIST:
                return reader_list(reader, key, setting, base);
        default:
                return -EINVAL;
        }
}

/* One group: the root, one that the table's paths imply, or an element of a list. */
static int reader_group(Reader *reader,
                        const config_setting_t *group,
                        const char *prefix,
                        void *base) {
        for (int i = 0; i < config_setting_length(group); i++) {
                const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
                char path[NAME_BYTES_MAX];
                const SettingsKey *key;
                int r = 0;

                (void)snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "",
                               config_setting_name(setting));
                key = settings_key_find(path);
                if (key)
                        r = reader_key(reader, key, setting, base);
                else if (!settings_group_exists(path))
                        reader_refuse_unknown(reader, setting, path);
                else if (config_setting_is_group(setting))
                        r = reader_group(reader, setting, path, base);
                else
                        settings_errors_add(reader->errors, setting_origin(reader, setting),
                                            "key '%s' is %s; allowed is a group: %s: { ... };",
                                            path, setting_show(reader, setting).text,
                                            config_setting_name(setting));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Where a top-level group was written, for complaints about what it lacks. */
static Origin reader_group_origin(const Reader *reader, const char *name) {
        const config_setting_t *group =
                        config_setting_get_member(config_root_setting(&reader->config), name);

        return group ? setting_origin(reader, group) : reader->draft->file;
}

static int reader_refuse_text(Reader *reader) {
        const char *text = config_error_text(&reader->config), *hint = "";

        if (!text)
                text = "the file can't be parsed";
        if (strcmp(text, "syntax error") == 0)
                hint = ". Look for a missing ';', quote or bracket here or on the line before";
        if (strcmp(text, "duplicate setting name") == 0)
                hint = ": this key stands above already. Put what it holds in one place";
        settings_errors_add(
                        reader->errors,
                        source_origin(reader->source, (unsigned)config_error_line(&reader->config)),
                        "%s%s.", text, hint);
        return -EINVAL;
}

int reader_read(const Source *source, Draft *draft, SettingsErrors *errors) {
        _cleanup_(reader_done) Reader reader = {.source = source, .draft = draft, .errors = errors};

        config_init(&reader.config);
        if (config_read_string(&reader.config, source->text) != CONFIG_TRUE)
                return reader_refuse_text(&reader);
        draft->identity = reader_group_origin(&reader, "identity");
        draft->cloud = reader_group_origin(&reader, "cloud");
        return reader_group(&reader, config_root_setting(&reader.config), "", draft);
}
