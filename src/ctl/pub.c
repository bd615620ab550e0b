/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/pub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/payload.h"
#include "ctl/reply.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/utf8.h"

#define READ_SIZE ((size_t)64 * 1024)

int pub_request(const Options *options,
                const char *topic,
                json_int_t id,
                const void *payload,
                size_t payload_size,
                json_t **ret) {
        _cleanup_(json_decrefp) json_t *request = NULL;

        request = json_pack("{s:s, s:I, s:s, s:i}", "op", "pub", "id", id, "topic", topic, "qos",
                            options->qos);
        if (!request || payload_set(request, payload, payload_size) < 0)
                return -ENOMEM;
        if (options->wait && json_object_set_new(request, "wait", json_string(options->wait)) < 0)
                return -ENOMEM;
        if (options->ttl_sec > 0 &&
            json_object_set_new(request, "ttl", json_integer(options->ttl_sec)) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(request);
        return 0;
}

/* To its end; -EFBIG beyond the largest payload. */
static int read_payload(int fd, Buffer *payload) {
        for (;;) {
                uint8_t *room;
                ssize_t n;
                int r;

                if (buffer_size(payload) > PUB_PAYLOAD_MAX)
                        return -EFBIG;
                r = buffer_reserve(payload, READ_SIZE, &room);
                if (r < 0)
                        return r;
                n = read(fd, room, READ_SIZE);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                buffer_commit(payload, (size_t)n);
        }
}

/* The word first; what is stored can be asked for by its number. */
static void print_receipt(const json_t *ack) {
        const char *state = json_string_value(json_object_get(ack, "state"));
        const json_t *receipt = json_object_get(ack, "receipt");

        if (json_is_integer(receipt))
                (void)printf("%s, receipt %" JSON_INTEGER_FORMAT "\n", state ? state : "done",
                             json_integer_value(receipt));
        else
                (void)puts(state ? state : "done");
}

static int pub_one(const Options *options, const char *topic, const void *payload, size_t size) {
        _cleanup_(connection_done) Connection connection = CONNECTION_NULL;
        _cleanup_(json_decrefp) json_t *request = NULL, *ack = NULL;
        int r;

        r = pub_request(options, topic, 1, payload, size, &request);
        if (r < 0) {
                complain("Cannot make the request: %s.", strerror(-r));
                return EXIT_FAILED;
        }
        r = reply_connect(options, &connection);
        if (r != 0)
                return r;
        /* No deadline: a receipt may well take as long as an outage. */
        r = reply_ask(options, &connection, TAKE_PTR(request), "ack", USEC_INFINITY, &ack);
        if (r != 0)
                return r;
        if (options->json)
                reply_print(ack);
        else
                print_receipt(ack);
        return EXIT_DONE;
}

static int pub_whole(const Options *options, const char *topic, int fd) {
        _cleanup_(buffer_deinit) Buffer payload = {0};
        int r;

        if (isatty(fd))
                (void)fputs("Type the payload, then Ctrl-D at the start of a line.\n", stderr);
        r = read_payload(fd, &payload);
        if (r == -EFBIG)
                complain("The payload has more than %zu bytes.", PUB_PAYLOAD_MAX);
        else if (r < 0)
                complain("Cannot read the payload: %s.", strerror(-r));
        if (r < 0)
                return EXIT_FAILED;
        return pub_one(options, topic, buffer_data(&payload), buffer_size(&payload));
}

int command_pub(const Options *options, char **args) {
        const char *topic = args[0], *payload = args[1];
        _cleanup_(closep) int fd = -1;

        if (payload && strcmp(payload, "-") == 0)
                payload = NULL;
        if (args[1] && options->file)
                return options_complain("two payloads: '%s' and --file %s", args[1], options->file);
        if (payload && options->lines)
                return options_complain("--lines takes its lines from stdin or --file");
        if (!utf8_is_valid(topic, strlen(topic))) {
                complain("The topic is not valid UTF-8.");
                return EXIT_FAILED;
        }
        if (payload)
                return pub_one(options, topic, payload, strlen(payload));

        if (options->file && strcmp(options->file, "-") != 0)
                fd = open(options->file, O_RDONLY | O_CLOEXEC);
        else
                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
                complain("Cannot open '%s': %s.", options->file ? options->file : "-",
                         strerror(errno));
                return EXIT_FAILED;
        }
        return options->lines ? pub_lines(options, topic, fd) : pub_whole(options, topic, fd);
}
