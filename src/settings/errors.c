/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings/errors.h"

#define SHOWN_BYTES_MAX 64U

void settings_errors_done(SettingsErrors *errors) {
        for (size_t i = 0; i < errors->n_lines; i++)
                free(errors->lines[i]);
        free(errors->lines);
        *errors = (SettingsErrors){0};
}

static bool errors_push(SettingsErrors *errors, char *line) {
        char **lines = reallocarray(errors->lines, errors->n_lines + 1, sizeof(*lines));

        if (!lines)
                return false;
        errors->lines = lines;
        lines[errors->n_lines++] = line;
        return true;
}

static char *errors_format(Origin origin, const char *sentence) {
        char *line = NULL;
        int n = origin.line > 0 ? asprintf(&line, "%s:%u: %s", origin.file, origin.line, sentence)
                                : asprintf(&line, "%s: %s", origin.file, sentence);

        return n < 0 ? NULL : line;
}

void settings_errors_add(SettingsErrors *errors, Origin origin, const char *format, ...) {
        _cleanup_(freep) char *sentence = NULL, *line = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&sentence, format, args);
        va_end(args);
        if (n < 0)
                sentence = NULL; /* its value is undefined */

        line = sentence ? errors_format(origin, sentence) : NULL;
        if (line && errors_push(errors, line))
                line = NULL;
        else
                errors->out_of_memory = true;
}

Shown settings_show(const char *value) {
        size_t size = strnlen(value, SHOWN_BYTES_MAX + 1);
        bool cut = size > SHOWN_BYTES_MAX;
        Shown shown = {0};

        if (cut)
                size = SHOWN_BYTES_MAX;
        /* Not in the middle of a character of UTF-8. */
        while (cut && size > 0 && ((unsigned char)value[size] & 0xC0U) == 0x80U)
                size--;
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)value[i];

                shown.text[i] = value[i];
                if (c < ' ' || c == 0x7F)
                        shown.text[i] = '?';
        }
        if (cut)
                memcpy(shown.text + size, "...", 4);
        return shown;
}
