/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The few MQTT 3.1.1 packets that a load generator needs. Each function writes one packet to
 * @buffer, which must be large enough, and returns its size.
 */

#include <stddef.h>
#include <stdint.h>

#define MQTT_OVERHEAD 16U /* of a PUBLISH beyond topic and payload */

enum {
        MQTT_CONNACK = 2,
        MQTT_PUBLISH = 3,
        MQTT_PUBACK = 4,
        MQTT_SUBACK = 9,
};

size_t mqtt_connect(uint8_t *buffer, const char *client_id);
size_t mqtt_subscribe(uint8_t *buffer, const char *filter);
size_t mqtt_publish(uint8_t *buffer,
                    const char *topic,
                    const char *payload,
                    size_t payload_size,
                    int qos,
                    uint16_t packet_id);

/* The kind (upper four bits) of the packet at @data and its whole size; 0 while it is incomplete.
 */
size_t mqtt_packet(const uint8_t *data, size_t size, int *ret_kind);
