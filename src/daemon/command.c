/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "util/clock.h"
#include "util/log.h"

#define INPUT_MAX   16384U /* fits into any pipe: one write, no waiting */
#define OUTPUT_MAX  65536U
#define MESSAGE_MAX 256U
#define LINES_MAX   100U /* of standard error that are logged; the journal is no place for floods */

struct RunningCommand {
        sd_event *event;
        pid_t pid;
        CommandEndFunc func;
        void *userdata;
        const char *path;

        sd_event_source *child, *timer, *output_source, *error_source;
        int output_fd, error_fd;
        char output[OUTPUT_MAX + 1];
        size_t output_size;
        uint64_t time_usec;
        bool output_ended, exited, timed_out;
        int wait_code, wait_status;
        char said[MESSAGE_MAX]; /* the last line on standard error, being collected */
        size_t said_size;
        unsigned n_lines;
        char last[MESSAGE_MAX];
};

/* With all that it has started: it leads a process group, unless it has moved to another. */
static void kill_program(const RunningCommand *command) {
        if (command->exited)
                return;
        (void)kill(-command->pid, SIGKILL);
        (void)kill(command->pid, SIGKILL);
}

RunningCommand *command_free(RunningCommand *command) {
        if (!command)
                return NULL;
        if (command->pid > 0 && !command->exited) {
                kill_program(command);
                /* Killed, so this does not wait long. */
                (void)waitpid(command->pid, NULL, 0);
        }
        sd_event_source_disable_unref(command->child);
        sd_event_source_disable_unref(command->timer);
        sd_event_source_disable_unref(command->output_source);
        sd_event_source_disable_unref(command->error_source);
        if (command->output_fd >= 0)
                (void)close(command->output_fd);
        if (command->error_fd >= 0)
                (void)close(command->error_fd);
        sd_event_unref(command->event);
        explicit_bzero(command->output, sizeof(command->output));
        free(command);
        return NULL;
}

/* The program */

static void close_pair(const int pair[2]) {
        closep(&pair[0]);
        closep(&pair[1]);
}

static int spawn(const char *path, const int fds[3], pid_t *ret) {
        char *const argv[] = {(char[]){"credential-command"}, NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, defaults;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void)posix_spawn_file_actions_destroy(&actions);
                return -r;
        }
        for (int i = 0; i < 3 && r == 0; i++)
                r = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
        /* The signals that we block and ignore are our affair. */
        if (r == 0 && (sigemptyset(&none) < 0 || sigemptyset(&defaults) < 0 ||
                       sigaddset(&defaults, SIGPIPE) < 0))
                r = errno;
        if (r == 0)
                r = posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(&attributes, &defaults);
        if (r == 0)
                r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                                                          POSIX_SPAWN_SETSIGDEF |
                                                                          POSIX_SPAWN_SETPGROUP);
        if (r == 0)
                r = posix_spawn(ret, path, &actions, &attributes, argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int feed(int fd, const char *input) {
        size_t size = strlen(input);
        ssize_t n;

        if (size > INPUT_MAX)
                return -E2BIG;
        n = write(fd, input, size);
        if (n < 0)
                return -errno;
        return (size_t)n == size ? 0 : -EIO;
}

static int start_program(RunningCommand *command, const char *input) {
        int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, r = 0;

        if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
                r = -errno;
        if (r == 0)
                r = feed(in[1], input);
        if (r == 0)
                r = spawn(command->path, (int[]){in[0], out[1], err[1]}, &command->pid);
        if (r == 0) {
                command->output_fd = TAKE_FD(out[0]);
                command->error_fd = TAKE_FD(err[0]);
                if (fcntl(command->output_fd, F_SETFL, O_NONBLOCK) < 0 ||
                    fcntl(command->error_fd, F_SETFL, O_NONBLOCK) < 0)
                        r = -errno;
        }
        close_pair(in);
        close_pair(out);
        close_pair(err);
        return r;
}

/* Its end */

static const char *describe_end(const RunningCommand *command, char *buffer, size_t size) {
        if (command->timed_out)
                (void)snprintf(buffer, size, "it took longer than %" PRIu64 " seconds",
                               command->time_usec / USEC_PER_SEC);
        else if (command->output_size > OUTPUT_MAX)
                (void)snprintf(buffer, size, "it wrote more than 64 KiB");
        else if (command->wait_code != CLD_EXITED)
                (void)snprintf(buffer, size, "it was ended by signal %d", command->wait_status);
        else if (command->wait_status != 0)
                (void)snprintf(buffer, size, "it ended with status %d%s%s", command->wait_status,
                               command->last[0] ? ": " : "", command->last);
        else
                return NULL;
        return buffer;
}

static void finish_if_over(RunningCommand *command) {
        char words[MESSAGE_MAX + 64];
        CommandEnd end;

        if (!command->exited || !command->output_ended)
                return;
        if (command->output_size <= OUTPUT_MAX)
                command->output[command->output_size] = '\0';
        end = (CommandEnd){
                        .output = command->output,
                        .output_size = command->output_size,
                        .problem = describe_end(command, words, sizeof(words)),
        };
        /* The last act: the owner frees the command in it. */
        command->func(&end, command->userdata);
}

static int on_exit_of_program(sd_event_source *source, const siginfo_t *info, void *userdata) {
        RunningCommand *command = userdata;

        (void)source;
        command->exited = true;
        command->wait_code = info->si_code;
        command->wait_status = info->si_status;
        finish_if_over(command);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        RunningCommand *command = userdata;

        (void)source;
        (void)usec;
        command->timed_out = true;
        /* A grandchild may hold the pipe open for ever; its end is not heard after this. */
        command->output_source = sd_event_source_disable_unref(command->output_source);
        command->output_ended = true;
        kill_program(command);
        finish_if_over(command);
        return 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        RunningCommand *command = userdata;
        size_t room = OUTPUT_MAX + 1 - command->output_size;
        ssize_t n;

        (void)source;
        (void)events;
        n = read(fd, command->output + command->output_size, room);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0)
                command->output_size += (size_t)n;
        if (n > 0 && command->output_size <= OUTPUT_MAX)
                return 0;
        command->output_source = sd_event_source_disable_unref(command->output_source);
        command->output_ended = true;
        if (command->output_size > OUTPUT_MAX)
                kill_program(command);
        finish_if_over(command);
        return 0;
}

