/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Room for all that iotlink_sign_device() writes, filled so that a stray byte shows. */

#include <iotlink/sign.h>

#include "test.h"

typedef struct Room {
        char host[IOTLINK_SIGN_HOST_SIZE], client_id[IOTLINK_SIGN_CLIENT_ID_SIZE];
        char username[IOTLINK_SIGN_USERNAME_SIZE], password[IOTLINK_SIGN_PASSWORD_SIZE];
        iotlink_sign_connect connect;
} Room;

static inline void room_init(Room *room) {
        memset(room, '!', sizeof(*room));
        room->connect = (iotlink_sign_connect){
                        .host = {room->host, sizeof(room->host), 0},
                        .client_id = {room->client_id, sizeof(room->client_id), 0},
                        .username = {room->username, sizeof(room->username), 0},
                        .password = {room->password, sizeof(room->password), 0},
                        .port = 7,
        };
}
