/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Remotes
 *
 * The filters that are subscribed in the cloud, or are to be: each once, however many programs need
 * it, with the highest QoS that anyone wants. With each new connection all are asked for again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/link.h"

/* A SUBACK's code from here on refuses. */
#define SUBACK_REFUSED 0x80

typedef struct RemoteFilter {
        struct RemoteFilter *next;
        char *filter;
        int qos;        /* the highest that anyone wants */
        int answer;     /* the SUBACK's code on this connection; -1: none yet */
        uint64_t token; /* of the request that is under way; 0: it could not be made */
        unsigned n_users;
} RemoteFilter;

typedef struct Remotes {
        Link *link;
        RemoteFilter *first;
        size_t n, max;
        uint64_t last_token;
        bool again;          /* something could not be asked for */
        uint64_t again_usec; /* when to try that; USEC_INFINITY: not at all */
} Remotes;

void remotes_init(Remotes *remotes, Link *link);
/* The cloud's limit; 0: our own. */
void remotes_set_max(Remotes *remotes, unsigned max);

/* One user more. Returns 0, -EDQUOT when there are as many as may be, or -ENOMEM. */
_warn_unused_ int remotes_take(Remotes *remotes, const char *filter, int qos, RemoteFilter **ret);
/* One user fewer; the last one unsubscribes it. */
void remotes_drop(Remotes *remotes, RemoteFilter *remote);

/* Unsubscribes those without users: whose n_users was only counted down, in case somebody came. */
void remotes_sweep(Remotes *remotes);
bool remotes_has(const Remotes *remotes, const char *filter);

/* Asks for one again that was refused before. */
void remotes_retry(Remotes *remotes, RemoteFilter *remote);

/* Whether its answer comes without a new connection or another try. */
bool remotes_is_asked(const Remotes *remotes, const RemoteFilter *remote);

/* From the link. The last returns whose answer it is; NULL: nobody's any more. */
void remotes_on_online(Remotes *remotes);
void remotes_on_offline(Remotes *remotes);
RemoteFilter *remotes_on_answer(Remotes *remotes, uint64_t token, int code);

/* Tries again what could not be asked for; afterwards, again_usec says when that is due. */
void remotes_pump(Remotes *remotes, uint64_t now_usec);
