/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/tally.h"

#include "util/clock.h"

#define SAY_EVERY_USEC (60 * USEC_PER_SEC)

void tally_add(Tally *tally, uint64_t n) {
        tally->total += n;
        tally->unsaid += n;
}

uint64_t tally_deadline_usec(const Tally *tally) {
        if (tally->unsaid == 0)
                return USEC_INFINITY;
        return tally->said_usec > 0 ? tally->said_usec + SAY_EVERY_USEC : 0;
}

uint64_t tally_take(Tally *tally, uint64_t now_usec) {
        uint64_t n = tally->unsaid;

        if (now_usec < tally_deadline_usec(tally))
                return 0;
        tally->said_usec = now_usec;
        tally->unsaid = 0;
        return n;
}
