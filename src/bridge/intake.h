/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Intake
 *
 * What a program publishes becomes a message for the cloud, under its name there, or is refused.
 */

#include "bridge/client.h"
#include "message/route.h"
#include "message/topic.h"

typedef struct Intake {
        const RouteTable *routes;
        TopicLimits topics;
        size_t max_payload_bytes;
        uint64_t refused; /* how many publishes got an error at once */
} Intake;

/* What goes up. */
typedef struct IntakeMessage {
        Message *message; /* under its remote name */
        int qos;          /* what the route leaves of it */
        RouteWhenFull when_full;
        uint32_t route;
} IntakeMessage;

/* What names and payloads may be from now on; @routes is borrowed. */
void intake_set(Intake *intake,
                const RouteTable *routes,
                const TopicLimits *topics,
                size_t max_payload_bytes);

void intake_message_done(IntakeMessage *message);

/* Answers with an error. */
_printf_(5, 6) void intake_refuse(Intake *intake,
                                  const Client *client,
                                  const LocalPublish *publish,
                                  LocalError code,
                                  const char *format,
                                  ...);

/* False when the program got an error. */
_warn_unused_ bool intake_accept(Intake *intake,
                                 const Client *client,
                                 const LocalPublish *publish,
                                 IntakeMessage *ret);
