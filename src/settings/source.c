/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libconfig 1.5 could read the files itself, but it ends the process when an @include names a
 * directory, looks for included files in the working directory, and lets integers beyond 32 bits
 * wrap around in silence. So the files are read here, @include lines are replaced by what they
 * name, and integers that are too large are noted; libconfig gets one text in memory.
 *
 * The scanner knows just enough of the syntax for that: comments, strings, names, numbers.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings/source.h"
#include "util/file.h"

static const char include_word[] = "@include";

/* One file while it is being scanned. */
typedef struct Scan {
        Source *source;
        SettingsErrors *errors;
        const char *at, *end;
        unsigned file, line, depth;
} Scan;

static int scan_file(Source *source, char *take_path, unsigned depth, SettingsErrors *errors);

void source_done(Source *source) {
        for (size_t i = 0; i < source->n_files; i++)
                free(source->files[i].path);
        if (source->text)
                explicit_bzero(source->text, source->allocated);
        if (source->numbers)
                explicit_bzero(source->numbers, source->n_numbers * sizeof(*source->numbers));
        free(source->text);
        free(source->lines);
        free(source->numbers);
        *source = (Source){0};
}

static const SourceLine *source_line(const Source *source, unsigned line) {
        size_t index = line > 0 ? line - 1 : 0;

        if (source->n_lines == 0)
                return NULL;
        /* A parser that finds the end of the text is one line behind it. */
        return &source->lines[index < source->n_lines ? index : source->n_lines - 1];
}

Origin source_origin(const Source *source, unsigned line) {
        const SourceLine *found = source_line(source, line);

        if (!found)
                return (Origin){.file = source->files[0].path, .line = 1};
        return (Origin){.file = source->files[found->file].path, .line = found->line};
}

mode_t source_mode(const Source *source, unsigned line) {
        const SourceLine *found = source_line(source, line);

        return found ? source->files[found->file].mode : 0;
}

/* Whether libconfig makes @wrapped of @digits: decimal numbers by strtol(), hexadecimal ones by
 * strtoul(), which differ in what they do where a long has 32 bits. */
static bool digits_become(const char *digits, int wrapped) {
        return (int)(unsigned)strtol(digits, NULL, 0) == wrapped ||
               (int)(unsigned)strtoul(digits, NULL, 0) == wrapped;
}

const char *source_big_number(const Source *source, unsigned line, int wrapped) {
        for (size_t i = 0; i < source->n_numbers; i++) {
                const SourceNumber *number = &source->numbers[i];

                if (number->line == line && digits_become(number->digits, wrapped))
                        return number->digits;
        }
        return NULL;
}

/* Growing */

static int source_reserve(Source *source, size_t size) {
        size_t allocated = 2 * (source->size + size) + 1;
        char *text;

        if (source->size + size < source->allocated)
                return 0;
        /* Not realloc(), which would leave an unwiped copy behind. */
        text = calloc(1, allocated);
        if (!text)
                return -ENOMEM;
        if (source->text) {
                memcpy(text, source->text, source->size);
                explicit_bzero(source->text, source->size);
        }
        free(source->text);
        source->text = text;
        source->allocated = allocated;
        return 0;
}

static int source_begin_line(Source *source, unsigned file, unsigned line) {
        if (source->n_lines == source->n_lines_allocated) {
                size_t n = source->n_lines_allocated * 2 + 64;
                SourceLine *lines = reallocarray(source->lines, n, sizeof(*lines));

                if (!lines)
                        return -ENOMEM;
                source->lines = lines;
                source->n_lines_allocated = n;
        }
        source->lines[source->n_lines++] = (SourceLine){.file = file, .line = line};
        return 0;
}

static bool source_at_line_start(const Source *source) {
        return source->size == 0 || source->text[source->size - 1] == '\n';
}

static int source_note_number(Source *source, const char *digits, size_t size) {
        SourceNumber *numbers =
                        reallocarray(source->numbers, source->n_numbers + 1, sizeof(*numbers));
        SourceNumber *number;

        if (!numbers)
                return -ENOMEM;
        source->numbers = numbers;
        number = &numbers[source->n_numbers++];
        *number = (SourceNumber){.line = (unsigned)source->n_lines};
        if (size >= sizeof(number->digits))
                size = sizeof(number->digits) - 1;
        memcpy(number->digits, digits, size);
        return 0;
}

