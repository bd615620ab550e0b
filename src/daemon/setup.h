/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Setup
 *
 * A configuration and what is derived from it, in one piece. One setup is in use at a time, and
 * everybody borrows from that one; a reload makes the next, hands it to each of them in one turn of
 * the loop, and frees the old one.
 */

#include "bridge/bridge.h"
#include "daemon/authenticator.h"
#include "settings/settings.h"

typedef struct Setup {
        Settings *settings;
        LinkRoot roots[SETTINGS_ROOTS_MAX];
        BridgeConfig config;
} Setup;

/* Owns @take_settings on success. Returns 0 or -ENOMEM. */
_warn_unused_ int setup_new(Setup **ret, Settings *take_settings);
Setup *setup_free(Setup *setup);

/* Where the credentials come from, and who hears what the cloud says of them. */
void setup_set_authenticator(Setup *setup, Authenticator *authenticator);

/* For store_open() and store_set_limits(). */
StoreLimits setup_store_limits(const Settings *settings);

DEFINE_CLEANUP(Setup *, setup_free);
