/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/lines.h"

#include <unistd.h>

#include "test.h"

typedef struct Pipe {
        int read_fd, write_fd;
        Lines lines;
} Pipe;

static void pipe_init(Pipe *p, size_t line_max) {
        int fds[2];

        CHECK_INT(pipe(fds), 0);
        p->read_fd = fds[0];
        p->write_fd = fds[1];
        lines_init(&p->lines, p->read_fd, line_max);
}

static void pipe_feed(Pipe *p, const char *bytes) {
        size_t size = strlen(bytes);

        CHECK_INT(write(p->write_fd, bytes, size), size);
        CHECK_INT(lines_fill(&p->lines), 0);
}

static void pipe_end(Pipe *p) {
        closep(&p->write_fd);
        CHECK_INT(lines_fill(&p->lines), 0);
}

static void pipe_deinit(Pipe *p) {
        lines_deinit(&p->lines);
        closep(&p->read_fd);
}

static int next(Pipe *p) {
        const char *line;
        size_t size;

        return lines_next(&p->lines, &line, &size);
}

static void check_line(Pipe *p, const char *expected) {
        const char *line;
        size_t size;

        CHECK_INT(lines_next(&p->lines, &line, &size), LINES_LINE);
        CHECK_INT(size, strlen(expected));
        CHECK(memcmp(line, expected, size) == 0);
}

static void test_lines_in_pieces(void) {
        Pipe p;

        pipe_init(&p, 100);
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_feed(&p, "one\n\ntw");
        check_line(&p, "one");
        check_line(&p, "");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_feed(&p, "o");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_feed(&p, "\r\nthree");
        check_line(&p, "two\r");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_end(&p);
        check_line(&p, "three");
        CHECK_INT(next(&p), LINES_END);
        CHECK_INT(next(&p), LINES_END);
        pipe_deinit(&p);
}

static void test_nothing_at_all(void) {
        Pipe p;

        pipe_init(&p, 100);
        pipe_end(&p);
        CHECK_INT(next(&p), LINES_END);
        pipe_deinit(&p);
}

static void test_filling_before_taking_keeps_the_rest(void) {
        Pipe p;

        pipe_init(&p, 100);
        pipe_feed(&p, "a\nb\n");
        check_line(&p, "a");
        pipe_feed(&p, "c\n");
        check_line(&p, "b");
        check_line(&p, "c");
        pipe_end(&p);
        CHECK_INT(next(&p), LINES_END);
        pipe_deinit(&p);
}

static void test_line_of_exactly_the_limit(void) {
        Pipe p;

        pipe_init(&p, 4);
        pipe_feed(&p, "1234\n");
        check_line(&p, "1234");
        pipe_feed(&p, "1234");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_end(&p);
        check_line(&p, "1234");
        CHECK_INT(next(&p), LINES_END);
        pipe_deinit(&p);
}

static void test_too_long_lines_are_skipped_once(void) {
        Pipe p;

        pipe_init(&p, 4);
        pipe_feed(&p, "12345\nab\n");
        CHECK_INT(next(&p), LINES_TOO_LONG);
        check_line(&p, "ab");
        pipe_feed(&p, "12345");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_feed(&p, "6789012");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_feed(&p, "3\ncd\n12345");
        CHECK_INT(next(&p), LINES_TOO_LONG);
        check_line(&p, "cd");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_end(&p);
        CHECK_INT(next(&p), LINES_TOO_LONG);
        CHECK_INT(next(&p), LINES_END);
        pipe_deinit(&p);
}

static void test_too_long_line_that_ends_at_once_after_a_skip(void) {
        Pipe p;

        pipe_init(&p, 4);
        pipe_feed(&p, "12345");
        CHECK_INT(next(&p), LINES_MORE_NEEDED);
        pipe_feed(&p, "\nab\n");
        CHECK_INT(next(&p), LINES_TOO_LONG);
        check_line(&p, "ab");
        pipe_end(&p);
        CHECK_INT(next(&p), LINES_END);
        pipe_deinit(&p);
}

TEST_MAIN(TEST(test_lines_in_pieces),
          TEST(test_nothing_at_all),
          TEST(test_filling_before_taking_keeps_the_rest),
          TEST(test_line_of_exactly_the_limit),
          TEST(test_too_long_lines_are_skipped_once),
          TEST(test_too_long_line_that_ends_at_once_after_a_skip))
