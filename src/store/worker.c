/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: the thread takes everything that has gathered while it was busy with the batch
 * before, so that a slow disk makes larger batches rather than longer queues. A read ends a batch:
 * it must see what was asked for before it, and nothing that may still be rolled back.
 *
 * Lazy requests wake nobody. They go with the next batch, or alone when no batch comes.
 */
#include "store/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "util/clock.h"

#define BATCH_MAX       512
#define BATCH_BYTES_MAX (4U * 1024U * 1024U)
#define QUEUE_BYTES_MAX (32U * 1024U * 1024U)

#define LAZY_USEC (200 * USEC_PER_MSEC)

struct Worker {
        Keeper keeper; /* the thread's own */
        pthread_t thread;
        int fd;

        pthread_mutex_t lock; /* of everything below */
        pthread_cond_t work, finished;
        Requests queue, answers;
        size_t n_urgent;    /* of those in the queue, not lazy */
        uint64_t tidy_usec; /* when to put the file in order; 0: not needed */
        bool stop, running;
        bool note_end;
        bool limits_changed; /* the keeper does not know yet */
        StoreLimits limits;
        StoreCounters counters;
};

/* When the thread has something to do, as things are. 0: at once. */
static uint64_t due_usec(const Worker *w) {
        uint64_t due = USEC_INFINITY, owed = keeper_due_usec(&w->keeper);

        if (w->stop || w->n_urgent > 0 || w->queue.n >= BATCH_MAX)
                return 0;
        if (w->queue.first)
                due = w->queue.first->queued_usec + LAZY_USEC;
        if (owed > 0 && owed < due)
                due = owed;
        if (w->tidy_usec > 0 && w->tidy_usec < due)
                due = w->tidy_usec;
        return due;
}

static void wait_for_work(Worker *w) {
        for (;;) {
                uint64_t due = due_usec(w);
                struct timespec until = {
                                .tv_sec = (time_t)(due / USEC_PER_SEC),
                                .tv_nsec = (long)(due % USEC_PER_SEC * 1000),
                };

                if (due == 0 || (due != USEC_INFINITY && clock_now_usec() >= due))
                        return;
                if (due == USEC_INFINITY)
                        (void)pthread_cond_wait(&w->work, &w->lock);
                else
                        (void)pthread_cond_timedwait(&w->work, &w->lock, &until);
        }
}

static Request *take_request(Worker *w) {
        Request *q = requests_take_first(&w->queue);

        if (q && !request_is_lazy(q))
                w->n_urgent--;
        return q;
}

/* A read alone, or all changes up to the next read. */
static Requests take_batch(Worker *w) {
        Requests batch = {0};

        while (w->queue.first && batch.n < BATCH_MAX && batch.bytes < BATCH_BYTES_MAX) {
                bool is_read = request_is_read(w->queue.first);

                if (is_read && batch.n > 0)
                        break;
                requests_append(&batch, take_request(w));
                if (is_read)
                        break;
        }
        return batch;
}

static void push_answer(Worker *w, Request *take) {
        bool was_empty = !w->answers.first;

        requests_append(&w->answers, take);
        if (was_empty)
                (void)eventfd_write(w->fd, 1); /* cannot overflow: it is read before it is 2 */
}

static void count(Worker *w) {
        const Database *db = w->keeper.db;
        const Totals *t = db ? &db->committed : &w->keeper.known;

        w->counters = (StoreCounters){
                        .n_spooled = t->n_spooled,
                        .spooled_bytes = t->spooled_bytes,
                        .n_incoming = t->n_incoming,
                        .incoming_bytes = t->incoming_bytes,
                        .commits = w->keeper.commits,
                        .failures = w->keeper.failures,
                        .error = w->keeper.error,
                        .unreadable = w->keeper.n_unreadable,
                        .file_bytes = w->keeper.file_bytes,
        };
}

static void enqueue(Worker *w, Request *take) {
        bool lazy = request_is_lazy(take);

        take->queued_usec = clock_now_usec();
        requests_append(&w->queue, take);
        w->n_urgent += !lazy;
        /* A lazy one matters only if the thread has no alarm set yet, or if they are too many. */
        if (!lazy || w->queue.n == 1 || w->queue.n == BATCH_MAX)
                (void)pthread_cond_signal(&w->work);
}

/* What is not done yet goes to the end of the queue, unless there is an end. */
static bool put_back(Worker *w, Request *q) {
        if (q->kind != REQUEST_FORGET || q->r != 0 || !q->forgetting.more)
                return false;
        if (w->stop) {
                q->r = -ECANCELED;
                return false;
        }
        enqueue(w, q);
        return true;
}

static void publish(Worker *w, Requests *batch) {
        bool anyone_waits = false;
        Requests done = {0};
        Request *q;

        (void)pthread_mutex_lock(&w->lock);
        /* That the database is a new one is said before anything that is true of that one only. */
        while ((q = requests_take_first(&w->keeper.notices)))
                push_answer(w, q);
        while ((q = requests_take_first(batch))) {
                if (q->waited)
                        q->finished = anyone_waits = true;
                else if (request_is_lazy(q))
                        requests_append(&done, q);
                else if (!put_back(w, q))
                        push_answer(w, q);
        }
        count(w);
        if (anyone_waits)
                (void)pthread_cond_broadcast(&w->finished);
        (void)pthread_mutex_unlock(&w->lock);
        requests_done(&done);
}