static void hear(RunningCommand *command, char c) {
        if (c != '\n') {
                if (command->said_size < sizeof(command->said) - 1)
                        command->said[command->said_size++] =
                                        (char)(c >= ' ' && c != '\x7f' ? c : '?');
                return;
        }
        if (command->said_size == 0)
                return;
        command->said[command->said_size] = '\0';
        command->said_size = 0;
        (void)snprintf(command->last, sizeof(command->last), "%s", command->said);
        if (++command->n_lines <= LINES_MAX)
                log_info("%s says: %s", command->path, command->last);
        else if (command->n_lines == LINES_MAX + 1)
                log_info("%s says more than %u lines; the rest is left out", command->path,
                         LINES_MAX);
}

static int on_error_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        RunningCommand *command = userdata;
        char buffer[512];
        ssize_t n = read(fd, buffer, sizeof(buffer));

        (void)source;
        (void)events;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        for (ssize_t i = 0; i < n; i++)
                hear(command, buffer[i]);
        if (n > 0)
                return 0;
        hear(command, '\n'); /* the last line may lack its end */
        command->error_source = sd_event_source_disable_unref(command->error_source);
        return 0;
}

static int watch_program(RunningCommand *command) {
        int r;

        r = sd_event_add_child(command->event, &command->child, command->pid, WEXITED,
                               on_exit_of_program, command);
        if (r >= 0)
                r = sd_event_add_time_relative(command->event, &command->timer, CLOCK_MONOTONIC,
                                               command->time_usec, 0, on_timeout, command);
        if (r >= 0)
                r = sd_event_add_io(command->event, &command->output_source, command->output_fd,
                                    EPOLLIN, on_output, command);
        if (r >= 0)
                r = sd_event_add_io(command->event, &command->error_source, command->error_fd,
                                    EPOLLIN, on_error_output, command);
        /* What it says belongs before its end. */
        if (r >= 0)
                r = sd_event_source_set_priority(command->error_source,
                                                 SD_EVENT_PRIORITY_IMPORTANT);
        return r;
}

int command_start(RunningCommand **ret,
                  sd_event *event,
                  const char *path,
                  const char *input,
                  uint64_t time_usec,
                  CommandEndFunc func,
                  void *userdata) {
        _cleanup_(command_freep) RunningCommand *command = calloc(1, sizeof(*command));
        int r;

        if (!command)
                return -ENOMEM;
        command->event = sd_event_ref(event);
        command->func = func;
        command->userdata = userdata;
        command->path = path;
        command->time_usec = time_usec;
        command->output_fd = command->error_fd = -1;
        r = start_program(command, input);
        if (r < 0)
                return r;
        r = watch_program(command);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(command);
        return 0;
}
