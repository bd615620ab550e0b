/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two rings: pushers append to one under the lock, the loop empties the other without it and
 * swaps them when it is empty. A burst of events costs one lock and one wake-up, not one each.
 */
#include "cloud/inbox.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

/* Places kept for the end of an attempt or connection: of these the loop must hear, whatever there
 * is of memory, or nobody would try again. There are few before the loop reads them. */
#define SPARE     4U
#define BATCH_MIN 64U

typedef struct Batch {
        TransportEvent *events;
        size_t n, size;
} Batch;

struct Inbox {
        int fd;
        size_t max_messages, max_bytes;

        /* loop thread */
        Batch reading;
        size_t n_read;

        /* shared */
        pthread_mutex_t lock;
        pthread_cond_t room;
        Batch writing;
        size_t n_messages, n_bytes; /* in both batches */
        bool shut;
};

static int batch_grow(Batch *batch) {
        size_t size = batch->size ? batch->size * 2 : BATCH_MIN;
        TransportEvent *events = reallocarray(batch->events, size, sizeof(*events));

        if (!events)
                return -ENOMEM;
        batch->events = events;
        batch->size = size;
        return 0;
}

int inbox_new(Inbox **ret, size_t max_messages, size_t max_bytes) {
        _cleanup_(freep) Inbox *inbox = calloc(1, sizeof(*inbox));

        if (!inbox)
                return -ENOMEM;
        inbox->max_messages = max_messages;
        inbox->max_bytes = max_bytes;
        inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (inbox->fd < 0)
                return -errno;
        if (batch_grow(&inbox->reading) < 0 || batch_grow(&inbox->writing) < 0) {
                free(inbox->reading.events);
                (void)close(inbox->fd);
                return -ENOMEM;
        }
        (void)pthread_mutex_init(&inbox->lock, NULL);
        (void)pthread_cond_init(&inbox->room, NULL);
        *ret = TAKE_PTR(inbox);
        return 0;
}

static void batch_done(Batch *batch, size_t from) {
        for (size_t i = from; i < batch->n; i++)
                message_unref(batch->events[i].message);
        free(batch->events);
        *batch = (Batch){0};
}

Inbox *inbox_free(Inbox *inbox) {
        if (!inbox)
                return NULL;
        batch_done(&inbox->reading, inbox->n_read);
        batch_done(&inbox->writing, 0);
        (void)pthread_cond_destroy(&inbox->room);
        (void)pthread_mutex_destroy(&inbox->lock);
        (void)close(inbox->fd);
        free(inbox);
        return NULL;
}

static size_t event_bytes(const TransportEvent *event) {
        return event->message ? message_footprint(event->message) : 0;
}

static bool is_full(const Inbox *inbox, const TransportEvent *event) {
        if (!event->message || inbox->shut)
                return false;
        /* A message larger than the whole limit is let through alone rather than never. */
        return inbox->n_messages >= inbox->max_messages ||
               (inbox->n_messages > 0 && inbox->n_bytes + event_bytes(event) > inbox->max_bytes);
}

static bool is_end(const TransportEvent *event) {
        return event->kind == TRANSPORT_FAILED || event->kind == TRANSPORT_LOST ||
               event->kind == TRANSPORT_CLOSED;
}

static int batch_append(Batch *batch, const TransportEvent *event) {
        if (batch->n + (is_end(event) ? 0 : SPARE) >= batch->size) {
                int r = batch_grow(batch);

                if (r < 0)
                        return r;
        }
        batch->events[batch->n++] = *event;
        return 0;
}

int inbox_push(Inbox *inbox, const TransportEvent *event) {
        bool was_empty;
        int r;

        (void)pthread_mutex_lock(&inbox->lock);
        while (is_full(inbox, event))
                (void)pthread_cond_wait(&inbox->room, &inbox->lock);
        was_empty = inbox->writing.n == 0;
        r = inbox->shut ? -ESHUTDOWN : batch_append(&inbox->writing, event);
        if (r == 0 && event->message) {
                inbox->n_messages++;
                inbox->n_bytes += event_bytes(event);
        }
        (void)pthread_mutex_unlock(&inbox->lock);

        if (r < 0) {
                message_unref(event->message);
                return r;
        }
        /* Can fail only when the counter is full, and then the loop is awake already. */
        if (was_empty)
                (void)eventfd_write(inbox->fd, 1);
        return 0;
}

void inbox_shut(Inbox *inbox) {
        (void)pthread_mutex_lock(&inbox->lock);
        inbox->shut = true;
        (void)pthread_cond_broadcast(&inbox->room);
        (void)pthread_mutex_unlock(&inbox->lock);
}

bool inbox_is_shut(Inbox *inbox) {
        bool shut;

        (void)pthread_mutex_lock(&inbox->lock);
        shut = inbox->shut;
        (void)pthread_mutex_unlock(&inbox->lock);
        return shut;
}

int inbox_fd(const Inbox *inbox) {
        return inbox->fd;
}

/* The eventfd stays readable until a swap finds nothing, so a reader may stop in the middle. */
static void swap_batches(Inbox *inbox) {
        Batch empty = inbox->reading;
        eventfd_t ignored;

        empty.n = 0;
        inbox->n_read = 0;
        (void)pthread_mutex_lock(&inbox->lock);
        inbox->reading = inbox->writing;
        inbox->writing = empty;
        if (inbox->reading.n == 0)
                (void)eventfd_read(inbox->fd, &ignored);
        (void)pthread_mutex_unlock(&inbox->lock);
}

static void give_back_room(Inbox *inbox, size_t bytes) {
        (void)pthread_mutex_lock(&inbox->lock);
        inbox->n_messages--;
        inbox->n_bytes -= bytes;
        (void)pthread_cond_signal(&inbox->room);
        (void)pthread_mutex_unlock(&inbox->lock);
}

int inbox_next(Inbox *inbox, TransportEvent *ret_event) {
        if (inbox->n_read == inbox->reading.n) {
                swap_batches(inbox);
                if (inbox->reading.n == 0)
                        return 0;
        }
        *ret_event = inbox->reading.events[inbox->n_read++];
        if (ret_event->message)
                give_back_room(inbox, event_bytes(ret_event));
        return 1;
}
