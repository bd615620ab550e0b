/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session reads a bounded amount each time the loop finds input, hands every whole request to
 * the handler, then "settles": writes its output, and closes if that is due.
 *
 * EPOLLHUP can't be masked, so a session that is paused while its program has gone is taken out
 * of the loop until it is resumed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "local/codec-json.h"
#include "local/session-internal.h"
#include "util/clock.h"
#include "util/log.h"

/* Read at a time, so that a busy program leaves the others their turn. */
#define READ_SIZE 65536U

/* Log lines about dropped programs: this many at most in this time. */
#define DROPPED_LINES_MAX  10U
#define DROPPED_LINES_USEC (10 * USEC_PER_SEC)

/* The first byte of an MQTT CONNECT; no JSON text begins with it. */
#define MQTT_CONNECT 0x10

LocalSession *local_session_ref(LocalSession *session) {
        session->n_refs++;
        return session;
}

LocalSession *local_session_unref(LocalSession *session) {
        if (!session || --session->n_refs > 0)
                return NULL;
        if (session->codec)
                session->codec->free(session->codec_state);
        buffer_deinit(&session->input);
        buffer_deinit(&session->output);
        (void)sd_event_source_disable_unref(session->io);
        closep(&session->fd);
        free(session);
        return NULL;
}

void session_make_due(LocalSession *session) {
        SessionHost *host = session->host;

        if (session->is_due || session->state == SESSION_CLOSED)
                return;
        session->is_due = true;
        session->next_due = host->due;
        host->due = local_session_ref(session);
        (void)sd_event_source_set_enabled(host->work, SD_EVENT_ONESHOT);
}

static void session_log_dropped(const LocalSession *session, const char *why) {
        SessionHost *host = session->host;
        char pid[24], uid[24], more[48] = "";

        if (!rate_take(&host->dropped_lines, clock_now_usec())) {
                host->n_dropped_unsaid++;
                return;
        }
        if (host->n_dropped_unsaid > 0)
                (void)snprintf(more, sizeof(more), " (%u more before)", host->n_dropped_unsaid);
        host->n_dropped_unsaid = 0;

        (void)snprintf(pid, sizeof(pid), "%jd", (intmax_t)session->peer.pid);
        (void)snprintf(uid, sizeof(uid), "%ju", (uintmax_t)session->peer.uid);
        log_event(LOG_EVENT_CLIENT_DROPPED,
                  (const LogField[]){{"CLIENT", session->client[0] ? session->client : NULL},
                                     {"CLIENT_PID", pid},
                                     {"CLIENT_UID", uid}},
                  3, "Program '%s' (pid %s, uid %s) %s; disconnected%s",
                  local_session_name(session), pid, uid, why, more);
}

void session_doom(LocalSession *session, const char *why) {
        if (session->state >= SESSION_DOOMED)
                return;
        if (why)
                session_log_dropped(session, why);
        session->state = SESSION_DOOMED;
        buffer_deinit(&session->input);
        buffer_deinit(&session->output);
        session_account(session);
        session_make_due(session);
}

/* When all sessions together hold too much, it is the one with the most that has to go. */
static void host_shed(SessionHost *host) {
        while (host->buffered_bytes > host->limits.memory_bytes) {
                LocalSession *most = NULL;

                for (LocalSession *s = host->sessions; s; s = s->next)
                        if (s->state < SESSION_DOOMED && (!most || s->accounted > most->accounted))
                                most = s;
                if (!most)
                        return;
                session_doom(most, "holds the most of the memory for programs, which is used up");
        }
}

void session_account(LocalSession *session) {
        SessionHost *host = session->host;
        size_t held = session->input.allocated + session->output.allocated;

        if (session->state == SESSION_CLOSED)
                return;
        host->buffered_bytes = host->buffered_bytes - session->accounted + held;
        session->accounted = held;
        if (session->state != SESSION_DOOMED)
                host_shed(host);
}

/* Requests */

