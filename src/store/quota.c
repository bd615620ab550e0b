/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quota.h"

#include <string.h>

#define MANY 1024

uint64_t quota_size(const Message *message) {
        return message_payload_size(message) + strlen(message_topic(message));
}

static uint64_t half(uint64_t whole) {
        return whole / 2 + whole % 2;
}

bool quota_allows(const StoreLimits *limits, uint64_t n, uint64_t bytes, uint64_t size) {
        uint64_t max_bytes = half(limits->max_bytes);

        if (limits->max_messages > 0 && n >= half(limits->max_messages))
                return false;
        return limits->max_bytes == 0 || (size <= max_bytes && bytes <= max_bytes - size);
}

bool quota_allows_after(const StoreLimits *limits,
                        uint64_t n,
                        uint64_t bytes,
                        uint64_t size,
                        uint64_t n_gone,
                        uint64_t bytes_gone) {
        if (n_gone > n || bytes_gone > bytes)
                return false; /* the totals are wrong: whoever deletes finds that out */
        return quota_allows(limits, n - n_gone, bytes - bytes_gone, size) ||
               (n_gone >= MANY && bytes_gone / 2 >= size);
}
