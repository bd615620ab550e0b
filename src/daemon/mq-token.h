/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tokens of AliwareMQ / ApsaraMQ for MQTT, while connected
 *
 * Some minutes before a token ends the server publishes a notice; a new token is uploaded on the
 * same connection. Written as in the password: "R|token", "W|token", "RW|token", or several joined
 * by '|'.
 */

#include <stdbool.h>

#include "cloud/link.h"
#include "message/message.h"

typedef enum MqNotice {
        MQ_NOTICE_NONE,    /* some other topic */
        MQ_NOTICE_EXPIRES, /* a token ends soon */
        MQ_NOTICE_INVALID, /* a token is not accepted; the server disconnects */
} MqNotice;

MqNotice mq_token_notice(const Message *message);

/* What the code in an "invalid" notice means, for people; static. */
const char *mq_token_invalid_words(const Message *message);

/* Publishes each of the tokens on @link. Returns how many, or -errno (-EINVAL: not of the form). */
_warn_unused_ int mq_token_upload(Link *link, const char *tokens);
