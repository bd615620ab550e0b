/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/remotes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

/* Where the cloud has no limit of its own. */
#define REMOTES_MAX 4096U

#define AGAIN_USEC USEC_PER_SEC

void remotes_init(Remotes *remotes, Link *link) {
        *remotes = (Remotes){.link = link, .max = REMOTES_MAX, .again_usec = USEC_INFINITY};
}

void remotes_set_max(Remotes *remotes, unsigned max) {
        remotes->max = max > 0 ? max : REMOTES_MAX;
}

static void ask(Remotes *remotes, RemoteFilter *remote) {
        remote->answer = -1;
        remote->token = ++remotes->last_token;
        /* Offline, the next connection asks. */
        if (!link_is_online(remotes->link) ||
            link_subscribe(remotes->link, remote->token, remote->filter, remote->qos) == 0)
                return;
        remote->token = 0;
        remotes->again = true;
}

static RemoteFilter *find(const Remotes *remotes, const char *filter) {
        RemoteFilter *remote = remotes->first;

        while (remote && strcmp(remote->filter, filter) != 0)
                remote = remote->next;
        return remote;
}

static int add(Remotes *remotes, const char *filter, RemoteFilter **ret) {
        _cleanup_(freep) RemoteFilter *remote = NULL;

        if (remotes->n >= remotes->max)
                return -EDQUOT;
        remote = calloc(1, sizeof(*remote));
        if (!remote)
                return -ENOMEM;
        remote->filter = strdup(filter);
        if (!remote->filter)
                return -ENOMEM;
        remote->qos = -1;
        remote->next = remotes->first;
        remotes->first = remote;
        remotes->n++;
        *ret = TAKE_PTR(remote);
        return 0;
}

int remotes_take(Remotes *remotes, const char *filter, int qos, RemoteFilter **ret) {
        RemoteFilter *remote = find(remotes, filter);

        if (!remote) {
                int r = add(remotes, filter, &remote);

                if (r < 0)
                        return r;
        }
        remote->n_users++;
        if (qos > remote->qos) {
                remote->qos = qos;
                ask(remotes, remote);
        }
        *ret = remote;
        return 0;
}

bool remotes_has(const Remotes *remotes, const char *filter) {
        return find(remotes, filter) != NULL;
}

/* Ends the one that @place points to. */
static void end(Remotes *remotes, RemoteFilter **place) {
        RemoteFilter *remote = *place;

        *place = remote->next;
        remotes->n--;
        /* If it can't be told, its messages come unwanted until the next connection. */
        if (link_is_online(remotes->link) && remote->answer < SUBACK_REFUSED)
                (void)(link_unsubscribe(remotes->link, ++remotes->last_token, remote->filter) < 0);
        free(remote->filter);
        free(remote);
}

void remotes_drop(Remotes *remotes, RemoteFilter *remote) {
        RemoteFilter **place = &remotes->first;

        if (--remote->n_users > 0)
                return;
        while (*place != remote)
                place = &(*place)->next;
        end(remotes, place);
}

void remotes_sweep(Remotes *remotes) {
        RemoteFilter **place = &remotes->first;

        while (*place)
                if ((*place)->n_users == 0)
                        end(remotes, place);
                else
                        place = &(*place)->next;
}

void remotes_retry(Remotes *remotes, RemoteFilter *remote) {
        if (remote->answer >= SUBACK_REFUSED)
                ask(remotes, remote);
}

bool remotes_is_asked(const Remotes *remotes, const RemoteFilter *remote) {
        return link_is_online(remotes->link) && remote->token != 0;
}

void remotes_on_online(Remotes *remotes) {
        remotes->again = false;
        for (RemoteFilter *remote = remotes->first; remote; remote = remote->next)
                ask(remotes, remote);
}

void remotes_on_offline(Remotes *remotes) {
        remotes->again = false;
        for (RemoteFilter *remote = remotes->first; remote; remote = remote->next)
                remote->answer = -1;
}

RemoteFilter *remotes_on_answer(Remotes *remotes, uint64_t token, int code) {
        RemoteFilter *remote = remotes->first;

        /* A filter that was dropped, or asked for again with more, waits for no older answer. */
        while (remote && remote->token != token)
                remote = remote->next;
        if (remote)
                remote->answer = code;
        return remote;
}

void remotes_pump(Remotes *remotes, uint64_t now_usec) {
        if (!remotes->again) {
                remotes->again_usec = USEC_INFINITY;
                return;
        }
        if (remotes->again_usec == USEC_INFINITY)
                remotes->again_usec = now_usec + AGAIN_USEC;
        if (now_usec < remotes->again_usec)
                return;
        remotes->again = false;
        remotes->again_usec = USEC_INFINITY;
        for (RemoteFilter *remote = remotes->first; remote; remote = remote->next)
                if (remote->token == 0)
                        ask(remotes, remote);
}
