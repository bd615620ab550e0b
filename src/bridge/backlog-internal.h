/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Backlog, for its own files: backlog.c (what it holds), backlog-write.c (to the disk),
 * backlog-read.c (from it).
 */

#include "bridge/backlog.h"
#include "bridge/topic-table.h"
#include "bridge/waiters.h"

#define BACKLOG_STOPPING "the daemon is stopping; the message is stored and will be delivered"

struct Backlog {
        Store *store;
        BacklogHandler handler;
        Lane *live;
        Lane old;
        TopicTable topics;
        Waiters waiters;
        uint64_t next_seq;
        size_t n_calls; /* that the store still owes */
        bool dead;      /* freed, but the store will still call */

        size_t n_puts, n_puts_old; /* the latter: of messages that are not in a lane */
        size_t bytes;
        bool failing;     /* the last write failed; said once */
        uint64_t refused; /* not taken by the disk */

        uint64_t read_seq; /* everything up to here is or was in the old lane */
        bool follows;      /* there may be more than that on disk */
        bool reading;
        bool stale;               /* the page that is being read is not wanted any more */
        bool replaced;            /* since it was asked for, the file is another one */
        uint64_t *gone;           /* live ones that were finished meanwhile */
        size_t n_gone, size_gone; /* used, allocated */
        uint64_t read_again_usec; /* not before that, after a failure */
};

/* Writing */

/* Writes a copy of a message that stays in @lane. 0 or -errno. */
_warn_unused_ int backlog_put_copy(Backlog *backlog, Lane *lane, Rising *rising);

/* Writes the message; it is on disk only from now on. */
void backlog_put_only(Backlog *backlog, Rising *take_rising);

/* The same for one of which there is a copy, or one is being written, or should have been. */
void backlog_leave_to_disk(Backlog *backlog, Rising *take_rising);

/* Reading */

/* The lowest number that may be in the old stream; UINT64_MAX: there is none. */
uint64_t backlog_oldest(const Backlog *backlog);

/* The old stream begins, or goes on, with this message on disk. */
void backlog_note_old(Backlog *backlog, uint64_t seq, const char *topic);

/* A message whose row may be in the page that is being read needs no sending any more. */
void backlog_note_gone(Backlog *backlog, uint64_t seq);

/* All of it is to be read again from @seq on; nothing of it is in memory any more, so it may give
 * way. */
void backlog_read_again_from(Backlog *backlog, uint64_t seq);

/* The topics of what was found in the store. */
void backlog_learn_topics(Backlog *backlog, uint64_t last_seq);

/* The store calls back for every request, also after the backlog's end. True when this was it. */
bool backlog_called(Backlog *backlog);
