/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A glance at the files, so that a wrong name is an error at start and not a failing handshake an
 * hour later. Whether a certificate is any good is for TLS to say.
 */
#include <errno.h>
#include <string.h>

#include "settings/files.h"
#include "settings/profile.h"
#include "settings/secret.h"
#include "util/file.h"

#define FILE_BYTES_MAX ((size_t)4 * 1024 * 1024)

#define PEM_CERTIFICATE "-----BEGIN CERTIFICATE-----"
#define PEM_PRIVATE_KEY "PRIVATE KEY-----"

#define MODE_OF_OTHERS 0007U

/* What a file must hold, and who complains. */
typedef struct FileCheck {
        SettingsErrors *errors;
        Origin origin;
        const char *key;
        const char *word; /* to be found in it */
        mode_t forbidden;
        const char *hint; /* what else there is to say when it can't be read */
        uint64_t digest;  /* of all that was read */
} FileCheck;

/* FNV-1a: only to see whether something has changed. */
static uint64_t digest_add(uint64_t digest, const FileContent *content) {
        for (size_t i = 0; i < content->size; i++)
                digest = (digest ^ (unsigned char)content->data[i]) * UINT64_C(1099511628211);
        return digest;
}

static int file_check(FileCheck *check, const char *path) {
        _cleanup_(file_content_done) FileContent content = {0};
        int r;

        r = file_read(path, check->forbidden, FILE_BYTES_MAX, &content);
        if (r == -ENOMEM)
                return r;
        if (r == FILE_E_EXPOSED)
                settings_errors_add(check->errors, check->origin,
                                    "key '%s': every user can read %s. Run: chmod 640 %s",
                                    check->key, path, path);
        else if (r != 0)
                settings_errors_add(check->errors, check->origin, "key '%s': can't read %s: %s.%s",
                                    check->key, path,
                                    r == FILE_E_NOT_REGULAR ? "it is not a regular file"
                                    : r == FILE_E_TOO_LARGE ? "it is larger than 4 MiB"
                                                            : strerror(-r),
                                    check->hint ? check->hint : "");
        else if (!memmem(content.data, content.size, check->word, strlen(check->word)))
                settings_errors_add(check->errors, check->origin,
                                    "key '%s': %s holds no \"%s\" line. It must be in PEM form.",
                                    check->key, path, check->word);
        else
                check->digest = digest_add(check->digest, &content);
        return 0;
}

static int roots_add(Settings *settings, const char *file, unsigned port) {
        SettingsRoot *root = &settings->roots[settings->n_roots];

        root->file = strdup(file);
        if (!root->file)
                return -ENOMEM;
        root->port = (uint16_t)port;
        settings->n_roots++;
        return 0;
}

static int roots_take_default(Draft *draft, FileCheck *check) {
        const Profile *profile = profile_get(draft->settings.identity.mode);
        int r = 0;

        check->key = "cloud.tls.roots";
        check->origin = draft->cloud;
        check->hint = strcmp(profile->roots[0].file, PROFILE_SYSTEM_ROOTS) == 0
                                      ? " It is the default. Install ca-certificates, or name a "
                                        "root in this key."
                                      : " It is the default and comes with iotlinkd. Install it "
                                        "whole, or name a root in this key.";
        for (size_t i = 0; profile->roots[i].file; i++) {
                r = roots_add(&draft->settings, profile->roots[i].file, profile->roots[i].port);
                if (r < 0)
                        return r;
                r = file_check(check, profile->roots[i].file);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int roots_take(Draft *draft, FileCheck *check) {
        int r;

        check->key = "cloud.tls.roots[].file";
        for (size_t i = 0; i < draft->n_roots; i++) {
                RootDraft *root = &draft->roots[i];

                check->origin = root->origin;
                if (!root->file) {
                        if (!draft_is_bad(draft, check->key))
                                settings_errors_add(check->errors, root->origin,
                                                    "key '%s' is missing in this root.",
                                                    check->key);
                        continue;
                }
                r = roots_add(&draft->settings, root->file, root->port);
                if (r < 0)
                        return r;
                r = file_check(check, root->file);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int client_certificate_check(Draft *draft, FileCheck *check) {
        const Settings *settings = &draft->settings;
        int r;

        check->hint = NULL;
        if (settings->certificate_file && !settings->key_file) {
                r = credential_find("client_key", &draft->settings.key_file);
                if (r < 0)
                        return r;
        }
        if (!settings->certificate_file != !settings->key_file &&
            !(settings->certificate_file && credentials_are_elsewhere())) {
                check->key = settings->key_file ? "cloud.tls.key_file"
                                                : "cloud.tls.certificate_file";
                settings_errors_add(check->errors, draft_origin(draft, check->key),
                                    "key '%s' stands alone; a certificate and its private key need "
                                    "each other.",
                                    check->key);
        }
        if (settings->certificate_file) {
                check->key = "cloud.tls.certificate_file";
                check->origin = draft_origin(draft, check->key);
                r = file_check(check, settings->certificate_file);
                if (r < 0)
                        return r;
        }
        if (!settings->key_file)
                return 0;
        check->key = "cloud.tls.key_file";
        check->origin = draft_origin(draft, check->key);
        check->word = PEM_PRIVATE_KEY;
        check->forbidden = MODE_OF_OTHERS;
        return file_check(check, settings->key_file);
}

static int roots_check(Draft *draft, FileCheck *check) {
        if (!draft_has(draft, "cloud.tls.roots"))
                return roots_take_default(draft, check);
        if (draft->n_roots > 0)
                return roots_take(draft, check);
        if (!draft_is_bad(draft, "cloud.tls.roots"))
                settings_errors_add(check->errors, draft_origin(draft, "cloud.tls.roots"),
                                    "key 'cloud.tls.roots' is empty, so that no server could be "
                                    "trusted. Name a root, or remove the key for the default.");
        return 0;
}

int files_check(Draft *draft, SettingsErrors *errors) {
        FileCheck check = {.errors = errors,
                           .word = PEM_CERTIFICATE,
                           .digest = UINT64_C(14695981039346656037)};
        int r = 0;

        if (draft->settings.auth_root_file && !draft_is_bad(draft, "cloud.auth_root")) {
                check.key = "cloud.auth_root";
                check.origin = draft_origin(draft, check.key);
                r = file_check(&check, draft->settings.auth_root_file);
        }
        if (r >= 0 && draft->settings.identity.tls)
                r = roots_check(draft, &check);
        if (r >= 0 && draft->settings.identity.tls)
                r = client_certificate_check(draft, &check);
        draft->settings.pem_digest = check.digest;
        return r;
}
