/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Mailbox
 *
 * The way of a durable client's messages from the store's inbox to the program that is connected
 * under its name: in order, each until it is done, and again to the next program. In memory is no
 * more than what the program has not done, and that is bounded; the rest waits on the disk and is
 * read page by page.
 */

#include "bridge/client.h"
#include "message/route.h"
#include "store/store.h"

typedef struct Mailbox Mailbox;

/* Calls @func with each local name under which the client wants the message. Returns how many (0:
 * none, any more) or -errno. */
typedef int (*MailboxNamesFunc)(void *userdata,
                                const Message *message,
                                RouteNameFunc func,
                                void *func_userdata);

/* @key is the client's in the store and must outlive the mailbox; a program is sent no more than
 * @window_bytes of messages that it has not done, or a single one. */
_warn_unused_ int mailbox_new(Mailbox **ret,
                              Store *store,
                              const char *key,
                              size_t window_bytes,
                              MailboxNamesFunc names,
                              void *userdata);
Mailbox *mailbox_free(Mailbox *mailbox);

/* Messages up to @seq may have been sent to a program before this run of the daemon. */
void mailbox_set_seen(Mailbox *mailbox, uint64_t seq);

/* @client gets everything that is not done, from the first on. */
void mailbox_open(Mailbox *mailbox, Client *client);
/* Nobody gets anything any more. */
void mailbox_close(Mailbox *mailbox);

/* Finishes, unread, whatever is there: for a client without subscriptions. */
void mailbox_drain(Mailbox *mailbox);
/* Whether that is done. */
bool mailbox_is_drained(const Mailbox *mailbox);

/* A message of the client's is in the store. */
void mailbox_offer(Mailbox *mailbox, uint64_t seq, Message *message);

/* The program has dealt with a message. Returns whether it was one of these. */
bool mailbox_done(Mailbox *mailbox, uint64_t mid);

/* Goes on after a failure. */
void mailbox_pump(Mailbox *mailbox, uint64_t now_usec);
/* When that is due; USEC_INFINITY when it is not. After mailbox_pump(). */
uint64_t mailbox_deadline_usec(const Mailbox *mailbox);

DEFINE_CLEANUP(Mailbox *, mailbox_free);
