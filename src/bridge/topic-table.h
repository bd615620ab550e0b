/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Topic table
 *
 * Which topics have messages in the backlog, so that all others need not wait behind it: for each
 * the number of its last one there. A topic is clear once everything up to that number has been
 * delivered. Bounded: with too many topics all of them become one number, below which nobody is
 * told apart any more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* Different topics that are told apart. */
#define TOPICS_MAX 16384U

typedef struct TopicTable {
        StoreTopic *places; /* by hash, open addressing; last_seq 0: free */
        size_t n, n_places; /* the latter is 0 or a power of two */
        uint64_t watermark; /* up to here any topic may have messages */
        uint64_t newest;
} TopicTable;

void topic_table_done(TopicTable *topics);

/* A message of this topic is in the backlog now, whose oldest is @oldest. */
void topic_table_add(TopicTable *topics, uint64_t hash, uint64_t seq, uint64_t oldest);

/* Whether nothing of this topic is left in the backlog. */
bool topic_table_is_clear(const TopicTable *topics, uint64_t hash, uint64_t oldest);

/* Up to @seq nothing is known about topics. */
void topic_table_raise(TopicTable *topics, uint64_t seq);

/* @found are all the topics up to @seq, where the watermark was raised to. */
void topic_table_learn(TopicTable *topics, const StoreTopic *found, size_t n, uint64_t seq);
