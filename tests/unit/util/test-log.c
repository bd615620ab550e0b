/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <syslog.h>

#include "test.h"
#include "util/utf8.h"

#define ALL_MAX 65536U

/* Standard error is a pipe from here ... */
static int take_stderr(int *ret_saved) {
        int fds[2];

        CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
        *ret_saved = dup(STDERR_FILENO);
        CHECK(*ret_saved >= 0);
        CHECK(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
        CHECK(close(fds[1]) == 0);
        return fds[0];
}

/* ... to here: what was written, valid until the next call. */
static const char *give_back(int fd, int saved) {
        static char all[ALL_MAX];
        ssize_t n;

        CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
        CHECK(close(saved) == 0);
        n = read(fd, all, sizeof(all) - 1);
        if (n < 0)
                n = 0;
        all[n] = '\0';
        CHECK(close(fd) == 0);
        return all;
}

#define LOGGED(_call)                           \
        __extension__({                         \
                int _saved;                     \
                int _fd = take_stderr(&_saved); \
                _call;                          \
                give_back(_fd, _saved);         \
        })

static void test_lines(void) {
        log_open(false);
        CHECK_STR(LOGGED(log_info("one %d", 1)), "info: one 1\n");
        CHECK_STR(LOGGED(log_warning("two")), "warning: two\n");
        CHECK_STR(LOGGED(log_error("three %s", "x")), "error: three x\n");
}

static void test_debug(void) {
        log_open(false);
        CHECK_STR(LOGGED(log_debug("hidden")), "");
        log_open(true);
        CHECK_STR(LOGGED(log_debug("shown")), "debug: shown\n");
        log_open(false);
        CHECK_STR(LOGGED(log_debug("hidden")), "");
}

static void test_errno(void) {
        const char *all;
        int r = 0;

        all = LOGGED(r = log_error_errno(-ENOSPC, "Cannot write %s", "x"));
        CHECK_INT(r, -ENOSPC);
        CHECK_STR(all, "error: Cannot write x: No space left on device\n");
        errno = EBADF;
        (void)LOGGED(log_info("x"));
        errno = ERANGE;
        log_open(false);
        (void)LOGGED((errno = ERANGE, log_info("x"), r = errno));
        CHECK_INT(r, ERANGE);
}

static void test_event(void) {
        const LogField fields[] = {{"HOST", "h"}, {"NOTHING", NULL}, {"PORT", "1883"}};

        CHECK_STR(LOGGED(log_event(LOG_EVENT_ONLINE, fields, 3, "Online at %s", "h")),
                  "info: Online at h EVENT=online HOST=h PORT=1883\n");
        CHECK_STR(LOGGED(log_event(LOG_EVENT_TWIN, NULL, 0, "Twin")), "error: Twin EVENT=twin\n");
        CHECK_STR(LOGGED(log_event(LOG_EVENT_FAILED, NULL, 0, "F")), "error: F EVENT=failed\n");
}

static void test_many_fields(void) {
        LogField fields[20];
        const char *all;

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                fields[i] = (LogField){"N", "v"};
        all = LOGGED(log_event(LOG_EVENT_ONLINE, fields, 20, "x"));
        CHECK_INT(strlen(all), strlen("info: x EVENT=online\n") + 16 * strlen(" N=v"));
}

static void check_one_whole_line(const char *all) {
        size_t n = strlen(all);

        CHECK(n > 0 && n < 8192);
        CHECK(strchr(all, '\n') == all + n - 1);
        CHECK(utf8_is_valid(all, n));
}

static void test_long_text(void) {
        char text[10000];
        const LogField field[] = {{"FIELD", text}, {"AFTER", "x"}};
        const char *all;

        memset(text, 'a', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        all = LOGGED(log_info("%s", text));
        check_one_whole_line(all);
        CHECK(strlen(all) > 1000);
        all = LOGGED((void)log_error_errno(-EIO, "%s", text));
        check_one_whole_line(all);
        CHECK(strstr(all, "aaa: Input/output error\n"));
        all = LOGGED(log_event(LOG_EVENT_ONLINE, field, 2, "%s", text));
        check_one_whole_line(all);
        CHECK(strstr(all, " EVENT=online"));
        CHECK(!strstr(all, "FIELD=")); /* a field that does not fit is left out whole */
}

/* Wherever the limit falls, no character is cut in two. */
static void test_long_text_of_wide_characters(void) {
        static const char *const wide[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

        for (size_t w = 0; w < ARRAY_SIZE(wide); w++)
                for (size_t before = 0; before < 4; before++) {
                        char text[10000] = "";

                        memset(text, 'a', before);
                        for (size_t i = before; i < 9000; i += strlen(wide[w]))
                                memcpy(text + i, wide[w], strlen(wide[w]));
                        check_one_whole_line(LOGGED(log_info("%s", text)));
                        check_one_whole_line(LOGGED((void)log_error_errno(-EIO, "%s", text)));
                }
}

/* What others may have chosen, like a topic, can't pass for a line of its own. */
static void test_control_characters(void) {
        const LogField fields[] = {{"TOPIC", "a\nerror: forged"}};

        check_one_whole_line(LOGGED(log_info("topic 'a\nerror: forged\r\n\x1b[31m\x7f'")));
        check_one_whole_line(LOGGED(log_event(LOG_EVENT_ONLINE, fields, 1, "x")));
        CHECK(!strchr(LOGGED(log_info("\x1b[31m")), '\x1b'));
}

static void *log_much(void *letter) {
        char text[200];

        memset(text, *(const char *)letter, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        for (int i = 0; i < 40; i++)
                log_debug("%s", text); /* which is never left out, however often */
        return NULL;
}

static void test_threads_do_not_mix(void) {
        const char letters[] = "abcd";
        pthread_t threads[4];
        int saved, fd = take_stderr(&saved);
        unsigned n = 0;
        const char *all;
        union {
                const void *in;
                void *out;
        } u;

        log_open(true);
        for (size_t i = 0; i < 4; i++) {
                u.in = &letters[i];
                CHECK(pthread_create(&threads[i], NULL, log_much, u.out) == 0);
        }
        for (size_t i = 0; i < 4; i++)
                CHECK(pthread_join(threads[i], NULL) == 0);
        log_open(false);
        all = give_back(fd, saved);
        for (const char *line = all; *line; line += strcspn(line, "\n") + 1) {
                CHECK(strncmp(line, "debug: ", 7) == 0);
                CHECK_INT(strcspn(line + 7, "\n"), 199);
                for (size_t i = 7; i < 7 + 199; i++)
                        CHECK(line[i] == line[7]);
                n++;
        }
        CHECK_INT(n, 160);
}

static void test_what_repeats_is_counted(void) {
        const LogField field[] = {{"TOPIC", "t"}};
        const char *all;

        for (unsigned i = 0; i < 4; i++)
                CHECK_STR(LOGGED(log_warning("again")), "warning: again\n");
        CHECK_STR(LOGGED(log_warning("again")), "");
        for (unsigned i = 0; i < 10; i++)
                all = LOGGED(log_event(LOG_EVENT_SUBSCRIPTION_REFUSED, field, 1, "Refused %u",
                                       i / 9));
        CHECK_STR(all,
                  "error: Refused 1 (5 more of these before) EVENT=subscription-refused TOPIC=t "
                  "REPEATS=5\n");
        for (unsigned i = 0; i < 20; i++)
                all = LOGGED(log_event(LOG_EVENT_ONLINE, NULL, 0, "The same"));
        CHECK_STR(all, "info: The same EVENT=online\n");
}

/* Nobody reads: what does not fit is counted, and the program goes on. */
static void test_a_pipe_that_is_full(void) {
        char text[1000], buffer[4096];
        int fds[2], saved;
        unsigned n = 0, n_missing = 0;
        ssize_t size;
        FILE *f;

        CHECK(pipe2(fds, O_CLOEXEC) == 0); /* it would block */
        saved = dup(STDERR_FILENO);
        CHECK(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        for (unsigned i = 0; i < 200; i++)
                log_event(LOG_EVENT_ONLINE, NULL, 0, "%s", text);
        size = read(fds[0], buffer, sizeof(buffer));
        CHECK(size > 0);
        size = read(fds[0], buffer, sizeof(buffer));
        CHECK(size > 0);
        log_event(LOG_EVENT_ONLINE, NULL, 0, "the end");
        CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
        CHECK(close(saved) == 0 && close(fds[1]) == 0);

        f = fdopen(fds[0], "r");
        CHECK(f);
        while (fgets(buffer, sizeof(buffer), f)) {
                (void)sscanf(buffer, "warning: %u lines are missing here: nobody read", &n_missing);
                n++;
        }
        CHECK(fclose(f) == 0);
        CHECK(strncmp(buffer, "info: the end ", 14) == 0);
        CHECK(n > 10 && n_missing > 10);
        printf("# %u lines, %u missing\n", n, n_missing);
}

static void test_table_of_events(void) {
        for (LogEvent e = 0; e < _LOG_EVENT_MAX; e++) {
                const LogEventInfo *info = log_event_info(e);

                CHECK(info->name && info->name[0]);
                CHECK_INT(strlen(info->message_id), 32);
                CHECK_INT(strspn(info->message_id, "0123456789abcdef"), 32);
                CHECK(info->priority >= LOG_EMERG && info->priority <= LOG_DEBUG);
                for (LogEvent other = 0; other < e; other++) {
                        CHECK(strcmp(info->name, log_event_info(other)->name) != 0);
                        CHECK(strcmp(info->message_id, log_event_info(other)->message_id) != 0);
                }
        }
}

/* A JOURNAL_STREAM that is not this stderr's is somebody else's. */
static void test_journal_of_another(void) {
        static const char *const streams[] = {"", "1", "1:", ":1", "x:y", "1:2x", "8:4242"};

        for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
                CHECK(setenv("JOURNAL_STREAM", streams[i], 1) == 0);
                log_open(false);
                CHECK_STR(LOGGED(log_event(LOG_EVENT_STARTED, NULL, 0, "x")),
                          "info: x EVENT=started\n");
        }
        CHECK(unsetenv("JOURNAL_STREAM") == 0);
        log_open(false);
}

TEST_MAIN(TEST(test_lines),
          TEST(test_debug),
          TEST(test_errno),
          TEST(test_event),
          TEST(test_many_fields),
          TEST(test_long_text),
          TEST(test_threads_do_not_mix),
          TEST(test_what_repeats_is_counted),
          TEST(test_a_pipe_that_is_full),
          TEST(test_table_of_events),
          TEST(test_journal_of_another),
          TEST(test_long_text_of_wide_characters),
          TEST(test_control_characters))