static void carry_out(Worker *w, Requests *batch) {
        if (batch->first && request_is_read(batch->first))
                keeper_read(&w->keeper, batch->first);
        else
                keeper_write(&w->keeper, batch);
        publish(w, batch);
        keeper_checkpoint(&w->keeper);
}

/* Nothing is queued: what else is there to do? */
static void be_idle(Worker *w) {
        uint64_t owed = keeper_due_usec(&w->keeper);
        Requests none = {0};

        if (owed > 0) {
                if (clock_now_usec() >= owed)
                        keeper_write(&w->keeper, &none);
        } else {
                keeper_tidy(&w->keeper);
        }
        publish(w, &none);
}

static void *work(void *userdata) {
        Worker *w = userdata;

        (void)pthread_mutex_lock(&w->lock);
        for (;;) {
                Requests batch;

                wait_for_work(w);
                if (w->limits_changed)
                        w->keeper.terms.limits = w->limits;
                w->limits_changed = false;
                batch = take_batch(w);
                if (w->stop && batch.n == 0)
                        break;
                (void)pthread_mutex_unlock(&w->lock);
                if (batch.n > 0)
                        carry_out(w, &batch);
                else
                        be_idle(w);
                (void)pthread_mutex_lock(&w->lock);
                w->tidy_usec = keeper_wants_tidying(&w->keeper) ? clock_now_usec() + LAZY_USEC : 0;
        }
        w->keeper.note_end = w->note_end;
        (void)pthread_mutex_unlock(&w->lock);
        keeper_done(&w->keeper);
        return NULL;
}

static int start_thread(Worker *w) {
        sigset_t all, before;
        int r;

        /* Signals are the loop's. */
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&w->thread, NULL, work, w);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        (void)pthread_setname_np(w->thread, "store");
        w->running = true;
        return 0;
}

int worker_new(Worker **ret, Keeper *keeper) {
        _cleanup_(worker_freep) Worker *w = calloc(1, sizeof(*w));
        pthread_condattr_t monotonic;
        int r;

        if (!w)
                return -ENOMEM;
        (void)pthread_mutex_init(&w->lock, NULL);
        (void)pthread_condattr_init(&monotonic);
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&w->work, &monotonic);
        (void)pthread_cond_init(&w->finished, NULL);
        (void)pthread_condattr_destroy(&monotonic);
        w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (w->fd < 0)
                return -errno;

        w->keeper = *keeper;
        count(w);
        r = start_thread(w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

void worker_stop(Worker *w, Requests *ret_answers) {
        assert(w->running);
        (void)pthread_mutex_lock(&w->lock);
        w->stop = true;
        (void)pthread_cond_signal(&w->work);
        (void)pthread_mutex_unlock(&w->lock);
        (void)pthread_join(w->thread, NULL);
        w->running = false;
        *ret_answers = w->answers;
        w->answers = (Requests){0};
}

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;
        assert(!w->running);
        requests_done(&w->queue);
        requests_done(&w->answers);
        (void)pthread_cond_destroy(&w->finished);
        (void)pthread_cond_destroy(&w->work);
        (void)pthread_mutex_destroy(&w->lock);
        closep(&w->fd);
        free(w);
        return NULL;
}

void worker_set_limits(Worker *worker, const StoreLimits *limits) {
        (void)pthread_mutex_lock(&worker->lock);
        worker->limits = *limits;
        worker->limits_changed = true;
        (void)pthread_mutex_unlock(&worker->lock);
}

void worker_note_end(Worker *worker) {
        (void)pthread_mutex_lock(&worker->lock);
        worker->note_end = true;
        (void)pthread_mutex_unlock(&worker->lock);
}

/* A deletion that is refused would make a message come twice, so it has more room. */
static bool is_full(const Worker *w, const Request *q) {
        return w->queue.bytes / (request_is_lazy(q) ? 2 : 1) >= QUEUE_BYTES_MAX;
}

int worker_push(Worker *w, Request *take) {
        int r = 0;

        (void)pthread_mutex_lock(&w->lock);
        if (w->stop)
                r = -ESHUTDOWN; /* the thread may have looked for the last time */
        else if (is_full(w, take))
                r = -ENOBUFS;
        else
                enqueue(w, take);
        (void)pthread_mutex_unlock(&w->lock);
        return r;
}

void worker_call(Worker *w, Request *request) {
        request->waited = true;
        (void)pthread_mutex_lock(&w->lock);
        if (w->stop) {
                request->r = -ESHUTDOWN;
                request->finished = true;
        } else {
                enqueue(w, request);
        }
        while (!request->finished)
                (void)pthread_cond_wait(&w->finished, &w->lock);
        (void)pthread_mutex_unlock(&w->lock);
}

int worker_fd(const Worker *w) {
        return w->fd;
}

void worker_answers(Worker *w, Requests *ret_answers) {
        eventfd_t ignored;

        (void)pthread_mutex_lock(&w->lock);
        (void)eventfd_read(w->fd, &ignored);
        *ret_answers = w->answers;
        w->answers = (Requests){0};
        (void)pthread_mutex_unlock(&w->lock);
}

void worker_counters(Worker *w, StoreCounters *ret) {
        (void)pthread_mutex_lock(&w->lock);
        *ret = w->counters;
        (void)pthread_mutex_unlock(&w->lock);
}
