/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Publishing line by line
 *
 * Up to WINDOW publishes are under way at once; each carries its line's number as id, by which
 * its answer is told. Input and answers are waited for together, so that a slow pipe ("tail -f")
 * goes out line by line, and a refusal is told at once.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/payload.h"
#include "ctl/progress.h"
#include "ctl/pub.h"
#include "ctl/reply.h"
#include "util/clock.h"

#define WINDOW        64U
#define PROGRESS_MSEC 200
#define PROGRESS_USEC (PROGRESS_MSEC * USEC_PER_MSEC)

typedef struct Publisher {
        const Options *options;
        const char *topic;
        Connection connection;
        Lines input;
        bool input_ended;

        uint64_t n_lines;    /* read */
        uint64_t n_sent;     /* of them, to the daemon */
        uint64_t n_refused;  /* by the daemon or, too long, here */
        uint64_t n_answered; /* by the daemon, well or not */
        struct {
                const char *state;
                uint64_t n;
        } acks[3];

        uint64_t n_bytes, total_bytes; /* of the input: read, and all; 0: nobody knows */

        bool progress;
        uint64_t progress_usec; /* when it was shown last */
        uint64_t begin_usec;
} Publisher;

static void publisher_deinit(Publisher *p) {
        connection_done(&p->connection);
        lines_deinit(&p->input);
}

static void progress_clear(const Publisher *p) {
        if (p->progress)
                (void)fputs("\r\033[K", stderr);
}

static uint64_t progress_deadline_usec(const Publisher *p) {
        return p->progress ? p->progress_usec + PROGRESS_USEC : USEC_INFINITY;
}

static void progress_show(Publisher *p) {
        uint64_t now_usec = clock_now_usec();
        char text[PROGRESS_TEXT_MAX];

        if (now_usec < progress_deadline_usec(p))
                return;
        p->progress_usec = now_usec;
        progress_text(&(Progress){.n_lines = p->n_sent,
                                  .n_answered = p->n_answered,
                                  .n_refused = p->n_refused,
                                  .bytes = p->n_bytes,
                                  .total_bytes = p->total_bytes,
                                  .input_ended = p->input_ended,
                                  .elapsed_usec = now_usec - p->begin_usec},
                      text);
        (void)fprintf(stderr, "\r\033[K%s", text);
        (void)fflush(stderr);
}

/* The first refusal is told in full, the others are counted. */
static void refuse(Publisher *p, json_int_t line, const char *code, const char *message) {
        if (p->n_refused++ > 0)
                return;
        progress_clear(p);
        complain("line %" JSON_INTEGER_FORMAT ": %s%s%s", line, code ? code : "refused",
                 message ? ": " : "", message ? message : "");
}

static void handle_answer(Publisher *p, const json_t *object) {
        json_int_t line = json_integer_value(json_object_get(object, "id"));

        if (reply_is(object, "op", "error")) {
                p->n_answered++;
                refuse(p, line, json_string_value(json_object_get(object, "code")),
                       json_string_value(json_object_get(object, "message")));
        } else if (reply_is(object, "op", "ack")) {
                p->n_answered++;
                for (size_t i = 0; i < ARRAY_SIZE(p->acks); i++)
                        if (reply_is(object, "state", p->acks[i].state))
                                p->acks[i].n++;
        }
}

/* Waits for an answer and handles it. Returns as connection_receive(). */
static int receive_answer(Publisher *p) {
        for (;;) {
                _cleanup_(json_decrefp) json_t *object = NULL;
                int r = connection_receive(&p->connection, progress_deadline_usec(p), &object);

                if (r == 0)
                        handle_answer(p, object);
                progress_show(p);
                if (r != -ETIMEDOUT)
                        return r;
        }
}

static int send_line(Publisher *p, const char *line, size_t size) {
        _cleanup_(json_decrefp) json_t *request = NULL;
        int r;

        r = pub_request(p->options, p->topic, (json_int_t)p->n_lines, line, size, &request);
        if (r < 0)
                return r;
        r = connection_send(&p->connection, request);
        if (r == 0)
                p->n_sent++;
        return r;
}

