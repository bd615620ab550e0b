/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sent is what has a number below the cursor; the program is behind when there may be more in the
 * store. What comes while it is not behind, and while the window has room, goes straight to it.
 */
#include "bridge/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

/* How many messages a program may have that it has not done. */
#define WINDOW     100U
#define AGAIN_USEC USEC_PER_SEC

/* A message line that was sent; a message under several names is several of them, side by side. */
typedef struct Flight {
        uint64_t mid, seq;
        size_t bytes;
        bool done;
} Flight;

struct Mailbox {
        Store *store;
        const char *key;
        size_t window_bytes;
        MailboxNamesFunc names;
        void *userdata;

        Client *client; /* NULL: nobody is there */
        bool draining;
        uint64_t cursor;      /* everything up to here has been sent, or is not wanted */
        uint64_t newest;      /* known to be in the store */
        uint64_t seen;        /* up to here it may have been sent to another program */
        uint64_t sent;        /* the last that was sent */
        bool behind, reading; /* there may be more in the store; a page of it is on its way */
        bool stale;           /* that page is for a program that has gone */
        uint64_t asked_with;  /* the newest when that page was asked for */
        size_t ask;           /* how many to ask for */
        bool failed;          /* the last step */
        uint64_t again_usec;
        bool dead; /* freed, but the store will still call */

        Flight *flights; /* by mid */
        size_t n_flights, size, n_bytes;
};

int mailbox_new(Mailbox **ret,
                Store *store,
                const char *key,
                size_t window_bytes,
                MailboxNamesFunc names,
                void *userdata) {
        Mailbox *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        *m = (Mailbox){.store = store,
                       .key = key,
                       .window_bytes = window_bytes,
                       .names = names,
                       .userdata = userdata,
                       .ask = WINDOW,
                       .again_usec = USEC_INFINITY};
        *ret = m;
        return 0;
}

Mailbox *mailbox_free(Mailbox *m) {
        if (!m)
                return NULL;
        free(m->flights);
        m->flights = NULL;
        if (m->reading)
                m->dead = true;
        else
                free(m);
        return NULL;
}

/* The window */

static bool has_room(const Mailbox *m) {
        return m->draining || m->n_flights == 0 ||
               (m->n_flights < WINDOW && m->n_bytes < m->window_bytes);
}

/* Reading for each single place would cost more than it brings. */
static bool is_worth_reading(const Mailbox *m) {
        return m->draining || (m->n_flights <= WINDOW / 2 && m->n_bytes <= m->window_bytes / 2);
}

static int add_flight(Mailbox *m, const Flight *flight) {
        if (m->n_flights == m->size) {
                size_t size = m->size > 0 ? m->size * 2 : 16;
                Flight *flights = reallocarray(m->flights, size, sizeof(*flights));

                if (!flights)
                        return -ENOMEM;
                m->flights = flights;
                m->size = size;
        }
        m->flights[m->n_flights++] = *flight;
        m->n_bytes += flight->bytes;
        return 0;
}

/* Sending */

typedef struct Sending {
        Mailbox *mailbox;
        Message *message;
        uint64_t seq;
} Sending;

static int send_line(const char *name, int qos, void *userdata) {
        const Sending *sending = userdata;
        Mailbox *m = sending->mailbox;
        Flight flight = {.mid = m->client->last_mid + 1,
                         .seq = sending->seq,
                         .bytes = message_footprint(sending->message)};
        int r;

        r = add_flight(m, &flight);
        if (r < 0)
                return r;
        m->client->last_mid = flight.mid;
        local_session_message(m->client->session, name, sending->message, qos, flight.mid,
                              sending->seq <= m->seen);
        return 0;
}

/* What its program does not want any more is done. Returns 0, or -errno: it is to be sent later. */
static int give(Mailbox *m, uint64_t seq, Message *message) {
        Sending sending = {.mailbox = m, .message = message, .seq = seq};
        int r = m->draining ? 0 : m->names(m->userdata, message, send_line, &sending);

        if (r == 0)
                r = store_finish(m->store, seq, m->key);
        if (r < 0) {
                m->failed = true;
                return r;
        }
        m->cursor = seq;
        if (m->sent < seq)
                m->sent = seq;
        return 0;
}

/* Reading */

static void read_on(Mailbox *m);

/* Returns how many of the page found room. */
static size_t give_page(Mailbox *m, const StoreIncoming *messages, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!has_room(m) || give(m, messages[i].seq, messages[i].message) < 0)
                        return i;
        return n;
}