/* Scanning */

/* Passes @size characters on to the text. */
static int scan_copy(Scan *scan, size_t size) {
        Source *source = scan->source;
        int r;

        r = source_reserve(source, size);
        if (r < 0)
                return r;
        for (; size > 0; size--, scan->at++) {
                if (source_at_line_start(source)) {
                        r = source_begin_line(source, scan->file, scan->line);
                        if (r < 0)
                                return r;
                }
                source->text[source->size++] = *scan->at;
                if (*scan->at == '\n')
                        scan->line++;
        }
        return 0;
}

static int scan_refuse(const Scan *scan, unsigned line, const char *sentence) {
        Origin origin = {.file = scan->source->files[scan->file].path, .line = line};

        settings_errors_add(scan->errors, origin, "%s", sentence);
        return -EINVAL;
}

static bool scan_sees(const Scan *scan, const char *word) {
        size_t size = strlen(word);

        return (size_t)(scan->end - scan->at) >= size && memcmp(scan->at, word, size) == 0;
}

static int scan_line_comment(Scan *scan) {
        const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));

        return scan_copy(scan, (size_t)((newline ? newline : scan->end) - scan->at));
}

static int scan_block_comment(Scan *scan) {
        const char *close = memmem(scan->at + 2, (size_t)(scan->end - scan->at - 2), "*/", 2);

        if (!close)
                return scan_refuse(scan, scan->line,
                                   "the comment that begins here has no end \"*/\".");
        return scan_copy(scan, (size_t)(close + 2 - scan->at));
}

static int scan_string(Scan *scan) {
        const char *p = scan->at + 1;

        while (p < scan->end && *p != '"')
                p += *p == '\\' && p + 1 < scan->end ? 2 : 1;
        if (p >= scan->end)
                return scan_refuse(scan, scan->line,
                                   "the string that begins here has no closing '\"'.");
        return scan_copy(scan, (size_t)(p + 1 - scan->at));
}

static int scan_name(Scan *scan) {
        const char *p = scan->at;

        while (p < scan->end && (isalnum((unsigned char)*p) || strchr("-_*", *p)))
                p++;
        return scan_copy(scan, (size_t)(p - scan->at));
}

/* A decimal or hexadecimal integer without the L that makes it 64 bits wide. */
static int scan_number(Scan *scan) {
        const char *p = scan->at + (*scan->at == '-' || *scan->at == '+');
        char digits[32] = "";
        size_t size;
        long value;
        int r;

        while (p < scan->end && isxdigit((unsigned char)*p))
                p++;
        if (p < scan->end && (*p == 'x' || *p == 'X'))
                for (p++; p < scan->end && isxdigit((unsigned char)*p);)
                        p++;
        size = (size_t)(p - scan->at);
        if (size < sizeof(digits)) {
                memcpy(digits, scan->at, size);
                errno = 0;
                value = strtol(digits, NULL, 0);
                if (errno == 0 && value >= INT_MIN && value <= INT_MAX)
                        return scan_copy(scan, size);
        }
        /* Copied first, so that the number's line has begun. */
        r = scan_copy(scan, size);
        if (r < 0)
                return r;
        return source_note_number(scan->source, scan->at - size, size);
}

/* The path of an included file: relative names are looked for beside the file that names them. */
static char *include_path(const char *from, const char *name, size_t size) {
        const char *slash = strrchr(from, '/');
        char *path = NULL;

        if (*name == '/' || !slash)
                return strndup(name, size);
        if (asprintf(&path, "%.*s/%.*s", (int)(slash - from), from, (int)size, name) < 0)
                return NULL;
        return path;
}

