/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Quota
 *
 * Spool and inbox may each fill one half of what the store may hold: neither can starve the other.
 * Bytes are those of topics and payloads.
 */

#include <stdbool.h>
#include <stdint.h>

#include "message/message.h"
#include "store/store.h"

uint64_t quota_size(const Message *message);

/* May one more of @size bytes join @n of @bytes in one half? */
bool quota_allows(const StoreLimits *limits, uint64_t n, uint64_t bytes, uint64_t size);

/* And when @n_gone of @bytes_gone have left? Many that leave, and twice what comes, is enough in
 * any case: limits that became much lower are reached step by step. */
bool quota_allows_after(const StoreLimits *limits,
                        uint64_t n,
                        uint64_t bytes,
                        uint64_t size,
                        uint64_t n_gone,
                        uint64_t bytes_gone);
