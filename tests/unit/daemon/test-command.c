/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real little programs: each test writes a shell script, lets it run to its end and looks at what
 * the owner is told.
 */
#include "daemon/command.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"
#include "util/clock.h"

#define LONG_USEC (30 * USEC_PER_SEC)

static char path[] = "/tmp/test-command-XXXXXX";

typedef struct World {
        sd_event *event;
        RunningCommand *command;
        unsigned n_calls;
        char output[70000];
        size_t output_size;
        char problem[512]; /* empty: none */
        bool goes_on;      /* the loop, after the end */
} World;

static void on_end(const CommandEnd *end, void *userdata) {
        World *w = userdata;

        w->n_calls++;
        CHECK(end->output_size < sizeof(w->output));
        memcpy(w->output, end->output, end->output_size);
        w->output[end->output_size] = '\0';
        w->output_size = end->output_size;
        (void)snprintf(w->problem, sizeof(w->problem), "%s", end->problem ? end->problem : "");
        if (!w->goes_on)
                (void)sd_event_exit(w->event, 0);
}

static void set_up(World *w) {
        sigset_t children;

        memset(w, 0, sizeof(*w));
        CHECK_INT(sigemptyset(&children) || sigaddset(&children, SIGCHLD) ||
                                  sigprocmask(SIG_BLOCK, &children, NULL),
                  0);
        CHECK_INT(sd_event_new(&w->event), 0);
}

static void tear_down(World *w) {
        command_free(w->command);
        sd_event_unref(w->event);
}

static void write_script(const char *text) {
        static bool made;
        FILE *f;

        if (!made) {
                int fd = mkstemp(path);

                CHECK(fd >= 0);
                CHECK_INT(close(fd), 0);
                made = true;
        }
        f = fopen(path, "we");
        CHECK(f);
        CHECK(fprintf(f, "#!/bin/sh\n%s\n", text) > 0);
        CHECK_INT(fclose(f), 0);
        CHECK_INT(chmod(path, 0700), 0);
}

static void start(World *w, const char *script, const char *input, uint64_t time_usec) {
        set_up(w);
        write_script(script);
        CHECK_INT(command_start(&w->command, w->event, path, input, time_usec, on_end, w), 0);
}

static void run(World *w, const char *script, const char *input) {
        start(w, script, input, LONG_USEC);
        CHECK_INT(sd_event_loop(w->event), 0);
        CHECK_INT(w->n_calls, 1);
}

/* Without a problem */

static void test_hands_on_what_it_wrote(void) {
        World w;

        run(&w, "echo result=ok; printf end", "");
        CHECK_STR(w.output, "result=ok\nend");
        CHECK_STR(w.problem, "");
        tear_down(&w);
}

static void test_reads_its_input_to_the_end(void) {
        World w;

        run(&w, "cat", "protocol=1\nsecret=x y\n\n");
        CHECK_STR(w.output, "protocol=1\nsecret=x y\n\n");
        tear_down(&w);
}

static void test_need_not_read_its_input(void) {
        World w;

        run(&w, "exec <&-; echo done", "input");
        CHECK_STR(w.output, "done\n");
        tear_down(&w);
}

static void test_writes_nothing(void) {
        World w;

        run(&w, "exit 0", "");
        CHECK_INT(w.output_size, 0);
        CHECK_STR(w.problem, "");
        tear_down(&w);
}

static void test_bytes_of_all_kinds(void) {
        World w;

        run(&w, "printf 'a\\000b\\377'", "");
        CHECK_INT(w.output_size, 4);
        CHECK(memcmp(w.output, "a\0b\xff", 5) == 0);
        tear_down(&w);
}

static void test_closes_its_output_before_its_end(void) {
        World w;

        run(&w, "echo early; exec >&-; exit 0", "");
        CHECK_STR(w.output, "early\n");
        CHECK_STR(w.problem, "");
        tear_down(&w);
}

static void test_ends_before_its_child_has_written(void) {
        World w;

        run(&w, "(read line <$0; echo late) & exit 0", "");
        CHECK_STR(w.output, "late\n");
        tear_down(&w);
}

/* Limits */

static void test_output_up_to_the_limit(void) {
        World w;

        run(&w, "head -c 65536 /dev/zero", "");
        CHECK_INT(w.output_size, 65536);
        CHECK_STR(w.problem, "");
        tear_down(&w);
}

