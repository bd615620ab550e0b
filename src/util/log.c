/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_journal_sendv() is called with fields of our own making; it adds SYSLOG_IDENTIFIER, and goes
 * to the journal of our namespace, where the unit has one. Whether the journal is our stderr is
 * told by JOURNAL_STREAM, which systemd sets to the device and inode of the stream it gave us: a
 * program started from ours with another stderr inherits the variable, so the numbers are compared.
 */
#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "util/clock.h"
#include "util/log-limit.h"

#define TEXT_MAX   2048
#define FIELD_MAX  1024
#define FIELDS_MAX 16

/* Like stderr itself, there is one for all. */
static struct {
        pthread_mutex_t lock; /* for the rest; what log_open() sets is set before any thread is */
        LogLimit limit;
        unsigned n_lost;
        bool to_journal, show_debug;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool stderr_is_journal(void) {
        const char *stream = secure_getenv("JOURNAL_STREAM");
        uintmax_t device, inode;
        struct stat st;
        char *end;

        if (!stream)
                return false;
        errno = 0;
        device = strtoumax(stream, &end, 10);
        if (errno != 0 || end == stream || *end != ':')
                return false;
        stream = end + 1;
        inode = strtoumax(stream, &end, 10);
        if (errno != 0 || end == stream || *end != '\0')
                return false;
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(bool debug) {
        shared.show_debug = debug;
        shared.to_journal = stderr_is_journal();
}

bool log_is_journal(void) {
        return shared.to_journal;
}

static const char *priority_word(int priority) {
        switch (priority) {
        case LOG_DEBUG:
                return "debug";
        case LOG_INFO:
        case LOG_NOTICE:
                return "info";
        case LOG_WARNING:
                return "warning";
        default:
                return "error";
        }
}

/* Where to end a text that did not fit: a character that may have been cut is left out. */
static size_t cut_length(const char *text, size_t n) {
        while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
                n--;
        return n > 0 && ((unsigned char)text[n - 1] & 0x80) ? n - 1 : n;
}

static bool format_text(char *ret, size_t size, const char *format, va_list ap) _printf_(3, 0);

static bool format_text(char *ret, size_t size, const char *format, va_list ap) {
        int n = vsnprintf(ret, size, format, ap);

        if (n >= 0 && (size_t)n >= size)
                ret[cut_length(ret, size - 1)] = '\0';
        return n >= 0;
}

/* Topics and names come from others and must not look like lines of ours, or move a cursor. */
static void blank_controls(char *line, size_t n) {
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
                        line[i] = '?';
}

/*
 * One write per line, so that lines of several threads never mix; and none where it would block: a
 * supervisor that has stopped reading must not stop us. What poll() calls writable takes a line.
 */
static void write_line(const char *line, size_t size) {
        struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};
        char lost[96];
        int n;

        if (poll(&pfd, 1, 0) == 0) {
                shared.n_lost++;
                return;
        }
        if (shared.n_lost > 0) {
                n = snprintf(lost, sizeof(lost),
                             "warning: %u lines are missing here: nobody read standard error\n",
                             shared.n_lost);
                if (n > 0 && write(STDERR_FILENO, lost, (size_t)n) < 0)
                        return; /* nowhere to report a log line that can't be written */
                shared.n_lost = 0;
                if (poll(&pfd, 1, 0) == 0) {
                        shared.n_lost++;
                        return;
                }
        }
        if (write(STDERR_FILENO, line, size) < 0)
                return;
}

static void write_plain(int priority, const char *text, const LogField *fields, size_t n_fields) {
        char line[TEXT_MAX + FIELDS_MAX * 64];
        size_t used;
        int n;

        n = snprintf(line, sizeof(line), "%s: %s", priority_word(priority), text);
        if (n < 0)
                return;
        used = (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
        for (size_t i = 0; i < n_fields && used < sizeof(line) - 2; i++) {
                if (!fields[i].value)
                        continue;
                n = snprintf(line + used, sizeof(line) - 1 - used, " %s=%s", fields[i].name,
                             fields[i].value);
                if (n < 0 || (size_t)n >= sizeof(line) - 1 - used)
                        break;
                used += (size_t)n;
        }
        blank_controls(line, used);
        line[used++] = '\n';
        write_line(line, used);
}

static size_t journal_field(
                struct iovec *iov, char *buffer, size_t size, const char *name, const char *value) {
        int n = snprintf(buffer, size, "%s=%s", name, value);

        if (n < 0)
                return 0;
        iov->iov_base = buffer;
        iov->iov_len = (size_t)n < size ? (size_t)n : cut_length(buffer, size - 1);
        return 1;
}

static void write_journal(int priority,
                          const char *text,
                          const LogEventInfo *info,
                          const LogField *fields,
                          size_t n_fields) {
        char message[TEXT_MAX + 16], prio[16], id[64], event[64], rest[FIELDS_MAX][FIELD_MAX];
        char name[64], digit[2] = {(char)('0' + priority), '\0'};
        struct iovec iov[4 + FIELDS_MAX];
        size_t n = 0;

        n += journal_field(&iov[n], message, sizeof(message), "MESSAGE", text);
        n += journal_field(&iov[n], prio, sizeof(prio), "PRIORITY", digit);
        if (info) {
                n += journal_field(&iov[n], id, sizeof(id), "MESSAGE_ID", info->message_id);
                n += journal_field(&iov[n], event, sizeof(event), "IOTLINK_EVENT", info->name);
        }
        for (size_t i = 0; i < n_fields && i < FIELDS_MAX; i++) {
                if (!fields[i].value)
                        continue;
                if (snprintf(name, sizeof(name), "IOTLINK_%s", fields[i].name) < 0)
                        continue;
                n += journal_field(&iov[n], rest[i], FIELD_MAX, name, fields[i].value);
        }
        (void)sd_journal_sendv(iov, (int)n);
}

static void write_somewhere(int priority,
                            const LogEventInfo *info,
                            const LogField *fields,
                            size_t n_fields,
                            const char *text) {
        LogField all[FIELDS_MAX + 1];
        size_t n = 0;

        if (shared.to_journal) {
                write_journal(priority, text, info, fields, n_fields);
                return;
        }
        if (info)
                all[n++] = (LogField){"EVENT", info->name};
        for (size_t i = 0; i < n_fields && i < FIELDS_MAX; i++)
                all[n++] = fields[i];
        write_plain(priority, text, all, n);
}

/* @format tells one place in the code from another. */
static void write_text(int priority,
                       bool always,
                       const LogEventInfo *info,
                       const LogField *fields,
                       size_t n_fields,
                       const char *format,
                       const char *text) {
        char longer[TEXT_MAX + 64], number[16];
        LogField all[FIELDS_MAX];
        unsigned n_left_out = 0;
        size_t n = 0;

        (void)pthread_mutex_lock(&shared.lock);
        if (always || log_limit_take(&shared.limit, format, text, clock_now_usec(), &n_left_out)) {
                if (n_left_out > 0) {
                        (void)snprintf(longer, sizeof(longer), "%s (%u more of these before)", text,
                                       n_left_out);
                        (void)snprintf(number, sizeof(number), "%u", n_left_out);
                        text = longer;
                        for (; n < n_fields && n < FIELDS_MAX - 1; n++)
                                all[n] = fields[n];
                        all[n++] = (LogField){"REPEATS", number};
                        fields = all;
                        n_fields = n;
                }
                write_somewhere(priority, info, fields, n_fields, text);
        }
        (void)pthread_mutex_unlock(&shared.lock);
}

#define LOG_TEXT(_priority, _always, _info, _fields, _n, _format)                           \
        do {                                                                                \
                char _text[TEXT_MAX];                                                       \
                int _saved_errno = errno;                                                   \
                va_list _ap;                                                                \
                va_start(_ap, _format);                                                     \
                if (format_text(_text, sizeof(_text), _format, _ap))                        \
                        write_text(_priority, _always, _info, _fields, _n, _format, _text); \
                va_end(_ap);                                                                \
                errno = _saved_errno;                                                       \
        } while (0)

void log_debug(const char *format, ...) {
        if (shared.show_debug)
                LOG_TEXT(LOG_DEBUG, true, NULL, NULL, 0, format);
}

void log_info(const char *format, ...) {
        LOG_TEXT(LOG_INFO, false, NULL, NULL, 0, format);
}

void log_warning(const char *format, ...) {
        LOG_TEXT(LOG_WARNING, false, NULL, NULL, 0, format);
}

void log_error(const char *format, ...) {
        LOG_TEXT(LOG_ERR, false, NULL, NULL, 0, format);
}

int log_error_errno(int r, const char *format, ...) {
        char what[TEXT_MAX - 128], words[96], text[TEXT_MAX];
        va_list ap;

        va_start(ap, format);
        if (!format_text(what, sizeof(what), format, ap))
                what[0] = '\0';
        va_end(ap);
        (void)snprintf(text, sizeof(text), "%s: %s", what, strerror_r(-r, words, sizeof(words)));
        write_text(LOG_ERR, false, NULL, NULL, 0, format, text);
        return r;
}

void log_event(LogEvent event, const LogField *fields, size_t n_fields, const char *format, ...) {
        const LogEventInfo *info = log_event_info(event);

        LOG_TEXT(info->priority, log_event_is_counted(event), info, fields, n_fields, format);
}
