/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Topic names and topic filters, MQTT 3.1.1 §4.7. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "util/macro.h"

/* What a cloud allows beyond MQTT itself; 0 means no limit of its own. */
typedef struct TopicLimits {
        size_t max_bytes;
        size_t max_slashes;
} TopicLimits;

/* NULL when @topic is a valid topic name, else a static phrase that says what is wrong with it
 * ("is empty", "contains the wildcard '#'", "is longer than 128 bytes allow"). */
const char *topic_name_problem(const char *topic, const TopicLimits *limits);

/* The same for a topic filter (wildcards allowed where MQTT allows them). */
const char *topic_filter_problem(const char *filter, const TopicLimits *limits);

/* Whether the name matches the filter. Wildcards at the front don't match names that begin
 * with '$' (§4.7.2). Both must be valid. */
bool topic_matches(const char *filter, const char *topic);