/* Waits for more input and for answers; handles one answer if there is one, else reads input. */
static int wait_for_either(Publisher *p) {
        struct pollfd fds[] = {
                        {.fd = p->input.fd, .events = POLLIN},
                        {.fd = p->connection.fd, .events = POLLIN},
        };
        int n, r;

        while ((n = poll(fds, ARRAY_SIZE(fds), p->progress ? PROGRESS_MSEC : -1)) <= 0) {
                if (n < 0 && errno != EINTR)
                        return -errno;
                progress_show(p);
        }
        if (fds[1].revents)
                return receive_answer(p);

        r = lines_fill(&p->input);
        if (r < 0) {
                refuse(p, (json_int_t)p->n_lines + 1, "cannot be read", strerror(-r));
                p->input_ended = true;
        }
        return 0;
}

/* Takes what the input has. Errors of the input are told here and end it. */
static int read_input(Publisher *p) {
        const char *line;
        size_t size;

        switch (lines_next(&p->input, &line, &size)) {
        case LINES_LINE:
                p->n_lines++;
                p->n_bytes += size + 1;
                return send_line(p, line, size);
        case LINES_TOO_LONG:
                p->n_lines++;
                refuse(p, (json_int_t)p->n_lines, "too-large",
                       "the line is longer than a payload may be");
                return 0;
        case LINES_END:
                p->input_ended = true;
                return 0;
        case LINES_MORE_NEEDED:
        default:
                return connection_is_drained(&p->connection) ? wait_for_either(p)
                                                             : receive_answer(p);
        }
}

static void print_summary(const Publisher *p) {
        uint64_t n_missing = p->n_sent - p->n_answered;
        const char *separator = "";

        if (p->options->json) {
                (void)printf("{\"lines\":%" PRIu64, p->n_lines);
                for (size_t i = 0; i < ARRAY_SIZE(p->acks); i++)
                        (void)printf(",\"%s\":%" PRIu64, p->acks[i].state, p->acks[i].n);
                (void)printf(",\"refused\":%" PRIu64 ",\"unanswered\":%" PRIu64 "}\n", p->n_refused,
                             n_missing);
                return;
        }

        for (size_t i = 0; i < ARRAY_SIZE(p->acks); i++)
                if (p->acks[i].n > 0) {
                        (void)printf("%s%" PRIu64 " %s", separator, p->acks[i].n, p->acks[i].state);
                        separator = ", ";
                }
        if (p->n_refused > 0) {
                (void)printf("%s%" PRIu64 " refused", separator, p->n_refused);
                separator = ", ";
        }
        if (n_missing > 0)
                (void)printf("%s%" PRIu64 " without an answer", separator, n_missing);
        if (p->n_lines == 0)
                (void)printf("no lines");
        (void)puts("");
}

static uint64_t size_of_file(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

int pub_lines(const Options *options, const char *topic, int fd) {
        _cleanup_(publisher_deinit) Publisher p = {
                        .options = options,
                        .topic = topic,
                        .connection = CONNECTION_NULL,
                        .acks = {{"delivered", 0}, {"stored", 0}, {"sent", 0}},
                        .total_bytes = size_of_file(fd),
                        /* Not where lines are typed. */
                        .progress = !options->json && isatty(STDERR_FILENO) && !isatty(fd),
                        .begin_usec = clock_now_usec(),
        };
        int r;

        r = reply_connect(options, &p.connection);
        if (r != 0)
                return r;
        lines_init(&p.input, fd, PUB_PAYLOAD_MAX);
        p.progress_usec = p.begin_usec;

        while (r == 0 && !(p.input_ended && p.n_answered == p.n_sent)) {
                if (p.input_ended || p.n_sent - p.n_answered >= WINDOW)
                        r = receive_answer(&p);
                else
                        r = read_input(&p);
        }

        progress_clear(&p);
        print_summary(&p);
        if (r != 0)
                return reply_lost(r);
        return p.n_refused > 0 ? EXIT_FAILED : EXIT_DONE;
}
