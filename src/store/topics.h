/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Topics
 *
 * What topics the messages of the spool have: a row for each topic, by its hash, so that asking
 * costs by topics and not by messages. Results as in spool.h.
 */

#include "store/database.h"
#include "store/store.h"

/* A message has come, or gone. */
_warn_unused_ int topics_add(Database *db, uint64_t hash, uint64_t seq);
_warn_unused_ int topics_remove(Database *db, uint64_t hash);
/* All have gone. */
_warn_unused_ int topics_clear(Database *db);

/* The last message of the topic, even if it is gone meanwhile; 0: there is none. */
_warn_unused_ int topics_last(Database *db, uint64_t hash, uint64_t *ret_seq);

typedef struct TopicList {
        StoreTopic *items;
        size_t n;
} TopicList;

/* -E2BIG when there are more than @max. */
_warn_unused_ int topics_read(Database *db, size_t max, TopicList *ret);
void topics_done(TopicList *list);