static void test_output_over_the_limit(void) {
        World w;

        run(&w, "head -c 65537 /dev/zero", "");
        CHECK_STR(w.problem, "it wrote more than 64 KiB");
        tear_down(&w);
}

static void test_output_without_end(void) {
        World w;

        run(&w, "exec yes", "");
        CHECK_STR(w.problem, "it wrote more than 64 KiB");
        tear_down(&w);
}

static void test_input_over_the_limit(void) {
        char large[16386];
        World w;

        set_up(&w);
        write_script("cat");
        memset(large, 'x', sizeof(large));
        large[16385] = '\0';
        CHECK_INT(command_start(&w.command, w.event, path, large, LONG_USEC, on_end, &w), -E2BIG);
        CHECK(!w.command);
        large[16384] = '\0';
        CHECK_INT(command_start(&w.command, w.event, path, large, LONG_USEC, on_end, &w), 0);
        CHECK_INT(sd_event_loop(w.event), 0);
        CHECK_INT(w.output_size, 16384);
        tear_down(&w);
}

/* Ends of other kinds */

static void test_exit_status_with_the_last_line_it_said(void) {
        World w;

        run(&w, "echo first >&2; echo the card is locked >&2; exit 3", "");
        CHECK_STR(w.problem, "it ended with status 3: the card is locked");
        tear_down(&w);
}

static void test_last_line_without_its_end(void) {
        World w;

        run(&w, "printf 'no newline' >&2; exit 1", "");
        CHECK_STR(w.problem, "it ended with status 1: no newline");
        tear_down(&w);
}

static void test_exit_status_without_a_word(void) {
        World w;

        run(&w, "exit 77", "");
        CHECK_STR(w.problem, "it ended with status 77");
        tear_down(&w);
}

static void test_empty_lines_and_control_characters(void) {
        World w;

        run(&w, "printf 'a\\033[31mb\\177\\n\\n\\n' >&2; exit 1", "");
        CHECK_STR(w.problem, "it ended with status 1: a?[31mb?");
        tear_down(&w);
}

static void test_very_long_line(void) {
        World w;

        run(&w, "head -c 100000 /dev/zero | tr '\\000' x >&2; exit 1", "");
        CHECK_INT(strlen(w.problem), strlen("it ended with status 1: ") + 255);
        tear_down(&w);
}

static void test_signal(void) {
        World w;

        run(&w, "kill -TERM $$", "");
        CHECK_STR(w.problem, "it was ended by signal 15");
        tear_down(&w);
}

static void test_time_limit(void) {
        World w;

        start(&w, "echo begun; exec sleep 1000", "", USEC_PER_SEC / 10);
        CHECK_INT(sd_event_loop(w.event), 0);
        CHECK_INT(w.n_calls, 1);
        CHECK(strncmp(w.problem, "it took longer than ", 20) == 0);
        tear_down(&w);
}

/* Waits for the file's end: nobody is left who could write. */
static void check_all_gone(int fd) {
        char c;

        CHECK_INT(read(fd, &c, 1), 0);
}

static void make_pipe(int fds[2]) {
        CHECK_INT(pipe(fds), 0); /* not closed on exec: the program and its children hold it */
        CHECK_INT(fcntl(fds[0], F_SETFD, FD_CLOEXEC), 0);
}

static void test_time_limit_ends_its_children_too(void) {
        int fds[2];
        World w;

        make_pipe(fds);
        start(&w, "sleep 1000 & sleep 1000 & wait", "", USEC_PER_SEC / 10);
        CHECK_INT(close(fds[1]), 0);
        CHECK_INT(sd_event_loop(w.event), 0);
        check_all_gone(fds[0]);
        CHECK_INT(close(fds[0]), 0);
        tear_down(&w);
}

static void test_time_limit_when_only_a_child_holds_the_output(void) {
        World w;

        start(&w, "sleep 3 & exit 0", "", USEC_PER_SEC / 10);
        CHECK_INT(sd_event_loop(w.event), 0);
        CHECK(strncmp(w.problem, "it took longer than ", 20) == 0);
        tear_down(&w);
}