static void dispatch(LocalSession *session, Request *request) {
        const LocalHandler *handler = &session->host->handler;
        void *userdata = session->host->userdata;

        switch (request->kind) {
        case REQUEST_HELLO:
                if (request->client && session->client[0] &&
                    strcmp(request->client, session->client) != 0) {
                        local_session_error(session, &request->id, LOCAL_ERROR_BAD_REQUEST, NULL,
                                            "this connection is named \"%s\" already",
                                            session->client);
                        break;
                }
                if (request->client)
                        (void)snprintf(session->client, sizeof(session->client), "%s",
                                       request->client);
                handler->hello(userdata, session, &request->id);
                break;
        case REQUEST_PUBLISH:
                handler->publish(userdata, session,
                                 &(LocalPublish){.id = &request->id,
                                                 .message = request->message,
                                                 .wait = request->wait,
                                                 .ttl_sec = request->ttl_sec});
                break;
        case REQUEST_SUBSCRIBE:
                handler->subscribe(userdata, session,
                                   &(LocalSubscribe){.id = &request->id,
                                                     .filter = request->filter,
                                                     .qos = request->qos,
                                                     .durable = request->durable});
                break;
        case REQUEST_UNSUBSCRIBE:
                handler->unsubscribe(userdata, session, &request->id, request->filter);
                break;
        case REQUEST_DONE:
                handler->done(userdata, session, request->mid);
                break;
        case REQUEST_STATUS:
                handler->status(userdata, session, &request->id);
                break;
        case REQUEST_WATCH:
                handler->watch(userdata, session, &request->id);
                break;
        case REQUEST_RECEIPT:
                handler->receipt(userdata, session, &request->id, request->receipt, request->wait);
                break;
        case REQUEST_SPOOL:
                request->spool.id = &request->id;
                handler->spool(userdata, session, &request->spool);
                break;
        }
}

/* MQTT is not spoken here: says so in its own words (CONNACK, server unavailable). */
static void refuse_mqtt(LocalSession *session) {
        static const uint8_t connack[] = {0x20, 0x02, 0x00, 0x03};

        session_log_dropped(session, "speaks MQTT, which this socket doesn't in this version");
        session->state = SESSION_FINISHING;
        if (buffer_append(&session->output, connack, sizeof(connack)) < 0)
                session_doom(session, NULL);
}

static void choose_codec(LocalSession *session) {
        void *state = NULL;

        if (buffer_data(&session->input)[0] == MQTT_CONNECT) {
                refuse_mqtt(session);
                return;
        }
        if (codec_json.new(&state) < 0) {
                session_doom(session, "is more than there is memory for");
                return;
        }
        session->codec = &codec_json;
        session->codec_state = state;
}

static void decode(LocalSession *session) {
        if (!session->codec && session->state == SESSION_OPEN && buffer_size(&session->input) > 0)
                choose_codec(session);

        while (session->state == SESSION_OPEN && !session->paused && session->codec) {
                Request request;
                CodecResult result = session->codec->decode(session->codec_state, &session->input,
                                                            session->input_ended, &request);

                if (result == CODEC_MORE)
                        break;
                if (result == CODEC_REQUEST) {
                        dispatch(session, &request);
                        continue;
                }
                local_session_error(session, &request.id, request.error, NULL, "%s",
                                    request.problem);
                if (result == CODEC_BROKEN && session->state == SESSION_OPEN) {
                        session_log_dropped(session, "sent a line without end");
                        session->state = SESSION_FINISHING;
                }
        }
        if (session->state == SESSION_FINISHING)
                buffer_deinit(&session->input);
        buffer_trim(&session->input);
        session_account(session);
}

/* Input and output */

