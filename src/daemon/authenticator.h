/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Authenticator
 *
 * The source of the link's credentials: signs what the daemon can sign itself, and for the other
 * modes runs the credential command (docs/CREDENTIAL-COMMAND.md), keeps what it gave for as long as
 * that is good, and stores what a registration gave for ever. Loop thread only.
 */

#include <systemd/sd-event.h>

#include "cloud/link.h"
#include "settings/settings.h"

typedef struct Authenticator Authenticator;

/* @settings must outlive it. Logs why it fails. */
_warn_unused_ int authenticator_new(Authenticator **ret, sd_event *event, const Settings *settings);
Authenticator *authenticator_free(Authenticator *authenticator);

/* Goes on with settings in which nothing of the connection has changed. */
void authenticator_set_settings(Authenticator *authenticator, const Settings *settings);

/* For LinkConfig.source. */
LinkSource authenticator_source(Authenticator *authenticator);

/* Where answers go that come later; before the link starts. */
void authenticator_set_link(Authenticator *authenticator, Link *link);

/* A message from the cloud about the credentials themselves ("$SYS/token..."). */
void authenticator_on_notice(Authenticator *authenticator, const Message *message);

DEFINE_CLEANUP(Authenticator *, authenticator_free);
