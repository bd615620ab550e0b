/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that holds nothing but the secret must be closed to everyone but its owner. The
 * configuration may be read by the daemon's group, as is usual below /etc, but by nobody else
 * once a secret stands in it. What systemd passes in $CREDENTIALS_DIRECTORY has the modes that
 * systemd gives it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings/secret.h"
#include "util/file.h"

#define MODE_OF_OTHERS          0007U
#define MODE_OF_GROUP_OR_OTHERS 0077U

/* The names that a secret has in one mode. */
typedef struct SecretKind {
        unsigned modes;
        const char *key, *file_key;
        const char *credential;
        size_t max;
        unsigned optional; /* modes that can do without */
} SecretKind;

static const SecretKind kinds[] = {
                {.modes = MODES_OWN_SECRET | MODES_COMMAND,
                 .key = "identity.device_secret",
                 .file_key = "identity.device_secret_file",
                 .credential = "device_secret",
                 .max = 64,
                 .optional = MODES_COMMAND},
                {.modes = MODES_REGISTER,
                 .key = "identity.product_secret",
                 .file_key = "identity.product_secret_file",
                 .credential = "product_secret",
                 .max = 64},
                {.modes = MODES_MQ_TOKEN,
                 .key = "identity.token",
                 .file_key = "identity.token_file",
                 .credential = "token",
                 .max = 16384},
                {.modes = MODES_MQ_SIGNED,
                 .key = "identity.access_key_secret",
                 .file_key = "identity.access_key_secret_file",
                 .credential = "access_key_secret",
                 .max = 64},
                {.modes = MODES_PLAIN,
                 .key = "identity.password",
                 .file_key = "identity.password_file",
                 .credential = "password",
                 .max = 16384, /* brokers take signed tokens as passwords */
                 .optional = MODES_PLAIN},
};

static const SecretKind *secret_kind(AuthMode mode) {
        size_t i = 0;

        /* Every mode has one: the last takes what is left. */
        while (i < ARRAY_SIZE(kinds) - 1 && !(kinds[i].modes & MODE_BIT(mode)))
                i++;
        return &kinds[i];
}

/* One source of a secret while it is being read. */
typedef struct SecretSource {
        const SecretKind *kind;
        SettingsErrors *errors;
        Origin origin;
        const char *what; /* "key 'identity.device_secret'" */
} SecretSource;

static int secret_take(const SecretSource *source, const char *data, size_t size, char **ret) {
        const char *problem = NULL;

        while (size > 0 && strchr(" \t\r\n", data[size - 1]) && data[size - 1])
                size--;
        if (size == 0)
                problem = "is empty";
        else if (memchr(data, '\0', size))
                problem = "holds a NUL byte: it is no text";
        else if (memchr(data, '\n', size))
                problem = "holds more than one line";
        if (problem) {
                settings_errors_add(source->errors, source->origin, "%s %s.", source->what,
                                    problem);
                return 0;
        }
        if (size > source->kind->max) {
                settings_errors_add(source->errors, source->origin,
                                    "%s is longer than the %zu characters that it may have.",
                                    source->what, source->kind->max);
                return 0;
        }
        (void)secret_free(*ret);
        *ret = strndup(data, size);
        return *ret ? 0 : -ENOMEM;
}

static int secret_read(const SecretSource *source, const char *path, mode_t forbidden, char **ret) {
        _cleanup_(file_content_done) FileContent content = {0};
        int r;

        /* Room for the white space behind it. */
        r = file_read(path, forbidden, source->kind->max + 256, &content);
        switch (r) {
        case 0:
                return secret_take(source, content.data, content.size, ret);
        case FILE_E_EXPOSED:
                settings_errors_add(source->errors, source->origin,
                                    "%s: others than its owner can read %s. Run: chmod 600 %s",
                                    source->what, path, path);
                return 0;
        case FILE_E_NOT_REGULAR:
                settings_errors_add(source->errors, source->origin, "%s: %s is not a regular file.",
                                    source->what, path);
                return 0;
        case FILE_E_TOO_LARGE:
                settings_errors_add(source->errors, source->origin,
                                    "%s: %s is longer than the %zu characters that it may have.",
                                    source->what, path, source->kind->max);
                return 0;
        case -ENOMEM:
                return r;
        default:
                settings_errors_add(source->errors, source->origin, "%s: can't read %s: %s%s",
                                    source->what, path, strerror(-r),
                                    r == -EACCES ? ". It must belong to the account that iotlinkd "
                                                   "runs as."
                                                 : ".");
                return 0;
        }
}

