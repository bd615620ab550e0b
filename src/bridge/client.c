/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/client.h"

#include <assert.h>
#include <stdlib.h>

Client *client_peek(const LocalSession *session) {
        return local_session_userdata(session);
}

Client *client_of(Clients *clients, LocalSession *session) {
        Client *client = client_peek(session);

        if (client)
                return client;
        client = calloc(1, sizeof(*client));
        if (!client)
                return NULL;
        client->session = session;
        client->next = clients->first;
        if (client->next)
                client->next->prev = client;
        clients->first = client;
        clients->n++;
        local_session_set_userdata(session, client);
        return client;
}

void client_remove(Clients *clients, Client *client) {
        assert(!client->subscriptions && !client->durable);
        if (client->prev)
                client->prev->next = client->next;
        else
                clients->first = client->next;
        if (client->next)
                client->next->prev = client->prev;
        clients->n--;
        local_session_set_userdata(client->session, NULL);
        free(client);
}
