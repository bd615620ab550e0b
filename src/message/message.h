/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Message
 *
 * A topic, a payload, a QoS. Immutable after birth and reference-counted (atomically: the cloud's
 * threads hold references too), so that one copy of a payload serves any number of subscribers.
 */

#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

/* 256 KiB: the platform discards anything larger. */
#define MESSAGE_PAYLOAD_MAX 262144U
/* MQTT 3.1.1 §1.5.3. Narrower limits belong to the cloud's profile. */
#define MESSAGE_TOPIC_MAX 65535U

typedef struct Message Message;

/* Copies topic (NUL-terminated) and payload (any bytes; may be NULL when empty). 0 or -ENOMEM. */
_warn_unused_ int message_new(Message **ret,
                              const char *topic,
                              const void *payload,
                              size_t payload_size,
                              int qos);
/* The same message under another topic; shares nothing with @message. 0 or -ENOMEM. */
_warn_unused_ int message_new_renamed(Message **ret, const Message *message, const char *topic);

Message *message_ref(Message *message);
Message *message_unref(Message *message);

const char *message_topic(const Message *message);
const void *message_payload(const Message *message);
size_t message_payload_size(const Message *message);
int message_qos(const Message *message);
/* Bytes of memory that this message holds: what limits count. */
size_t message_footprint(const Message *message);

DEFINE_CLEANUP(Message *, message_unref);
