/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What waits for the cloud on the daemon's disk: shown page by page, or dropped.
 */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/facts.h"
#include "ctl/reply.h"
#include "util/clock.h"
#include "util/utf8.h"

/* How many the daemon gives at a time. */
#define PAGE_MAX 1000U

typedef struct Listing {
        const Options *options;
        const char *filter; /* NULL: all */
        Connection connection;
        int64_t now; /* seconds since 1970 */
        uint64_t after, n_messages, n_bytes;
        bool more;
} Listing;

static void listing_deinit(Listing *l) {
        connection_done(&l->connection);
}

static int64_t number(const json_t *object, const char *name) {
        return json_integer_value(json_object_get(object, name));
}

static void print_message(const Listing *l, const json_t *message) {
        const json_t *expires_in = json_object_get(message, "expires_in");
        int64_t accepted = number(message, "accepted");
        char age[FACT_TEXT_MAX], left[FACT_TEXT_MAX] = "-", topic[FACT_TEXT_MAX];

        if (l->options->json) {
                reply_print(message);
                return;
        }
        fact_duration(accepted < l->now ? l->now - accepted : 0, age);
        if (json_is_integer(expires_in))
                fact_duration(json_integer_value(expires_in), left);
        fact_text("topic", json_object_get(message, "topic"), l->now, topic);
        (void)printf("%16" PRId64 "  %12s  %12s  %8" PRId64 "  %s\n", number(message, "receipt"),
                     age, left, number(message, "size"), topic);
}

static void print_page(Listing *l, const json_t *page) {
        size_t i;
        json_t *message;

        if (!l->options->json && l->n_messages == 0 &&
            json_array_size(json_object_get(page, "messages")) > 0)
                (void)printf("%16s  %12s  %12s  %8s  %s\n", "RECEIPT", "AGE", "TTL LEFT", "BYTES",
                             "TOPIC");
        json_array_foreach(json_object_get(page, "messages"), i, message) {
                print_message(l, message);
                l->n_messages++;
                l->n_bytes += (uint64_t)number(message, "size");
        }
        l->more = json_is_true(json_object_get(page, "more"));
        l->after = (uint64_t)number(page, "after");
}

/* Returns 0 or what the program exits with after having said why. */
static int ask_page(Listing *l, json_t **ret) {
        uint64_t limit = PAGE_MAX;
        json_t *request;

        if (l->options->limit > 0 && l->options->limit - l->n_messages < limit)
                limit = l->options->limit - l->n_messages;
        request = json_pack("{s:s, s:i, s:s, s:I, s:I, s:s*}", "op", "spool", "id", 1, "action",
                            "list", "after", (json_int_t)l->after, "limit", (json_int_t)limit,
                            "filter", l->filter);
        return reply_ask(l->options, &l->connection, request, "spool",
                         clock_now_usec() + REPLY_TIMEOUT_SEC * USEC_PER_SEC, ret);
}

static int list(const Options *options, const char *filter) {
        _cleanup_(listing_deinit) Listing l = {.options = options,
                                               .filter = filter,
                                               .connection = CONNECTION_NULL,
                                               .now = (int64_t)(clock_wall_msec() / 1000)};
        int r;

        if (options->all || options->receipt > 0 || options->yes)
                return options_complain("'spool list' takes no --all, --receipt or --yes");
        r = reply_connect(options, &l.connection);
        if (r != 0)
                return r;
        do {
                _cleanup_(json_decrefp) json_t *page = NULL;
                uint64_t after = l.after;

                r = ask_page(&l, &page);
                if (r != 0)
                        return r;
                print_page(&l, page);
                if (fflush(stdout) == EOF)
                        return EXIT_DONE; /* main() tells whether the reader has just gone */
                if (l.more && l.after <= after)
                        return reply_lost(-EBADMSG);
        } while (l.more && (options->limit == 0 || l.n_messages < options->limit));

        if (!options->json)
                (void)printf("%" PRIu64 " message%s, %" PRIu64 " bytes%s\n", l.n_messages,
                             l.n_messages == 1 ? "" : "s", l.n_bytes, l.more ? ", and more" : "");
        return EXIT_DONE;
}

/* Whether the user wants it. Without a terminal nobody can be asked. */
static int confirm(const Options *options, const char *filter) {
        char answer[16];

        if (options->yes)
                return 0;
        if (!isatty(STDIN_FILENO))
                return options_complain("'spool drop' needs --yes where it can't ask");
        if (options->all)
                (void)fputs("Drop every message that waits for the cloud? [y/N] ", stderr);
        else if (filter)
                (void)fprintf(stderr,
                              "Drop every message for '%s' that waits for the cloud? [y/N] ",
                              filter);
        else
                (void)fprintf(stderr, "Drop the message with receipt %" PRIu64 "? [y/N] ",
                              options->receipt);
        (void)fflush(stderr);
        if (!fgets(answer, sizeof(answer), stdin) || tolower((unsigned char)answer[0]) != 'y') {
                complain("Nothing was dropped.");
                return EXIT_FAILED;
        }
        return 0;
}

static int drop(const Options *options, const char *filter) {
        _cleanup_(connection_done) Connection connection = CONNECTION_NULL;
        _cleanup_(json_decrefp) json_t *ack = NULL;
        json_t *request;
        int64_t count;
        int r;

        if (options->limit > 0)
                return options_complain("'spool drop' takes no --limit");
        if (options->all + (filter != NULL) + (options->receipt > 0) != 1)
                return options_complain("'spool drop' needs one of a filter, --all and --receipt");
        r = confirm(options, filter);
        if (r != 0)
                return r;
        r = reply_connect(options, &connection);
        if (r != 0)
                return r;
        if (options->receipt > 0)
                request = json_pack("{s:s, s:i, s:s, s:I}", "op", "spool", "id", 1, "action",
                                    "drop", "receipt", (json_int_t)options->receipt);
        else
                request = json_pack("{s:s, s:i, s:s, s:s}", "op", "spool", "id", 1, "action",
                                    "drop", "filter", options->all ? "#" : filter);
        /* No deadline: it takes as long as the disk does. */
        r = reply_ask(options, &connection, request, "ack", USEC_INFINITY, &ack);
        if (r != 0)
                return r;

        count = number(ack, "count");
        if (options->json)
                reply_print(ack);
        else if (count > 0)
                (void)printf("dropped %" PRId64 " message%s\n", count, count == 1 ? "" : "s");
        else
                complain("No such message waits for the cloud.%s",
                         filter ? " A filter is of names in the cloud, see 'iotlinkctl spool list'."
                                : "");
        return count > 0 || options->all ? EXIT_DONE : EXIT_FAILED;
}

int command_spool(const Options *options, char **args) {
        const char *action = args[0], *filter = args[1];

        if (filter && !utf8_is_valid(filter, strlen(filter))) {
                complain("The filter is not valid UTF-8.");
                return EXIT_FAILED;
        }
        if (strcmp(action, "list") == 0)
                return list(options, filter);
        if (strcmp(action, "drop") == 0)
                return drop(options, filter);
        return options_complain("'spool' can 'list' or 'drop', not '%s'", action);
}
