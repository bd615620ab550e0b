/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The table of keys
 *
 * Everything that a configuration can hold, one row a key. It drives the reader, the search for
 * what a mistyped key was meant to be, and the test that conf/iotlinkd.conf.in and
 * man/iotlinkd.conf.5 name exactly these keys.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings/settings.h"
#include "util/macro.h"

/* Bytes of the longest path with its NUL. */
#define SETTINGS_PATH_MAX 64U

typedef enum KeyType {
        KEY_STRING,
        KEY_INTEGER,
        KEY_BOOL,
        KEY_WORD, /* a string out of a few, stored as its number */
        KEY_LIST, /* of groups, whose keys are the rows "PATH[].name" */
} KeyType;

/* In which modes of cloud.auth a key has a meaning. */
#define MODE_BIT(_auth) (1U << (unsigned)(_auth))
#define MODES_ALL       (MODE_BIT(_AUTH_MODE_MAX) - 1U)
/* the platform with a device's own secret, and with its product's */
#define MODES_OWN_SECRET (MODE_BIT(AUTH_DEVICE) | MODE_BIT(AUTH_HTTPS))
#define MODES_REGISTER   (MODE_BIT(AUTH_REGISTER) | MODE_BIT(AUTH_REGISTER_FREE))
#define MODES_PLATFORM   (MODES_OWN_SECRET | MODES_REGISTER)
/* the message queue with an AccessKey's secret, and with all */
#define MODES_MQ_SIGNED (MODE_BIT(AUTH_MQ_SIGNATURE) | MODE_BIT(AUTH_MQ_DEVICE))
#define MODES_MQ_TOKEN  MODE_BIT(AUTH_MQ_TOKEN)
#define MODES_MQ        (MODES_MQ_SIGNED | MODES_MQ_TOKEN)
#define MODES_PLAIN     MODE_BIT(AUTH_PLAIN)
#define MODES_COMMAND   MODE_BIT(AUTH_COMMAND)
/* those that talk to a service over HTTPS, or may */
#define MODES_SERVICE (MODE_BIT(AUTH_HTTPS) | MODE_BIT(AUTH_REGISTER) | MODES_COMMAND)
/* those that come by their credentials through a program, or may */
#define MODES_ASKING (MODES_SERVICE | MODE_BIT(AUTH_REGISTER_FREE) | MODES_MQ_TOKEN)

typedef struct SettingsKey {
        const char *path; /* "cloud.tls.enable" */
        KeyType type;
        unsigned modes;
        bool secret; /* its value is never shown */

        /* As it would be written, quotes apart; NULL: none, or one that depends (see help). */
        const char *fallback;
        const char *example; /* a valid value, for keys that have to be given */
        const char *help;    /* what it is, in a few words */

        int64_t min, max; /* KEY_INTEGER; KEY_LIST: max elements */
        const char *unit;
        const char *(*word)(unsigned i); /* KEY_WORD and KEY_STRING: those allowed, then NULL */
        /* What is wrong with @value (for KEY_WORD: why the unknown word is refused), or NULL. */
        const char *(*problem)(const char *value);

        /* Where it goes: in the Draft, or for "LIST[].name" in the list's element. */
        size_t offset, width;
        size_t count_offset; /* KEY_LIST: size_t, the number of elements */
} SettingsKey;

const SettingsKey *settings_keys(size_t *ret_n_keys);
/* The row of a path, or NULL. */
const SettingsKey *settings_key_find(const char *path);
/* Whether some rows begin with @path and a dot. */
bool settings_group_exists(const char *path);
/* The key or group that someone who wrote @path may have meant, in @ret; or false. */
bool settings_key_guess(const char *path, char ret[SETTINGS_PATH_MAX]);
/* The number of a word, or -1. */
int settings_key_word(const SettingsKey *key, const char *value);
