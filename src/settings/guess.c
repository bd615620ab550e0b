/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mistyped key was meant to be: the key or group of the table that needs the fewest
 * changes of a character, if they are few; or the key of the same name in another group.
 */
#include <string.h>

#include "settings/table.h"

static size_t smallest(size_t a, size_t b, size_t c) {
        size_t ab = a < b ? a : b;

        return ab < c ? ab : c;
}

/* Levenshtein's distance, with one row of memory. */
static size_t distance(const char *a, const char *b) {
        size_t row[SETTINGS_PATH_MAX], size_b = strlen(b);

        for (size_t j = 0; j <= size_b; j++)
                row[j] = j;
        for (size_t i = 1; *a; i++, a++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= size_b; j++) {
                        size_t above = row[j];

                        row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (*a != b[j - 1]));
                        diagonal = above;
                }
        }
        return row[size_b];
}

static const char *last_name(const char *path) {
        const char *dot = strrchr(path, '.');

        return dot ? dot + 1 : path;
}

typedef struct Guess {
        const char *path;
        size_t best; /* changes that the best candidate so far needs */
        char text[SETTINGS_PATH_MAX];
} Guess;

static void guess_consider(Guess *guess, const char *candidate) {
        size_t changes = strcmp(last_name(guess->path), last_name(candidate)) == 0
                                         ? 1
                                         : distance(guess->path, candidate);

        if (changes >= guess->best)
                return;
        guess->best = changes;
        memcpy(guess->text, candidate, strlen(candidate) + 1);
}

bool settings_key_guess(const char *path, char ret[SETTINGS_PATH_MAX]) {
        size_t n_keys, limit = strlen(last_name(path)) / 3 + 1;
        const SettingsKey *keys = settings_keys(&n_keys);
        char candidate[SETTINGS_PATH_MAX] = "";
        Guess guess = {.path = path, .best = (limit > 3 ? 3 : limit) + 1};
        size_t none = guess.best;

        for (size_t i = 0; i < n_keys; i++) {
                /* The key's groups, outermost first, and the key itself. */
                for (const char *p = keys[i].path; *p; p++)
                        if (*p == '.') {
                                memcpy(candidate, keys[i].path, (size_t)(p - keys[i].path));
                                candidate[p - keys[i].path] = '\0';
                                if (!strchr(candidate, '['))
                                        guess_consider(&guess, candidate);
                        }
                guess_consider(&guess, keys[i].path);
        }
        if (guess.best == none)
                return false;
        memcpy(ret, guess.text, sizeof(guess.text));
        return true;
}