static void session_read(LocalSession *session) {
        uint8_t *room = NULL;
        ssize_t n;

        if (buffer_reserve(&session->input, READ_SIZE, &room) < 0) {
                session_doom(session, "is more than there is memory for");
                return;
        }
        n = recv(session->fd, room, READ_SIZE, MSG_DONTWAIT);
        if (n > 0)
                buffer_commit(&session->input, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                session->input_ended = true;
        decode(session);
}

void session_write(LocalSession *session) {
        Buffer *output = &session->output;

        if (session->state >= SESSION_DOOMED)
                return;
        session->output_full = false;
        while (buffer_size(output) > 0 && !session->output_full) {
                ssize_t n = send(session->fd, buffer_data(output), buffer_size(output),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n >= 0) {
                        buffer_consume(output, (size_t)n);
                } else if (errno == EAGAIN) {
                        session->output_full = true;
                } else if (errno != EINTR) {
                        /* Nobody listens any more, but what was said before still counts. */
                        session->deaf = true;
                        buffer_deinit(output);
                }
        }
        buffer_trim(output);
        session_account(session);
}

/* All input was handled, nothing is left to write, and nothing will be. */
static bool session_is_over(const LocalSession *session) {
        if (buffer_size(&session->output) > 0)
                return false;
        if (session->state == SESSION_FINISHING)
                return true;
        return session->input_ended && !session->paused && buffer_size(&session->input) == 0 &&
               (session->n_holds == 0 || session->deaf);
}

static void session_close(SessionHost *host, LocalSession *session) {
        session->state = SESSION_DOOMED;
        host->handler.closed(host->userdata, session);

        buffer_deinit(&session->input);
        buffer_deinit(&session->output);
        session_account(session);
        session->state = SESSION_CLOSED;
        session->host = NULL;
        session->io = sd_event_source_disable_unref(session->io);
        closep(&session->fd);
        session->fd = -1;

        if (host->sessions == session)
                host->sessions = session->next;
        else
                session->prev->next = session->next;
        if (session->next)
                session->next->prev = session->prev;
        session->prev = session->next = NULL;
        host->n_sessions--;
        local_session_unref(session);
}

static void session_update_events(LocalSession *session) {
        uint32_t events = 0;

        if (session->state == SESSION_OPEN && !session->paused && !session->input_ended)
                events |= EPOLLIN;
        if (session->output_full)
                events |= EPOLLOUT;
        if (events != session->events && sd_event_source_set_io_events(session->io, events) >= 0)
                session->events = events;
}

/* Does all that is to be done outside of the handler's calls. Closes the session if that is due. */
static void session_settle(LocalSession *session) {
        if (!session->output_full)
                session_write(session);
        if (session->state == SESSION_DOOMED || session_is_over(session))
                session_close(session->host, session);
        else
                session_update_events(session);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        _cleanup_(local_session_unrefp) LocalSession *session = local_session_ref(userdata);
        bool gone = events & (EPOLLHUP | EPOLLERR), is_listed = session->is_due;

        (void)fd;
        /* It is settled below and need not be listed for that. */
        session->is_due = true;
        if (gone && session->paused)
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        else if (gone && (session->input_ended || session->state != SESSION_OPEN))
                session_doom(session, NULL);
        else if (!session->paused && !session->input_ended && session->state == SESSION_OPEN &&
                 (gone || (events & EPOLLIN)))
                session_read(session);
        if (events & EPOLLOUT)
                session_write(session);
        session->is_due = is_listed;
        session_settle(session);
        return 0;
}

static int on_work(sd_event_source *source, void *userdata) {
        SessionHost *host = userdata;
        LocalSession *due = host->due;

        (void)source;
        host->due = NULL;
        while (due) {
                _cleanup_(local_session_unrefp) LocalSession *session = due;

                due = session->next_due;
                session->next_due = NULL;
                session->is_due = false;
                if (session->state == SESSION_CLOSED)
                        continue;
                /* After a pause there may be input that was read already. */
                if (session->state == SESSION_OPEN && buffer_size(&session->input) > 0)
                        decode(session);
                session_settle(session);
        }
        return 0;
}

/* Birth and death */

int session_new(SessionHost *host, int take_fd) {
        LocalSession *session;
        int r;

        session = calloc(1, sizeof(*session));
        if (!session)
                return -ENOMEM;
        *session = (LocalSession){.n_refs = 1, .host = host, .fd = -1, .events = EPOLLIN};

        r = peer_of(take_fd, &session->peer);
        if (r >= 0)
                r = sd_event_add_io(host->event, &session->io, take_fd, session->events, on_io,
                                    session);
        if (r < 0) {
                local_session_unref(session);
                return r;
        }
        session->fd = take_fd;
        (void)snprintf(session->name, sizeof(session->name), "pid %jd",
                       (intmax_t)session->peer.pid);

        session->next = host->sessions;
        if (session->next)
                session->next->prev = session;
        host->sessions = session;
        host->n_sessions++;
        return 0;
}

int session_host_init(SessionHost *host, sd_event *event) {
        int r;

        r = rate_init(&host->dropped_lines, DROPPED_LINES_MAX, DROPPED_LINES_USEC);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &host->work, on_work, host);
        if (r < 0)
                return r;
        host->event = event;
        return sd_event_source_set_enabled(host->work, SD_EVENT_OFF);
}

void session_host_deinit(SessionHost *host) {
        while (host->sessions)
                session_close(host, host->sessions);
        while (host->due) {
                LocalSession *session = host->due;

                host->due = session->next_due;
                local_session_unref(session);
        }
        host->work = sd_event_source_disable_unref(host->work);
        rate_done(&host->dropped_lines);
}

/* What the handler may ask and tell */

void local_session_set_userdata(LocalSession *session, void *userdata) {
        session->userdata = userdata;
}

void *local_session_userdata(const LocalSession *session) {
        return session->userdata;
}

const char *local_session_name(const LocalSession *session) {
        return session->client[0] ? session->client : session->name;
}

const char *local_session_client(const LocalSession *session) {
        return session->client[0] ? session->client : NULL;
}

uid_t local_session_uid(const LocalSession *session) {
        return session->peer.uid;
}

pid_t local_session_pid(const LocalSession *session) {
        return session->peer.pid;
}

void local_session_hold(LocalSession *session) {
        session->n_holds++;
}

void local_session_release(LocalSession *session) {
        if (session->n_holds > 0)
                session->n_holds--;
        session_make_due(session);
}

void local_session_set_paused(LocalSession *session, bool paused) {
        if (session->state == SESSION_CLOSED || session->paused == paused)
                return;
        session->paused = paused;
        if (!paused)
                (void)sd_event_source_set_enabled(session->io, SD_EVENT_ON);
        session_make_due(session);
}
