/* SPDX-License-Identifier: Apache-2.0 */
#include "util/rate.h"

#include <errno.h>

int rate_init(Rate *rate, size_t max, uint64_t period_usec) {
        uint64_t *taken = NULL;

        if (max > 0) {
                taken = calloc(max, sizeof(*taken));
                if (!taken)
                        return -ENOMEM;
        }
        *rate = (Rate){.taken_usec = taken, .max = max, .period_usec = period_usec};
        return 0;
}

void rate_done(Rate *rate) {
        free(rate->taken_usec);
        *rate = (Rate){0};
}

int rate_set_max(Rate *rate, size_t max) {
        size_t n = rate->n < max ? rate->n : max;
        Rate other;
        int r;

        if (max == rate->max)
                return 0;
        r = rate_init(&other, max, rate->period_usec);
        if (r < 0)
                return r;
        /* The newest n, oldest first. */
        for (size_t i = 0; i < n; i++)
                other.taken_usec[i] =
                                rate->taken_usec[(rate->next + rate->max - n + i) % rate->max];
        other.n = n;
        other.next = max > 0 ? n % max : 0;
        rate_done(rate);
        *rate = other;
        return 0;
}

uint64_t rate_wait_usec(const Rate *rate, uint64_t now_usec) {
        uint64_t free_at;

        if (rate->n < rate->max || rate->max == 0)
                return 0;
        /* The ring is full: its next place holds the oldest. */
        free_at = rate->taken_usec[rate->next] + rate->period_usec;
        return free_at > now_usec ? free_at - now_usec : 0;
}

void rate_fill(Rate *rate, uint64_t now_usec) {
        for (size_t i = 0; i < rate->max; i++)
                rate->taken_usec[i] = now_usec;
        rate->n = rate->max;
}

bool rate_take(Rate *rate, uint64_t now_usec) {
        if (rate_wait_usec(rate, now_usec) > 0)
                return false;
        if (rate->max == 0)
                return true;
        rate->taken_usec[rate->next] = now_usec;
        rate->next = (rate->next + 1) % rate->max;
        if (rate->n < rate->max)
                rate->n++;
        return true;
}
