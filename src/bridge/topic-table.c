/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/topic-table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* At most half of the places are taken. */
#define PLACES_MIN 64U
#define PLACES_MAX (TOPICS_MAX * 2)

void topic_table_done(TopicTable *topics) {
        free(topics->places);
        *topics = (TopicTable){0};
}

/* Where the topic is, or would be. There is always a free place. */
static StoreTopic *find(const TopicTable *topics, uint64_t hash) {
        size_t i = (size_t)hash & (topics->n_places - 1);

        while (topics->places[i].last_seq > 0 && topics->places[i].hash != hash)
                i = (i + 1) & (topics->n_places - 1);
        return &topics->places[i];
}

/* From now on all topics are one. */
static void forget(TopicTable *topics) {
        topics->watermark = topics->newest;
        topics->n = 0;
        if (topics->places)
                memset(topics->places, 0, topics->n_places * sizeof(*topics->places));
}

/* Other places for those that still have messages. Without memory it forgets them. */
static void resize(TopicTable *topics, size_t n_places, uint64_t oldest) {
        TopicTable fresh = *topics;

        assert(n_places > 0);
        fresh.places = calloc(n_places, sizeof(*fresh.places));
        fresh.n_places = n_places;
        fresh.n = 0;
        if (!fresh.places) {
                forget(topics);
                return;
        }
        for (size_t i = 0; i < topics->n_places; i++)
                if (topics->places[i].last_seq > 0 && topics->places[i].last_seq >= oldest) {
                        *find(&fresh, topics->places[i].hash) = topics->places[i];
                        fresh.n++;
                }
        free(topics->places);
        *topics = fresh;
}

/* Room for one more. */
static void make_room(TopicTable *topics, uint64_t oldest) {
        if (topics->n < topics->n_places / 2)
                return;
        resize(topics, topics->n_places == 0 ? PLACES_MIN : topics->n_places, oldest);
        /* Not by a hair, or it would be done again for every message. */
        if (topics->n <= topics->n_places / 8 * 3)
                return;
        if (topics->n_places < PLACES_MAX)
                resize(topics, topics->n_places * 2, oldest);
        else
                forget(topics);
}

void topic_table_add(TopicTable *topics, uint64_t hash, uint64_t seq, uint64_t oldest) {
        StoreTopic *place = topics->n_places > 0 ? find(topics, hash) : NULL;

        if (seq > topics->newest)
                topics->newest = seq;
        if (!place || place->last_seq == 0) {
                make_room(topics, oldest);
                if (topics->n_places == 0 || topics->n >= topics->n_places / 2) {
                        topic_table_raise(topics, seq); /* there is no memory */
                        return;
                }
                place = find(topics, hash);
                topics->n++;
                *place = (StoreTopic){.hash = hash};
        }
        if (seq > place->last_seq)
                place->last_seq = seq;
}

bool topic_table_is_clear(const TopicTable *topics, uint64_t hash, uint64_t oldest) {
        uint64_t last = topics->watermark;

        if (topics->n > 0) {
                const StoreTopic *place = find(topics, hash);

                if (place->last_seq > last)
                        last = place->last_seq;
        }
        return last < oldest;
}

void topic_table_raise(TopicTable *topics, uint64_t seq) {
        if (seq > topics->watermark)
                topics->watermark = seq;
        if (seq > topics->newest)
                topics->newest = seq;
}

void topic_table_learn(TopicTable *topics, const StoreTopic *found, size_t n, uint64_t seq) {
        if (topics->watermark != seq)
                return; /* too many have come meanwhile */
        topics->watermark = 0;
        for (size_t i = 0; i < n; i++)
                topic_table_add(topics, found[i].hash, found[i].last_seq, 0);
}
