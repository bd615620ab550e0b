/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Credentials
 *
 * From who the device is (Identity) and how it proves that (AuthMode) to what goes into a
 * CONNECT packet and where the packet goes. Pure: the caller gives the time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "auth/identity.h"
#include "util/macro.h"

/* What a CONNECT needs. Freed and wiped by credentials_done(). */
typedef struct Credentials {
        char *host;
        uint16_t port;   /* Identity.port, or what the mode uses */
        bool port_fixed; /* the port is somebody's word: no root's own port replaces it */
        bool tls;
        char *client_id;
        char *username; /* NULL: none is sent */
        char *password; /* NULL: none is sent */
        char *content;  /* the text that was signed; NULL where nothing is signed */
} Credentials;

void credentials_done(Credentials *credentials);

/* Where the identity's mode connects to. 0, -ENOENT when nothing says it, or -ENOMEM. */
_warn_unused_ int credentials_host(const Identity *identity, char **ret);
/* The port that goes with it: the configured one, or the mode's own. */
uint16_t credentials_port(const Identity *identity);

/*
 * Makes fresh credentials; @wall_msec is the time for TIMESTAMP_NOW. The identity must have
 * passed identity_check(). For register, Identity.secret is the device secret that was registered;
 * for register-free it is the device token, and Identity.client_id what was registered with it.
 * Returns 0; -ENOTSUP: OpenSSL may not use this digest; -ENOENT: nothing says the host; -EINVAL:
 * only the credential command can make them (https, command; mq-token without tokens); or
 * another -errno.
 */
_warn_unused_ int credentials_make(const Identity *identity, uint64_t wall_msec, Credentials *ret);

/*
 * Makes the credentials that register over MQTT instead, for register and register-free;
 * Identity.secret is the product secret, and @random is new for each time. A registration over
 * HTTPS signs the same content, so that its sign is the password. Returns as above; -EINVAL: no
 * such mode, or @random isn't 1 to CREDENTIALS_RANDOM_MAX letters and digits.
 */
#define CREDENTIALS_RANDOM_MAX 64
bool credentials_random_is_valid(const char *random);
_warn_unused_ int credentials_make_registration(const Identity *identity,
                                                const char *random,
                                                Credentials *ret);
