/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/lane.h"

#include <stdlib.h>

Rising *rising_free(Rising *rising) {
        if (!rising)
                return NULL;
        message_unref(rising->message);
        free(rising);
        return NULL;
}

size_t rising_footprint(const Rising *rising) {
        return sizeof(*rising) + message_footprint(rising->message);
}

static void count_in(Lane *lane, const Rising *rising) {
        size_t bytes = rising_footprint(rising);

        lane->n++;
        lane->bytes += bytes;
        if (rising->expires_usec < lane->expiry_usec)
                lane->expiry_usec = rising->expires_usec;
        if (rising->storage == RISING_STORED) {
                lane->n_stored++;
                lane->bytes_stored += bytes;
        }
}

static void count_out(Lane *lane, const Rising *rising) {
        size_t bytes = rising_footprint(rising);

        lane->n--;
        lane->bytes -= bytes;
        if (rising->storage == RISING_STORED) {
                lane->n_stored--;
                lane->bytes_stored -= bytes;
        }
}

void lane_append(Lane *lane, Rising *rising) {
        rising->next = NULL;
        if (lane->last)
                lane->last->next = rising;
        else
                lane->first = rising;
        lane->last = rising;
        if (!lane->unsent)
                lane->unsent = rising;
        if (!lane->unstored)
                lane->unstored = rising;
        count_in(lane, rising);
}

void lane_insert(Lane *lane, Rising *rising) {
        bool waits = lane->first == lane->unsent;
        Rising *before = NULL;

        if (!lane->unsent || lane->last->token < rising->token) {
                lane_append(lane, rising);
                return;
        }
        for (Rising *r = lane->first; !waits || r->token < rising->token; r = r->next) {
                before = r;
                waits |= r->next == lane->unsent;
        }
        rising->next = before ? before->next : lane->first;
        if (before)
                before->next = rising;
        else
                lane->first = rising;
        if (lane->unsent == rising->next)
                lane->unsent = rising;
        lane->unstored = lane->first; /* looked for again */
        count_in(lane, rising);
}

size_t lane_waiting(const Lane *lane) {
        return lane->n - lane->n_in_flight;
}

Rising *lane_find(const Lane *lane, uint64_t token) {
        for (Rising *rising = lane->first; rising; rising = rising->next)
                if (rising->token == token)
                        return rising;
        return NULL;
}

void lane_sent(Lane *lane, uint64_t now_usec) {
        lane->bytes_in_flight += message_footprint(lane->unsent->message);
        lane->unsent->sent_usec = now_usec;
        lane->unsent = lane->unsent->next;
        lane->n_in_flight++;
}

static Rising *take(Lane *lane, Rising *before, Rising *rising) {
        if (before)
                before->next = rising->next;
        else
                lane->first = rising->next;
        if (lane->last == rising)
                lane->last = before;
        if (lane->unsent == rising)
                lane->unsent = rising->next;
        if (lane->unstored == rising)
                lane->unstored = rising->next;
        count_out(lane, rising);
        rising->next = NULL;
        return rising;
}

bool lane_has_sent(const Lane *lane, uint64_t token) {
        for (const Rising *rising = lane->first; rising != lane->unsent; rising = rising->next)
                if (rising->token == token)
                        return true;
        return false;
}

/* It is not in flight any more. */
static void land(Lane *lane, const Rising *rising) {
        lane->n_in_flight--;
        lane->bytes_in_flight -= message_footprint(rising->message);
}

Rising *lane_take_sent(Lane *lane, uint64_t token) {
        Rising *before = NULL, *rising = lane->first;

        /* What is in flight stands in front, and answers mostly come in order. */
        while (rising != lane->unsent && rising->token != token) {
                before = rising;
                rising = rising->next;
        }
        if (rising == lane->unsent)
                return NULL;
        land(lane, rising);
        return take(lane, before, rising);
}

Rising *lane_take_expired(Lane *lane, uint64_t now_usec, Rising **after) {
        Rising *before = *after, *rising;

        /* What is in flight can't be called back and is left to its PUBACK. */
        if (!before)
                for (rising = lane->first; rising != lane->unsent; rising = rising->next)
                        before = rising;
        for (rising = before ? before->next : lane->first; rising; rising = rising->next) {
                if (rising->expires_usec <= now_usec) {
                        *after = before;
                        return take(lane, before, rising);
                }
                before = rising;
        }
        return NULL;
}

Rising *lane_take_first(Lane *lane) {
        if (!lane->first)
                return NULL;
        if (lane->first != lane->unsent)
                land(lane, lane->first);
        return take(lane, NULL, lane->first);
}

Rising *lane_take(Lane *lane, Rising *rising) {
        Rising *before = NULL;

        if (lane->first != rising)
                for (before = lane->first; before->next != rising; before = before->next)
                        ;
        return take(lane, before, rising);
}

void lane_reset(Lane *lane) {
        lane->unsent = lane->unstored = lane->first;
        lane->n_in_flight = lane->bytes_in_flight = 0;
        lane->expiry_usec = 0; /* some that were in flight may have expired meanwhile */
        for (Rising *rising = lane->first; rising; rising = rising->next)
                if (rising->storage == RISING_UNSTORABLE)
                        rising->storage = RISING_IN_MEMORY;
}

Rising *lane_next_unstored(Lane *lane, uint64_t before_usec) {
        Rising *rising = lane->unstored;

        while (rising && rising->storage != RISING_IN_MEMORY)
                rising = rising->next;
        lane->unstored = rising;
        return rising && rising->accepted_usec <= before_usec ? rising : NULL;
}

void lane_forget_stored(Lane *lane) {
        lane->unstored = lane->first;
        lane->n_stored = lane->bytes_stored = 0;
        for (Rising *rising = lane->first; rising; rising = rising->next)
                if (rising->storage == RISING_STORED)
                        rising->storage = RISING_IN_MEMORY;
}

void lane_stored(Lane *lane, Rising *rising) {
        rising->storage = RISING_STORED;
        lane->n_stored++;
        lane->bytes_stored += rising_footprint(rising);
}

void lane_unstored(Lane *lane, Rising *rising) {
        rising->storage = RISING_UNSTORABLE;
        lane->n_stored--;
        lane->bytes_stored -= rising_footprint(rising);
}
