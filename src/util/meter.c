/* SPDX-License-Identifier: Apache-2.0 */
#include "util/meter.h"

void meter_add(Meter *meter, uint64_t n, uint64_t now_usec) {
        uint64_t step = now_usec / METER_STEP_USEC;

        if (step >= meter->step + METER_STEPS)
                meter->step = step - METER_STEPS;
        while (meter->step < step)
                meter->steps[++meter->step % METER_STEPS] = 0;
        meter->steps[step % METER_STEPS] += n;
        meter->total += n;
}

uint64_t meter_last_minute(const Meter *meter, uint64_t now_usec) {
        uint64_t step = now_usec / METER_STEP_USEC, sum = 0;

        for (uint64_t i = 0; i < METER_STEPS; i++)
                /* Only steps that were written in the last minute; older places hold old counts. */
                if (meter->step >= i && meter->step - i + METER_STEPS > step)
                        sum += meter->steps[(meter->step - i) % METER_STEPS];
        return sum;
}
