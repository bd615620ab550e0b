/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/intake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void intake_message_done(IntakeMessage *message) {
        message_unref(message->message);
        *message = (IntakeMessage){0};
}

void intake_set(Intake *intake,
                const RouteTable *routes,
                const TopicLimits *topics,
                size_t max_payload_bytes) {
        intake->routes = routes;
        intake->topics = *topics;
        intake->max_payload_bytes = max_payload_bytes;
}

void intake_refuse(Intake *intake,
                   const Client *client,
                   const LocalPublish *publish,
                   LocalError code,
                   const char *format,
                   ...) {
        char text[400];
        va_list ap;

        va_start(ap, format);
        if (vsnprintf(text, sizeof(text), format, ap) < 0)
                text[0] = '\0';
        va_end(ap);
        intake->refused++;
        local_session_error(client->session, publish->id, code, NULL, "%s", text);
}

/* Finds the way. False when the program got an error. */
static bool find_route(Intake *intake,
                       const Client *client,
                       const LocalPublish *publish,
                       RouteUp *ret) {
        const char *local = message_topic(publish->message), *problem;
        RouteUp route;
        int r;

        r = route_up(intake->routes, local, &route);
        if (r < 0) {
                intake_refuse(intake, client, publish, LOCAL_ERROR_INTERNAL, "out of memory");
                return false;
        }
        if (r == 0) {
                intake_refuse(intake, client, publish, LOCAL_ERROR_BAD_TOPIC,
                              "no route in the configuration takes topic '%.200s' up", local);
                return false;
        }
        problem = topic_name_problem(route.remote, &intake->topics);
        if (problem) {
                intake_refuse(intake, client, publish, LOCAL_ERROR_BAD_TOPIC,
                              "topic '%.100s', which is '%.140s' in the cloud, %s", local,
                              route.remote, problem);
                free(route.remote);
                return false;
        }
        *ret = route;
        return true;
}

/* The message that goes up; the very same when its name is. */
static int make_message(const LocalPublish *publish, const char *remote, Message **ret) {
        if (strcmp(remote, message_topic(publish->message)) != 0)
                return message_new_renamed(ret, publish->message, remote);
        *ret = message_ref(publish->message);
        return 0;
}

bool intake_accept(Intake *intake,
                   const Client *client,
                   const LocalPublish *publish,
                   IntakeMessage *ret) {
        size_t size = message_payload_size(publish->message);
        int qos = message_qos(publish->message);
        IntakeMessage message;
        RouteUp route;
        int r;

        if (size > intake->max_payload_bytes) {
                intake_refuse(intake, client, publish, LOCAL_ERROR_TOO_LARGE,
                              "the payload has %zu bytes; this cloud takes at most %zu", size,
                              intake->max_payload_bytes);
                return false;
        }
        if (!find_route(intake, client, publish, &route))
                return false;
        if (qos > route.qos && publish->wait != LOCAL_WAIT_DEFAULT &&
            publish->wait != LOCAL_WAIT_SENT) {
                intake_refuse(intake, client, publish, LOCAL_ERROR_BAD_REQUEST,
                              "the route of this topic allows QoS 0 only, which has no receipt: "
                              "leave 'wait' out or use \"sent\"");
                free(route.remote);
                return false;
        }
        message = (IntakeMessage){.qos = qos > route.qos ? route.qos : qos,
                                  .when_full = route.when_full,
                                  .route = route.number};
        r = make_message(publish, route.remote, &message.message);
        free(route.remote);
        if (r < 0) {
                intake_refuse(intake, client, publish, LOCAL_ERROR_INTERNAL, "out of memory");
                return false;
        }
        *ret = message;
        return true;
}
