/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "bench.h"

static void test_socket_has_its_mode_whatever_the_umask(void) {
        static const mode_t masks[] = {0, 022, 077, 0777};

        for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
                char path[] = "/tmp/iotlink-test-XXXXXX";
                mode_t before;
                struct stat st;
                int fd;

                CHECK(mkdtemp(path));
                CHECK_INT(chdir(path), 0);
                before = umask(masks[i]);
                fd = local_listen("socket");
                umask(before);
                CHECK(fd >= 0);
                CHECK_INT(stat("socket", &st), 0);
                CHECK_INT(st.st_mode & 07777, 0660);
                CHECK_INT(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
                CHECK_INT(close(fd), 0);
                CHECK_INT(unlink("socket"), 0);
                CHECK_INT(chdir("/"), 0);
                CHECK_INT(rmdir(path), 0);
        }
}

static void test_stale_socket_is_replaced_a_live_one_not(void) {
        char path[] = "/tmp/iotlink-test-XXXXXX";
        int first, second;

        CHECK(mkdtemp(path));
        CHECK_INT(chdir(path), 0);
        first = local_listen("socket");
        CHECK(first >= 0);
        CHECK_INT(local_listen("socket"), -EADDRINUSE);
        CHECK_INT(close(first), 0);
        second = local_listen("socket");
        CHECK(second >= 0);
        CHECK_INT(local_listen("socket"), -EADDRINUSE);
        CHECK_INT(close(second), 0);
        CHECK_INT(unlink("socket"), 0);
        CHECK_INT(chdir("/"), 0);
        CHECK_INT(rmdir(path), 0);
}

static void test_what_is_no_socket_stays(void) {
        char path[] = "/tmp/iotlink-test-XXXXXX", file[64];
        int fd;

        CHECK(mkdtemp(path));
        (void)snprintf(file, sizeof(file), "%s/file", path);
        fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_INT(close(fd), 0);
        CHECK_INT(local_listen(file), -EEXIST);
        CHECK_INT(access(file, F_OK), 0);
        CHECK_INT(unlink(file), 0);
        CHECK_INT(local_listen("/tmp/iotlink-no-such-directory/socket"), -ENOENT);
        CHECK_INT(rmdir(path), 0);
}

static void test_path_lengths(void) {
        char directory[] = "/tmp/iotlink-test-XXXXXX", path[128];
        int fd;

        CHECK(mkdtemp(directory));
        for (int size = 107; size <= 109; size++) {
                (void)snprintf(path, sizeof(path), "%s/%0*d", directory, size - 25, 0);
                CHECK_INT(strlen(path), size);
                fd = local_listen(path);
                if (size > 107) {
                        CHECK_INT(fd, -ENAMETOOLONG);
                        continue;
                }
                CHECK(fd >= 0);
                CHECK_INT(close(fd), 0);
                CHECK_INT(unlink(path), 0);
        }
        CHECK_INT(local_listen(""), -EINVAL);
        CHECK_INT(rmdir(directory), 0);
}

static void test_too_many_programs_are_refused_with_a_word(void) {
        _cleanup_(bench_deinit) Bench bench;
        int first, second, third, fourth;

        bench_init_full(&bench, &(LocalLimits){.max_clients = 2,
                                               .client_buffer_bytes = 65536,
                                               .memory_bytes = 1024U * 1024U});
        first = program_connect(&bench);
        second = program_connect(&bench);
        third = program_connect(&bench);
        CHECK_STR(program_line(&bench, third),
                  "{\"op\":\"error\",\"code\":\"quota\",\"message\":\"too many programs are "
                  "connected\"}");
        CHECK_STR(program_line(&bench, third), "END");
        CHECK_INT(counters_of(&bench).accepted, 2);
        CHECK_INT(counters_of(&bench).refused, 1);

        /* Once one has gone there is room again. */
        CHECK_INT(close(first), 0);
        turn(&bench);
        fourth = program_connect(&bench);
        program_send(&bench, fourth, "{\"op\":\"status\"}\n");
        CHECK_STR(program_line(&bench, fourth), "{\"op\":\"status\"}");
        CHECK_INT(counters_of(&bench).n_sessions, 2);
        CHECK_INT(close(second), 0);
        CHECK_INT(close(third), 0);
        CHECK_INT(close(fourth), 0);
}

static void test_many_connect_at_once(void) {
        _cleanup_(bench_deinit) Bench bench;
        int fds[100];

        bench_init_full(&bench, &(LocalLimits){.max_clients = 100,
                                               .client_buffer_bytes = 65536,
                                               .memory_bytes = 1024U * 1024U});
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = program_connect_only(&bench);
        CHECK_INT(counters_of(&bench).n_sessions, ARRAY_SIZE(fds));
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                CHECK_INT(close(fds[i]), 0);
        CHECK_INT(counters_of(&bench).n_sessions, 0);
        CHECK_INT(bench.n_closed, ARRAY_SIZE(fds));
}

/* Without file descriptors the loop must come to rest, and accept again when there are some. */
static void test_no_file_descriptors_left(void) {
        _cleanup_(bench_deinit) Bench bench;
        uint64_t deadline = clock_now_usec() + PATIENCE_USEC;
        struct rlimit before, none;
        int first, second;

        bench_init(&bench);
        first = program_connect_only(&bench);
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = (struct rlimit){(rlim_t)first + 1, before.rlim_max};
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
        turn(&bench);
        CHECK_INT(counters_of(&bench).n_sessions, 0);

        CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
        second = program_connect_only(&bench);
        while (counters_of(&bench).n_sessions == 0) {
                CHECK(clock_now_usec() < deadline);
                CHECK(sd_event_run(bench.event, USEC_PER_SEC) >= 0);
        }
        program_send(&bench, second, "{\"op\":\"status\"}\n");
        CHECK_STR(program_line(&bench, second), "{\"op\":\"status\"}");
        CHECK_INT(close(first), 0);
        CHECK_INT(close(second), 0);
}

static void count(LocalSession *session, void *userdata) {
        (void)session;
        ++*(size_t *)userdata;
}

static void test_each_and_flush(void) {
        _cleanup_(bench_deinit) Bench bench;
        const LocalFact fact = {"state", LOCAL_FACT_STRING, "stopping", 0};
        int fds[3];
        size_t n = 0;

        bench_init(&bench);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = program_connect(&bench);
                program_send(&bench, fds[i], "{\"op\":\"sub\",\"filter\":\"#\"}\n");
                CHECK(strstr(program_line(&bench, fds[i]), "subscribed"));
        }
        local_server_each(bench.server, count, &n);
        CHECK_INT(n, ARRAY_SIZE(fds));

        /* Without a turn of the loop */
        for (size_t i = 0; i < bench.n_subscribers; i++)
                local_session_facts(bench.subscribers[i], "state", NULL, &fact, 1);
        local_server_flush(bench.server);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                char line[64] = "";

                CHECK(recv(fds[i], line, sizeof(line) - 1, 0) > 0);
                CHECK_STR(line, "{\"op\":\"state\",\"state\":\"stopping\"}\n");
                CHECK_INT(close(fds[i]), 0);
        }
}

TEST_MAIN(TEST(test_socket_has_its_mode_whatever_the_umask),
          TEST(test_stale_socket_is_replaced_a_live_one_not),
          TEST(test_what_is_no_socket_stays),
          TEST(test_path_lengths),
          TEST(test_too_many_programs_are_refused_with_a_word),
          TEST(test_many_connect_at_once),
          TEST(test_no_file_descriptors_left),
          TEST(test_each_and_flush))
