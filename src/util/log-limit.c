/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both tables forget what is full again first, that is what was quiet for longest: in a flood of
 * more texts than there is room for, the place's own limit holds.
 */
#include "util/log-limit.h"

#include <stddef.h>

#include "util/clock.h"

#define SITE_BURST         100U
#define SITE_INTERVAL_USEC (600 * USEC_PER_SEC)
#define TEXT_BURST         4U
#define TEXT_INTERVAL_USEC (900 * USEC_PER_SEC)

bool log_bucket_has(uint64_t full_usec, unsigned burst, uint64_t interval_usec, uint64_t now_usec) {
        return full_usec <= now_usec || full_usec - now_usec <= (burst - 1) * interval_usec;
}

void log_bucket_take(uint64_t *full_usec, uint64_t interval_usec, uint64_t now_usec) {
        *full_usec = (*full_usec > now_usec ? *full_usec : now_usec) + interval_usec;
}

/* FNV-1a: texts are only compared. */
static uint32_t hash_text(const char *text) {
        uint32_t h = 2166136261U;

        for (; *text; text++)
                h = (h ^ (unsigned char)*text) * 16777619U;
        return h;
}

static struct LogSite *site_of(LogLimit *limit, const char *format) {
        struct LogSite *oldest = &limit->sites[0];

        for (size_t i = 0; i < LOG_LIMIT_SITES; i++) {
                struct LogSite *site = &limit->sites[i];

                if (site->format == format)
                        return site;
                if (site->full_usec < oldest->full_usec)
                        oldest = site;
        }
        *oldest = (struct LogSite){.format = format};
        return oldest;
}

static struct LogText *text_of(LogLimit *limit, uint32_t hash) {
        struct LogText *oldest = &limit->texts[0];

        for (size_t i = 0; i < LOG_LIMIT_TEXTS; i++) {
                struct LogText *text = &limit->texts[i];

                if (text->hash == hash && text->full_usec != 0)
                        return text;
                if (text->full_usec < oldest->full_usec)
                        oldest = text;
        }
        *oldest = (struct LogText){.hash = hash};
        return oldest;
}

bool log_limit_take(LogLimit *limit,
                    const char *format,
                    const char *text,
                    uint64_t now_usec,
                    unsigned *ret_left_out) {
        struct LogSite *site = site_of(limit, format);
        struct LogText *same = text_of(limit, hash_text(text));

        if (!log_bucket_has(site->full_usec, SITE_BURST, SITE_INTERVAL_USEC, now_usec) ||
            !log_bucket_has(same->full_usec, TEXT_BURST, TEXT_INTERVAL_USEC, now_usec)) {
                site->n_left_out++;
                return false;
        }
        log_bucket_take(&site->full_usec, SITE_INTERVAL_USEC, now_usec);
        log_bucket_take(&same->full_usec, TEXT_INTERVAL_USEC, now_usec);
        *ret_left_out = site->n_left_out;
        site->n_left_out = 0;
        return true;
}