static void test_time_limit_is_told_once(void) {
        World w;

        start(&w, "sleep 0.3 & exit 0", "", USEC_PER_SEC / 10);
        w.goes_on = true;
        while (w.n_calls == 0)
                CHECK(sd_event_run(w.event, LONG_USEC) >= 0);
        /* The output ends after that. */
        while (sd_event_run(w.event, USEC_PER_SEC) > 0)
                ;
        CHECK_INT(w.n_calls, 1);
        tear_down(&w);
}

static void test_free_ends_it(void) {
        int fds[2];
        World w;

        make_pipe(fds);
        start(&w, "sleep 1000 & sleep 1000", "", LONG_USEC);
        CHECK_INT(close(fds[1]), 0);
        w.command = command_free(w.command);
        check_all_gone(fds[0]);
        CHECK_INT(close(fds[0]), 0);
        CHECK_INT(w.n_calls, 0);
        tear_down(&w);
}

static void test_free_ends_also_one_that_left_its_group(void) {
        uint64_t began = clock_now_usec();
        int fds[2];
        World w;

        make_pipe(fds);
        start(&w,
              "exec python3 -c 'import os, time; os.setpgid(0, os.getpgid(os.getppid())); "
              "print(flush=True); time.sleep(20)'",
              "", LONG_USEC);
        CHECK_INT(close(fds[1]), 0);
        CHECK(sd_event_run(w.event, LONG_USEC) > 0); /* it has moved, and says so */
        w.command = command_free(w.command);
        check_all_gone(fds[0]);
        CHECK_INT(close(fds[0]), 0);
        CHECK(clock_now_usec() - began < 10 * USEC_PER_SEC);
        tear_down(&w);
}

/* No program */

static int start_error(const char *program) {
        World w;
        int r;

        set_up(&w);
        r = command_start(&w.command, w.event, program, "", LONG_USEC, on_end, &w);
        CHECK(!w.command);
        tear_down(&w);
        return r;
}

/* Emulators and valgrind turn its vfork() into a fork(), after which the child's error is lost. */
static bool spawn_tells_errors(void) {
        char *const arguments[] = {NULL};
        pid_t pid;

        return posix_spawn(&pid, "/no/such/program", NULL, NULL, arguments, environ) == ENOENT;
}

static void test_programs_that_cannot_be_started(void) {
        TEST_NEEDS(spawn_tells_errors(), "posix_spawn() does not tell errors here");
        CHECK_INT(start_error("/no/such/program"), -ENOENT);
        CHECK_INT(start_error("/"), -EACCES);
        write_script("exit 0");
        CHECK_INT(chmod(path, 0600), 0);
        CHECK_INT(start_error(path), -EACCES);
        CHECK_INT(start_error("relative-and-not-looked-for-in-PATH"), -ENOENT);
        CHECK_INT(start_error("sh"), -ENOENT);
}

static void test_no_arguments_no_files_no_signals(void) {
        World w;

        /* Whatever this program was started with; then descriptors 0 to 2, and the directory's. */
        CHECK_INT(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
        run(&w, "echo $#; ls /proc/self/fd | wc -l; grep SigBlk /proc/self/status", "");
        CHECK_STR(w.output, "0\n4\nSigBlk:\t0000000000000000\n");
        tear_down(&w);
        (void)unlink(path);
}

TEST_MAIN(TEST(test_hands_on_what_it_wrote),
          TEST(test_reads_its_input_to_the_end),
          TEST(test_need_not_read_its_input),
          TEST(test_writes_nothing),
          TEST(test_bytes_of_all_kinds),
          TEST(test_closes_its_output_before_its_end),
          TEST(test_ends_before_its_child_has_written),
          TEST(test_output_up_to_the_limit),
          TEST(test_output_over_the_limit),
          TEST(test_output_without_end),
          TEST(test_input_over_the_limit),
          TEST(test_exit_status_with_the_last_line_it_said),
          TEST(test_last_line_without_its_end),
          TEST(test_exit_status_without_a_word),
          TEST(test_empty_lines_and_control_characters),
          TEST(test_very_long_line),
          TEST(test_signal),
          TEST(test_time_limit),
          TEST(test_time_limit_ends_its_children_too),
          TEST(test_time_limit_when_only_a_child_holds_the_output),
          TEST(test_time_limit_is_told_once),
          TEST(test_free_ends_it),
          TEST(test_free_ends_also_one_that_left_its_group),
          TEST(test_programs_that_cannot_be_started),
          TEST(test_no_arguments_no_files_no_signals))
