/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Subscribing
 *
 * Messages go to stdout as they come, each followed by a newline. A message counts as dealt with
 * ("done") only once it has left stdout's buffer; to be fast with many, that happens whenever the
 * socket has nothing more.
 */

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/payload.h"
#include "ctl/reply.h"
#include "util/buffer.h"
#include "util/clock.h"

typedef struct Subscriber {
        const Options *options;
        char **filters;
        Connection connection;
        Buffer done; /* lines to send after the next flush */
        uint64_t n_messages;
        bool told_pending;
} Subscriber;

static void subscriber_deinit(Subscriber *s) {
        connection_done(&s->connection);
        buffer_deinit(&s->done);
}

/* What is durable belongs to a name. */
static int introduce(Subscriber *s) {
        _cleanup_(json_decrefp) json_t *request = NULL;

        if (!s->options->durable)
                return 0;
        request = json_pack("{s:s, s:s}", "op", "hello", "client", s->options->durable);
        return request ? connection_send(&s->connection, request) : -EINVAL;
}

static int subscribe_all(Subscriber *s) {
        for (int i = 0; s->filters[i]; i++) {
                _cleanup_(json_decrefp) json_t *request =
                                json_pack("{s:s, s:i, s:s%, s:i, s:b}", "op", "sub", "id", i,
                                          "filter", s->filters[i], strlen(s->filters[i]), "qos",
                                          s->options->qos, "durable", s->options->durable != NULL);
                int r = request ? connection_send(&s->connection, request) : -EINVAL;

                if (r != 0)
                        return r;
        }
        return 0;
}

/* Which of the command line's filters an error is about; NULL if it doesn't say. */
static const char *filter_of(const Subscriber *s, const json_t *error) {
        const char *filter = json_string_value(json_object_get(error, "filter"));
        const json_t *id = json_object_get(error, "id");

        if (filter)
                return filter;
        for (int i = 0; s->filters[i]; i++)
                if (json_is_integer(id) && json_integer_value(id) == i)
                        return s->filters[i];
        return NULL;
}

static int print_message(Subscriber *s, const json_t *message) {
        const char *topic = json_string_value(json_object_get(message, "topic"));
        const json_t *mid = json_object_get(message, "mid");
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r;

        if (s->options->json) {
                reply_print(message);
        } else {
                r = payload_get(message, &data, &size);
                if (r < 0)
                        return r;
                if (s->options->topics)
                        (void)printf("%s ", topic ? topic : "");
                (void)fwrite(data, 1, size, stdout);
                (void)putchar('\n');
        }

        s->n_messages++;
        if (json_is_integer(mid)) {
                char line[64];
                int n = snprintf(line, sizeof(line),
                                 "{\"op\":\"done\",\"mid\":%" JSON_INTEGER_FORMAT "}\n",
                                 json_integer_value(mid));

                return buffer_append(&s->done, line, (size_t)n);
        }
        return 0;
}

/* Returns 0, -EPIPE when stdout is gone, or as connection_write(). */
static int settle(Subscriber *s) {
        int r;

        if (fflush(stdout) == EOF)
                return -EPIPE;
        r = connection_write(&s->connection, buffer_data(&s->done), buffer_size(&s->done));
        buffer_truncate(&s->done, 0);
        return r;
}

static bool is_complete(const Subscriber *s) {
        return s->options->count > 0 && s->n_messages >= s->options->count;
}

static void tell_pending(Subscriber *s, const json_t *ack) {
        if (!json_is_true(json_object_get(ack, "pending")) || s->told_pending)
                return;
        s->told_pending = true;
        complain("There is no connection to the cloud now; messages come when there is one.");
}

int command_sub(const Options *options, char **args) {
        _cleanup_(subscriber_deinit) Subscriber s = {
                        .options = options,
                        .filters = args,
                        .connection = CONNECTION_NULL,
        };
        int r;

        r = reply_connect(options, &s.connection);
        if (r != 0)
                return r;
        r = connection_until_stopped(&s.connection);
        if (r == 0)
                r = introduce(&s);
        if (r == 0)
                r = subscribe_all(&s);
        if (r == -EINVAL) {
                complain("A filter or a name is not valid UTF-8.");
                return EXIT_FAILED;
        }

        while (r == 0 && !is_complete(&s)) {
                _cleanup_(json_decrefp) json_t *object = NULL;

                if (connection_is_drained(&s.connection))
                        r = settle(&s);
                if (r == 0)
                        r = connection_receive(&s.connection, USEC_INFINITY, &object);
                if (r != 0)
                        break;
                if (reply_is(object, "op", "error"))
                        return reply_refused(options, object, filter_of(&s, object));
                if (reply_is(object, "op", "ack"))
                        tell_pending(&s, object);
                if (reply_is(object, "op", "msg"))
                        r = print_message(&s, object);
        }

        /* What was printed is done, also when it is stopped. */
        if (r == 0)
                r = settle(&s);
        else if (r == CONNECTION_E_STOPPED && settle(&s) == -EPIPE)
                r = -EPIPE;
        if (r == 0 || r == CONNECTION_E_STOPPED || r == -EPIPE)
                return EXIT_DONE; /* main() tells whether a reader has just gone */
        return reply_lost(r);
}
