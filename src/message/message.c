/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "message/message.h"

/* One allocation: the struct, the payload, then the topic with its NUL. */
struct Message {
        atomic_uint n_refs;
        int qos;
        size_t payload_size;
        size_t topic_size; /* with its NUL */
        char bytes[];
};

int message_new(Message **ret,
                const char *topic,
                const void *payload,
                size_t payload_size,
                int qos) {
        size_t topic_size = strlen(topic) + 1;
        Message *m;

        if (payload_size > SIZE_MAX - sizeof(*m) - topic_size)
                return -ENOMEM;
        m = malloc(sizeof(*m) + payload_size + topic_size);
        if (!m)
                return -ENOMEM;

        atomic_init(&m->n_refs, 1);
        m->qos = qos;
        m->payload_size = payload_size;
        m->topic_size = topic_size;
        if (payload_size > 0)
                memcpy(m->bytes, payload, payload_size);
        memcpy(m->bytes + payload_size, topic, topic_size);

        *ret = m;
        return 0;
}

int message_new_renamed(Message **ret, const Message *message, const char *topic) {
        return message_new(ret, topic, message->bytes, message->payload_size, message->qos);
}

Message *message_ref(Message *message) {
        unsigned before = atomic_fetch_add_explicit(&message->n_refs, 1, memory_order_relaxed);

        assert(before > 0);
        return message;
}

Message *message_unref(Message *message) {
        unsigned before;

        if (!message)
                return NULL;
        before = atomic_fetch_sub_explicit(&message->n_refs, 1, memory_order_acq_rel);
        assert(before > 0);
        if (before == 1)
                free(message);
        return NULL;
}

const char *message_topic(const Message *message) {
        return message->bytes + message->payload_size;
}

const void *message_payload(const Message *message) {
        return message->bytes;
}

size_t message_payload_size(const Message *message) {
        return message->payload_size;
}

int message_qos(const Message *message) {
        return message->qos;
}

size_t message_footprint(const Message *message) {
        return sizeof(*message) + message->payload_size + message->topic_size;
}
