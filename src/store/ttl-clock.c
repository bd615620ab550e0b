/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ttl-clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

/* 2020: a wall clock before that was never set, and what it is set to then is no time passed. */
#define WALL_MIN_MSEC UINT64_C(1577836800000)

/* In the year 140000; marks beyond that are damaged. */
#define MSEC_MAX (UINT64_C(1) << 52)

static uint64_t boot_msec(void) {
        struct timespec ts = {0};

        (void)clock_gettime(CLOCK_BOOTTIME, &ts); /* can fail only for a clock that isn't there */
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The kernel's random UUID, folded. */
uint64_t ttl_boot_id(void) {
        int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        uint64_t id = 0;
        char text[36];
        ssize_t n;

        if (fd < 0)
                return 0;
        n = read(fd, text, sizeof(text));
        (void)close(fd);
        for (ssize_t i = 0; i < n; i++) {
                int digit = hex_digit(text[i]);

                if (digit >= 0)
                        id = (id << 4 | id >> 60) ^ (uint64_t)digit;
        }
        return id;
}

TtlReading ttl_reading_now(uint64_t boot_id) {
        return (TtlReading){
                        .boot_id = boot_id,
                        .boot_msec = boot_msec(),
                        .wall_msec = clock_wall_msec(),
        };
}

static uint64_t since(uint64_t then, uint64_t now) {
        return now > then ? now - then : 0;
}

static uint64_t passed(const TtlReading *then, const TtlReading *now) {
        if (then->boot_id != 0 && then->boot_id == now->boot_id)
                return since(then->boot_msec, now->boot_msec);
        return then->wall_msec >= WALL_MIN_MSEC ? since(then->wall_msec, now->wall_msec) : 0;
}

TtlClock ttl_clock_start(const TtlMark *mark, const TtlReading *now) {
        /* The first one begins with the wall clock: not that it matters. */
        bool usable = mark->msec > 0 && mark->msec < MSEC_MAX;
        uint64_t msec = usable ? mark->msec + passed(&mark->at, now) : now->wall_msec;

        return (TtlClock){.start = {.msec = msec, .at = *now}};
}

TtlMark ttl_clock_mark(const TtlClock *clock, const TtlReading *now) {
        return (TtlMark){
                        .msec = clock->start.msec +
                                since(clock->start.at.boot_msec, now->boot_msec),
                        .at = *now,
        };
}

uint64_t ttl_clock_msec(const TtlClock *clock) {
        return clock->start.msec + since(clock->start.at.boot_msec, boot_msec());
}
