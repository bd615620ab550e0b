/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Link log
 *
 * The link's state changes in words: what happened, to which server, why, what to do, what comes
 * next. A fault that repeats is counted and summed up, not repeated; so is a connection that comes
 * and goes. The last entry may be wrong about the state for a quarter of an hour, not for longer,
 * and a reason that nobody was told of for an hour is told at once: a day of the worst fills a few
 * hundred entries.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cloud/link-status.h"

/* A fault that was told of. */
typedef struct LinkFault {
        Reason reason;
        uint32_t detail; /* a hash of it */
        uint64_t told_usec;
} LinkFault;

/* Faults may take turns, as when two roots fail for reasons of their own: so a few are remembered.
 */
#define LINK_FAULTS_MAX 4U

typedef struct LinkLog {
        LinkFault faults[LINK_FAULTS_MAX]; /* since it was online last */
        uint64_t told_usec[_REASON_MAX];   /* 0: never */
        uint64_t full_usec;                /* of the bucket for all entries but "online" */
        bool says_online;                  /* the last entry does */
        unsigned n_silent;                 /* failures and losses that were not told of */
} LinkLog;

void link_log_attempt(const LinkStatus *status);
void link_log_online(LinkLog *log, const LinkStatus *status, const char *client_id);

/* The end of an attempt, or of a connection when @was_online. */
void link_log_end(LinkLog *log, const LinkStatus *status, bool was_online, uint64_t now_usec);