int credential_find(const char *name, char **ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
        char *path = NULL;

        if (!directory || *directory != '/')
                return 0;
        if (asprintf(&path, "%s/%s", directory, name) < 0)
                return -ENOMEM;
        if (access(path, F_OK) < 0) {
                free(path);
                return 0;
        }
        *ret = path;
        return 1;
}

bool credentials_are_elsewhere(void) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */

        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        return getenv("MAINPID") && directory && access(directory, X_OK) < 0;
}

static int secret_take_inline(const SecretSource *source, const char *value, Draft *draft) {
        if (draft->secret_mode & MODE_OF_OTHERS)
                settings_errors_add(source->errors, source->origin,
                                    "%s is the secret itself, and every user can read this file "
                                    "(mode %04o). Run: chmod 640 %s",
                                    source->what, (unsigned)draft->secret_mode,
                                    source->origin.file);
        return secret_take(source, value, strlen(value), &draft->settings.identity.secret);
}

static void secret_refuse_missing(const SecretKind *kind,
                                  const Draft *draft,
                                  SettingsErrors *errors) {
        settings_errors_add(errors, draft->identity,
                            "the secret is missing. Give it in one of three ways: write its file's "
                            "name as %s, write it as %s, or pass the systemd credential '%s' "
                            "(LoadCredential=).",
                            kind->file_key, kind->key, kind->credential);
}

int secret_load(Draft *draft, SettingsErrors *errors) {
        const Identity *identity = &draft->settings.identity;
        const SecretKind *kind = secret_kind(identity->mode);
        char **secret = &draft->settings.identity.secret;
        bool optional;
        _cleanup_(freep) char *credential = NULL;
        const char *names[3];
        size_t n = 0;
        char what[64];
        SecretSource source = {.kind = kind, .errors = errors, .what = what};
        int r;

        /* has_command: mq-token's tokens may come from a program alone. */
        optional = (kind->optional & MODE_BIT(identity->mode)) || identity->has_command ||
                   credentials_are_elsewhere();
        r = credential_find(kind->credential, &credential);
        if (r < 0)
                return r;
        if (draft_has(draft, kind->key))
                names[n++] = kind->key;
        if (draft_has(draft, kind->file_key))
                names[n++] = kind->file_key;
        if (credential)
                names[n++] = "a systemd credential";
        if (n == 0 && !optional)
                secret_refuse_missing(kind, draft, errors);
        if (n > 1)
                settings_errors_add(errors, draft_origin(draft, names[0]),
                                    "the secret is given more than once: by %s and by %s%s%s. "
                                    "Keep one.",
                                    names[0], names[1], n > 2 ? " and by " : "",
                                    n > 2 ? names[2] : "");

        if (credential) {
                source.origin = draft->identity;
                (void)snprintf(what, sizeof(what), "credential '%s'", kind->credential);
                r = secret_read(&source, credential, 0, secret);
        } else if (draft_has(draft, kind->file_key) && !draft_is_bad(draft, kind->file_key)) {
                source.origin = draft_origin(draft, kind->file_key);
                (void)snprintf(what, sizeof(what), "key '%s'", kind->file_key);
                r = secret_read(&source, draft_string(settings_key_find(kind->file_key), draft),
                                MODE_OF_GROUP_OR_OTHERS, secret);
        }
        if (r >= 0 && draft_has(draft, kind->key) && !draft_is_bad(draft, kind->key)) {
                source.origin = draft_origin(draft, kind->key);
                (void)snprintf(what, sizeof(what), "key '%s'", kind->key);
                r = secret_take_inline(&source, draft_string(settings_key_find(kind->key), draft),
                                       draft);
        }
        return r < 0 ? r : 0;
}