static int scan_include(Scan *scan) {
        const char *name = scan->at + strlen(include_word), *close;
        char *path;
        int r;

        name += strspn(name, " \t");
        if (*name != '"')
                return scan_refuse(scan, scan->line, "@include must be followed by \"FILE\".");
        name++;
        close = name + strcspn(name, "\"\\\n");
        if (*close != '"' || close == name)
                return scan_refuse(scan, scan->line,
                                   "@include must be followed by \"FILE\" on the same line, "
                                   "without a backslash.");
        if (scan->depth >= SOURCE_DEPTH_MAX)
                return scan_refuse(scan, scan->line, "files include each other more than 10 deep.");
        path = include_path(scan->source->files[scan->file].path, name, (size_t)(close - name));

        r = scan_file(scan->source, path, scan->depth + 1, scan->errors);
        if (r < 0 && r != -EINVAL && r != -ENOMEM)
                return scan_refuse(scan, scan->line, "this @include can't be read (see above).");
        if (r < 0)
                return r;
        scan->at = close + 1;
        if (!source_at_line_start(scan->source)) {
                r = source_reserve(scan->source, 1);
                if (r < 0)
                        return r;
                scan->source->text[scan->source->size++] = '\n';
        }
        return 0;
}

static int scan_token(Scan *scan) {
        unsigned char c = (unsigned char)*scan->at;

        if (c == '#' || scan_sees(scan, "//"))
                return scan_line_comment(scan);
        if (scan_sees(scan, "/*"))
                return scan_block_comment(scan);
        if (c == '"')
                return scan_string(scan);
        if (c == '@' && scan_sees(scan, include_word))
                return scan_include(scan);
        if (isalpha(c) || c == '*')
                return scan_name(scan);
        if (isdigit(c) || ((c == '-' || c == '+') && isdigit((unsigned char)scan->at[1])))
                return scan_number(scan);
        return scan_copy(scan, 1);
}

/* Libraries would take a NUL for the end. */
static int scan_check_text(Scan *scan) {
        const char *nul = memchr(scan->at, '\0', (size_t)(scan->end - scan->at));
        unsigned line = scan->line;

        if (!nul)
                return 0;
        for (const char *p = scan->at; p < nul; p++)
                line += *p == '\n';
        return scan_refuse(scan, line, "a NUL byte: this is not a text file.");
}

static int read_refuse(int r, const char *path, SettingsErrors *errors) {
        Origin origin = {.file = path};

        if (r == FILE_E_NOT_REGULAR) {
                settings_errors_add(errors, origin, "this is not a regular file.");
                return -EISDIR;
        }
        if (r == FILE_E_TOO_LARGE) {
                settings_errors_add(errors, origin, "the file is larger than 1 MiB.");
                return -EFBIG;
        }
        settings_errors_add(errors, origin, "can't read the file: %s.", strerror(-r));
        return r;
}

/* Takes @take_path in any case; NULL is a lack of memory. */
static int scan_file(Source *source, char *take_path, unsigned depth, SettingsErrors *errors) {
        _cleanup_(file_content_done) FileContent content = {0};
        Scan scan = {.source = source, .errors = errors, .line = 1, .depth = depth};
        SourceFile *file = &source->files[source->n_files];
        int r;

        if (!take_path)
                return -ENOMEM;
        scan.file = (unsigned)source->n_files++;
        file->path = take_path;
        r = file_read(file->path, 0, SOURCE_BYTES_MAX, &content);
        if (r != 0)
                return read_refuse(r, file->path, errors);
        file->mode = content.mode;
        if (source->n_files == SOURCE_FILES_MAX || source->size > SOURCE_BYTES_MAX) {
                settings_errors_add(errors, (Origin){.file = file->path}, "too much is included.");
                return -EINVAL;
        }

        scan.at = content.data;
        scan.end = content.data + content.size;
        r = scan_check_text(&scan);
        if (r < 0)
                return r;
        if (scan_sees(&scan, "\xEF\xBB\xBF"))
                scan.at += 3; /* the byte order mark of some editors */
        while (scan.at < scan.end) {
                r = scan_token(&scan);
                if (r < 0)
                        return r;
        }
        return 0;
}

int source_read(Source *source, const char *path, SettingsErrors *errors) {
        int r;

        r = source_reserve(source, 0);
        if (r < 0)
                return r;
        return scan_file(source, strdup(path), 0, errors);
}
