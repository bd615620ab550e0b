/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt.h"

#include <string.h>

static size_t put_length(uint8_t *p, size_t length) {
        size_t n = 0;

        do {
                p[n] = (uint8_t)(length % 128);
                length /= 128;
                if (length > 0)
                        p[n] |= 0x80;
                n++;
        } while (length > 0);
        return n;
}

static size_t put_number(uint8_t *p, size_t number) {
        p[0] = (uint8_t)(number >> 8);
        p[1] = (uint8_t)number;
        return 2;
}

static size_t put_string(uint8_t *p, const char *s) {
        size_t length = strlen(s);

        put_number(p, length);
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): MQTT counts, it does not end */
        memcpy(p + 2, s, length);
        return 2 + length;
}

size_t mqtt_connect(uint8_t *buffer, const char *client_id) {
        static const uint8_t head[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2 /* clean session */, 0, 0};
        size_t n = 0;

        buffer[n++] = 0x10;
        n += put_length(buffer + n, sizeof(head) + 2 + strlen(client_id));
        memcpy(buffer + n, head, sizeof(head));
        n += sizeof(head);
        return n + put_string(buffer + n, client_id);
}

size_t mqtt_subscribe(uint8_t *buffer, const char *filter) {
        size_t n = 0;

        buffer[n++] = 0x82;
        n += put_length(buffer + n, 2 + 2 + strlen(filter) + 1);
        n += put_number(buffer + n, 1);
        n += put_string(buffer + n, filter);
        buffer[n++] = 0;
        return n;
}

size_t mqtt_publish(uint8_t *buffer,
                    const char *topic,
                    const char *payload,
                    size_t payload_size,
                    int qos,
                    uint16_t packet_id) {
        size_t n = 0;

        buffer[n++] = (uint8_t)(0x30 | (qos << 1));
        n += put_length(buffer + n, 2 + strlen(topic) + (qos > 0 ? 2 : 0) + payload_size);
        n += put_string(buffer + n, topic);
        if (qos > 0)
                n += put_number(buffer + n, packet_id);
        memcpy(buffer + n, payload, payload_size);
        return n + payload_size;
}

size_t mqtt_packet(const uint8_t *data, size_t size, int *ret_kind) {
        size_t length = 0, n = 1;

        for (unsigned shift = 0; shift <= 21; shift += 7) {
                if (n >= size)
                        return 0;
                length |= (size_t)(data[n] & 0x7f) << shift;
                if (!(data[n++] & 0x80))
                        break;
        }
        if (n + length > size)
                return 0;
        *ret_kind = data[0] >> 4;
        return n + length;
}
