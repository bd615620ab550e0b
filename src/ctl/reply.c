/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void complain(const char *format, ...) {
        va_list args;

        (void)fflush(stdout);
        (void)fputs("iotlinkctl: ", stderr);
        va_start(args, format);
        (void)vfprintf(stderr, format, args);
        va_end(args);
        (void)fputs("\n", stderr);
}

static const char *connect_hint(int r) {
        switch (r) {
        case -ENOENT:
        case -ECONNREFUSED:
                return "\nIs it running? See 'systemctl status iotlinkd'.";
        case -EACCES:
        case -EPERM:
                return "\nThe socket is open to the group iotlink: have your account added to it "
                       "and log in again.";
        default:
                return "";
        }
}

int reply_connect(const Options *options, Connection *connection) {
        int r;

        r = connection_open(connection, options->socket_path);
        if (r < 0) {
                complain("Cannot reach iotlinkd at %s: %s.%s", options->socket_path, strerror(-r),
                         connect_hint(r));
                return EXIT_UNAVAILABLE;
        }
        return 0;
}

int reply_lost(int r) {
        if (r == CONNECTION_E_CLOSED)
                complain("iotlinkd has closed the connection. See 'systemctl status iotlinkd'.");
        else if (r == -ETIMEDOUT)
                complain("iotlinkd does not answer.");
        else if (r == -EBADMSG)
                complain("What iotlinkd answers makes no sense: is another program behind the "
                         "socket?");
        else
                complain("The connection to iotlinkd broke: %s.", strerror(-r));
        return EXIT_UNAVAILABLE;
}

int reply_ask(const Options *options,
              Connection *connection,
              json_t *take_request,
              const char *op,
              uint64_t deadline_usec,
              json_t **ret) {
        int r = take_request ? connection_send(connection, take_request) : -ENOMEM;

        json_decref(take_request);
        while (r == 0) {
                _cleanup_(json_decrefp) json_t *object = NULL;

                r = connection_receive(connection, deadline_usec, &object);
                if (r == 0 && reply_is(object, "op", "error"))
                        return reply_refused(options, object, NULL);
                if (r == 0 && reply_is(object, "op", op)) {
                        *ret = TAKE_PTR(object);
                        return 0;
                }
        }
        return reply_lost(r);
}

bool reply_is(const json_t *object, const char *name, const char *value) {
        const char *s = json_string_value(json_object_get(object, name));

        return s && strcmp(s, value) == 0;
}

void reply_print(const json_t *object) {
        (void)json_dumpf(object, stdout, JSON_COMPACT);
        (void)putchar('\n');
}

int reply_refused(const Options *options, const json_t *error, const char *subject) {
        const char *code = json_string_value(json_object_get(error, "code"));
        const char *message = json_string_value(json_object_get(error, "message"));

        if (options->json)
                reply_print(error);
        else
                complain("%s%s%s%s%s", subject ? subject : "", subject ? ": " : "",
                         code ? code : "refused", message ? ": " : "", message ? message : "");
        return EXIT_FAILED;
}
