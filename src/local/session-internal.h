/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the sessions of one server share with it, and the inside of a session. For src/local only.
 *
 * Sessions never touch each other and never vanish under somebody's feet: whatever is to be done
 * outside of a session's own events (writing, going on after a pause, closing) makes the session
 * "due", and the host's work source settles all due sessions when the loop comes round.
 */

#include <systemd/sd-event.h>

#include "local/codec.h"
#include "local/peer.h"
#include "local/server.h"
#include "local/session.h"
#include "util/buffer.h"
#include "util/rate.h"

typedef struct SessionHost {
        sd_event *event; /* borrowed */
        LocalLimits limits;
        LocalHandler handler;
        void *userdata;

        sd_event_source *work;
        LocalSession *due; /* LocalSession::next_due; the list holds references */

        LocalSession *sessions; /* LocalSession::prev, next; the list holds references */
        size_t n_sessions;
        size_t buffered_bytes;
        uint64_t dropped_slow;
        Rate dropped_lines; /* in the log */
        unsigned n_dropped_unsaid;
} SessionHost;

typedef enum SessionState {
        SESSION_OPEN,
        SESSION_FINISHING, /* takes no more requests; closes when its output is written */
        SESSION_DOOMED,    /* closes when it is settled */
        SESSION_CLOSED,    /* out of the host's hands */
} SessionState;

struct LocalSession {
        unsigned n_refs;
        SessionHost *host;
        LocalSession *prev, *next, *next_due;
        bool is_due;
        SessionState state;

        int fd;
        sd_event_source *io;
        uint32_t events;  /* that io waits for */
        bool input_ended; /* the program has shut down its sending side */
        bool output_full; /* the socket takes no more for now */
        bool deaf;        /* the program can't be written to any more */
        bool paused;
        unsigned n_holds;

        const CodecOps *codec; /* NULL before the first byte */
        void *codec_state;
        Buffer input, output;
        size_t accounted; /* bytes of both that the host counts */

        Peer peer;
        char client[65]; /* from "hello", else empty */
        char name[32];   /* "pid 123" */
        void *userdata;
};

_warn_unused_ int session_host_init(SessionHost *host, sd_event *event);
/* Closes all sessions. */
void session_host_deinit(SessionHost *host);

/* Adds a session to the host's list. Takes the fd on success only. 0 or -errno. */
_warn_unused_ int session_new(SessionHost *host, int take_fd);

/* Writes what the socket takes now. */
void session_write(LocalSession *session);

/* To be called when the session's buffers have changed. May doom any session of the host. */
void session_account(LocalSession *session);
void session_make_due(LocalSession *session);

/* Ends the session: at once for good, with nothing more written. @why is for the log, NULL for an
 * end that is nobody's fault. */
void session_doom(LocalSession *session, const char *why);