static void count_page(Mailbox *m, size_t n, size_t n_given) {
        if (n == 0) {
                if (m->cursor < m->asked_with)
                        m->cursor = m->asked_with;
                m->behind = m->cursor < m->newest;
        } else if (n_given < n) {
                m->ask = n_given > 0 ? n_given : 1;
        } else {
                m->ask = m->ask * 2 < WINDOW ? m->ask * 2 : WINDOW;
        }
}

static void on_page(int r, StoreIncoming *messages, size_t n, void *userdata) {
        Mailbox *m = userdata;
        bool is_ours = r >= 0 && !m->dead && !m->stale;

        m->reading = m->stale = false;
        m->failed = r < 0;
        if (is_ours)
                count_page(m, n, give_page(m, messages, n));
        for (size_t i = 0; i < n; i++)
                message_unref(messages[i].message);
        if (m->dead)
                free(m);
        else if (!m->failed)
                read_on(m);
}

/* No more than there is room for, by number and, as the last pages were, by size. */
static size_t how_many(const Mailbox *m) {
        size_t room = m->n_flights < WINDOW ? WINDOW - m->n_flights : 1;

        return room < m->ask ? room : m->ask;
}

static void read_on(Mailbox *m) {
        if (m->reading || !m->behind || (!m->client && !m->draining) || !is_worth_reading(m))
                return;
        m->asked_with = m->newest;
        m->reading = store_read_incoming(m->store, m->key, m->cursor, how_many(m), on_page, m) == 0;
        m->failed = !m->reading;
}

/* Who is there */

void mailbox_set_seen(Mailbox *m, uint64_t seq) {
        m->seen = seq;
}

static void restart(Mailbox *m) {
        m->stale = m->reading;
        m->cursor = 0;
        m->behind = true;
        m->n_flights = m->n_bytes = 0;
        m->ask = WINDOW;
        if (m->seen < m->sent)
                m->seen = m->sent;
}

void mailbox_open(Mailbox *m, Client *client) {
        m->client = client;
        m->draining = false;
        restart(m);
        read_on(m);
}

void mailbox_close(Mailbox *m) {
        m->client = NULL;
        restart(m);
}

void mailbox_drain(Mailbox *m) {
        m->client = NULL;
        m->draining = true;
        restart(m);
        read_on(m);
}

bool mailbox_is_drained(const Mailbox *m) {
        return m->draining && !m->behind && !m->reading;
}

void mailbox_offer(Mailbox *m, uint64_t seq, Message *message) {
        if (m->newest < seq)
                m->newest = seq;
        if (m->behind)
                return;
        if ((!m->client && !m->draining) || !has_room(m) || give(m, seq, message) < 0)
                m->behind = true;
}

/* Done */

static Flight *find(const Mailbox *m, uint64_t mid) {
        size_t low = 0, high = m->n_flights;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (m->flights[middle].mid < mid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < m->n_flights && m->flights[low].mid == mid ? &m->flights[low] : NULL;
}

/* The lines of one message from @first on: how many, and whether all are done. */
static size_t lines_of(const Mailbox *m, size_t first, bool *ret_done) {
        size_t n = 0;

        *ret_done = true;
        while (first + n < m->n_flights && m->flights[first + n].seq == m->flights[first].seq) {
                *ret_done = *ret_done && m->flights[first + n].done;
                n++;
        }
        return n;
}

/* Says of each message that is done all through that it is; what the store does not take now stays
 * for later. */
static void finish(Mailbox *m) {
        size_t kept = 0, n;

        for (size_t i = 0; i < m->n_flights; i += n) {
                bool done;

                n = lines_of(m, i, &done);
                if (done && store_finish(m->store, m->flights[i].seq, m->key) == 0) {
                        for (size_t k = i; k < i + n; k++)
                                m->n_bytes -= m->flights[k].bytes;
                        continue;
                }
                m->failed = m->failed || done;
                memmove(&m->flights[kept], &m->flights[i], n * sizeof(*m->flights));
                kept += n;
        }
        m->n_flights = kept;
}

bool mailbox_done(Mailbox *m, uint64_t mid) {
        Flight *flight = find(m, mid);

        if (!flight)
                return false;
        flight->done = true;
        finish(m);
        read_on(m);
        return true;
}

void mailbox_pump(Mailbox *m, uint64_t now_usec) {
        if (!m->failed) {
                m->again_usec = USEC_INFINITY;
                return;
        }
        if (m->again_usec == USEC_INFINITY)
                m->again_usec = now_usec + AGAIN_USEC;
        if (now_usec < m->again_usec)
                return;
        m->again_usec = USEC_INFINITY;
        m->failed = false;
        finish(m);
        read_on(m);
}

uint64_t mailbox_deadline_usec(const Mailbox *m) {
        return m->again_usec;
}
