/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 while the store works as fast as it can. What has been acknowledged is there. */
#include <signal.h>
#include <sys/wait.h>

#include "bench.h"

#define N_ROUNDS 50

typedef struct Writer {
        Bench bench;
        int fd;
        uint64_t seq;
} Writer;

static void put_next(Writer *w);

typedef struct Sent {
        Writer *writer;
        uint64_t seq;
} Sent;

static void on_put(int r, void *userdata) {
        Sent *sent = userdata;
        Writer *w = sent->writer;

        if (r == 0 && write(w->fd, &sent->seq, sizeof(sent->seq)) != (ssize_t)sizeof(sent->seq))
                _exit(1);
        /* Every third is delivered at once. */
        if (sent->seq % 3 == 0 && store_delete(w->bench.store, &sent->seq, 1) < 0)
                _exit(1);
        free(sent);
        put_next(w);
}

static void put_next(Writer *w) {
        StoreRecord record = {.seq = w->seq++};
        Sent *sent = malloc(sizeof(*sent));

        CHECK(sent);
        *sent = (Sent){.writer = w, .seq = record.seq};
        record.message = new_message("t/x", (size_t)(100 + record.seq % 5000));
        if (store_put(w->bench.store, &record, on_put, sent) < 0)
                _exit(1);
        (void)message_unref(record.message);
}

static _Noreturn void write_for_ever(const Bench *bench, int fd) {
        Writer w = {.bench = *bench, .fd = fd};

        bench_open(&w.bench);
        w.seq = w.bench.info.next_seq;
        for (int i = 0; i < 20; i++)
                put_next(&w);
        for (;;)
                bench_wait(&w.bench, &(size_t){0}, 1);
}

static size_t kill_one(const Bench *b, int after_msec, uint64_t *acknowledged, size_t max) {
        size_t n = 0;
        int fds[2], status;
        pid_t pid;

        CHECK(pipe(fds) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                write_for_ever(b, fds[1]);
        CHECK(close(fds[1]) == 0);
        /* From the first acknowledgment on, so that it is at work. */
        CHECK(read(fds[0], acknowledged, sizeof(*acknowledged)) == (ssize_t)sizeof(*acknowledged));
        n++;
        (void)poll(NULL, 0, after_msec);
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        while (n < max && read(fds[0], &acknowledged[n], sizeof(*acknowledged)) ==
                                          (ssize_t)sizeof(*acknowledged))
                n++;
        CHECK(n < max);
        CHECK(close(fds[0]) == 0);
        return n;
}

/* All that was acknowledged and never delivered is there, in order. */
static size_t check_round(Bench *b, const uint64_t *acknowledged, size_t n) {
        uint64_t after = acknowledged[0] - 1;
        size_t at = 0, n_found = 0;

        bench_open(b);
        CHECK(!b->info.set_aside);
        do {
                bench_read(b, after, 1000);
                CHECK_INT(b->page_r, 0);
                for (size_t i = 0; i < b->n; i++) {
                        while (at < n && acknowledged[at] % 3 == 0)
                                at++;
                        if (at < n && acknowledged[at] == b->seqs[i])
                                at++;
                        after = b->seqs[i];
                        n_found++;
                }
        } while (b->n > 0);
        while (at < n && acknowledged[at] % 3 == 0)
                at++;
        CHECK_INT(at, n);
        CHECK(b->info.next_seq > acknowledged[n - 1]);
        CHECK_INT(store_delete(b->store, acknowledged, n), 0);
        bench_close(b);
        return n_found;
}

static void test_kill_at_any_moment_loses_nothing_acknowledged(void) {
        static uint64_t acknowledged[200000];
        size_t n_acknowledged = 0;
        Bench b;

        bench_init(&b);
        for (int round = 0; round < N_ROUNDS; round++) {
                size_t n = kill_one(&b, round, acknowledged, ARRAY_SIZE(acknowledged));

                n_acknowledged += n;
                (void)check_round(&b, acknowledged, n);
        }
        (void)printf("# %d rounds, %zu acknowledged, 0 lost\n", N_ROUNDS, n_acknowledged);
        bench_done(&b);
}

TEST_MAIN(TEST(test_kill_at_any_moment_loses_nothing_acknowledged))
