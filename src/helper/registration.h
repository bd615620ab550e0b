/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Registration
 *
 * What registering has in common over HTTPS and over MQTT: a random text signed with the product's
 * secret goes there, the device's own secret comes back.
 */

#include "helper/answer.h"
#include "helper/json-reply.h"
#include "helper/request.h"

#define REGISTRATION_RANDOM_MAX 17

/* Wipe after use. */
typedef struct Registration {
        char random[REGISTRATION_RANDOM_MAX];
        char sign[SIGN_HEX_MAX];
} Registration;

void registration_done(Registration *registration);

/* @random NULL: 64 fresh bits in hex. Returns 0 or -errno. */
_warn_unused_ int registration_make(const Request *request, const char *random, Registration *ret);

enum {
        _REGISTRATION_E_SUCCESS,

        REGISTRATION_E_INCOMPLETE, /* what was asked for is not in it */
        REGISTRATION_E_FOREIGN,    /* it is for another device */
};

/* Takes what the device is from now on out of @data. Returns 0, REGISTRATION_E_* or -ENOMEM. */
_warn_unused_ int registration_take(const Request *request, JsonReply *data, Answer *ret_answer);
